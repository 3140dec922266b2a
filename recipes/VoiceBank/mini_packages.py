"""The Debian packages that the mini corpus is made of: fetched by apt without
root, unpacked by dpkg-deb, recorded with their versions, hashes and licences.

Authors
 * The dispatch-sb contributors, 2026
"""

import logging
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from dispatch_sb.data import sha256_of

logger = logging.getLogger(__name__)

SPEECH_PACKAGES = {
    language: f"asterisk-core-sounds-{language}-g722"
    for language in ("en", "es", "fr", "it", "ru")
}
KEYBOARD_PACKAGE = "bucklespring-data"
GAME_PACKAGE = "minetest-data"
GAME_FOLDER = "usr/share/games/minetest/games/minetest_game/mods"
GAME_README = tuple(
    f"{mod}/README.txt" for mod in ("carts", "default", "env_sounds", "fire")
)
PACKAGES = (*SPEECH_PACKAGES.values(), KEYBOARD_PACKAGE, GAME_PACKAGE)
TIMEOUT = 600  # seconds, for one call of apt-get
APT_OPTIONS = ("-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=20")
OTHER_WAYS = (
    "Two other ways need no Debian packages: VoiceBank-DEMAND with "
    "`--data_folder PATH`, or your own recordings with "
    "`--clean_folders '[PATH]' --noise_folders '[PATH]'`."
)
LICENCES = """# Licences of the mini corpus

The recordings keep the licences of the Debian packages they come from; the
packages' own statements lie in `licences/`. Changes: decoded, resampled to
16 kHz, cut, joined, scaled, mixed. The mixtures adapt speech and noise alike,
so both licences hold for them. Noisy files are named in `log_*.txt` with
their noise, and `sources.json` names the recordings of each file and noise.

| What | By | Licence |
|---|---|---|
| allison | Allison Smith, financed by Digium | CC BY-SA 3.0 |
| june | June Wallack, financed by Digium and others | CC BY-SA 3.0 |
| carlo | Carlo Flora | CC BY 3.0 |
| ivrvoice | provided by Maxim Topal, ivrvoice.ru | CC BY 3.0 |
| babble | the first three above | CC BY-SA 3.0, CC BY 3.0 |
| typing | Ico Doornekampt (bucklespring) | GPL-2+ |
| fire_1 | Dynamicell (freesound 17548) | CC BY 3.0 |
| fire_2 | dobroide (freesound 4211) | CC BY 3.0 |
| lava_1 | Halion (freesound 17785) | CC0 1.0 |
| stream_1 | Yuval (freesound 197023) | CC0 1.0 |
| furnace_1 | iankath (freesound 173991) | CC0 1.0 |
| splashing_1 | AGFX (freesound pack 1253) | CC BY 3.0 |
| digging_1 | lolamadeus (179341), Benboncan (71823) | CC0 1.0, CC BY 3.0 |
| walking_1 | Mito551 | CC BY-SA 3.0 |
| walking_2 | worthahep88 (319224), Erdie (41579) | CC0 1.0, CC BY 3.0 |
| rolling_1 | Minetest's contributors (carts) | Expat (per Debian) |
| pink, speechshaped | generated | none |

| Package | Version | SHA-256 |
|---|---|---|"""


class PackageError(RuntimeError):
    """The packages cannot be had here; says why and what else one can do.

    Arguments
    ---------
    reason : str
        Why, a clause; kept as ``reason``, without a full stop.
    """

    def __init__(self, reason: str):
        self.reason = reason.strip().rstrip(".")
        super().__init__(
            f"The mini corpus cannot be built: {self.reason}. It is "
            "made of Debian packages, which need apt-get, dpkg-deb and a "
            f"Debian mirror within reach. {OTHER_WAYS}"
        )


class Package(NamedTuple):
    """An unpacked package.

    Arguments
    ---------
    name : str
        Debian's name.
    version : str
        Debian's version.
    sha256 : str
        Of the .deb file.
    folder : Path
        What the package would install below ``/``.
    """

    name: str
    version: str
    sha256: str
    folder: Path

    @property
    def documents(self) -> list[Path]:
        """The files that state the licences of its recordings."""
        statement = self.folder / f"usr/share/doc/{self.name}/copyright"
        readmes = [self.folder / GAME_FOLDER / path for path in GAME_README]
        return [path for path in [statement, *readmes] if path.is_file()]


def fetch_packages(folder: Path, names=PACKAGES) -> dict[str, Package]:
    """Downloads and unpacks packages.

    Arguments
    ---------
    folder : Path
        An empty folder to work in.
    names : sequence of str
        The packages.

    Returns
    -------
    dict
        ``Package`` by name.

    Raises
    ------
    PackageError
        If there is no apt-get, or it cannot get the packages.
    """
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise PackageError(f"there is no {tool} on this machine")
    folder = folder.resolve()
    downloads = folder / "downloads"
    downloads.mkdir(parents=True)
    logger.info("Downloading %d Debian packages (60 MB)", len(names))
    try:
        _apt(["download", *names], downloads)
    except PackageError as first:
        logger.info("Fetching package lists, because %s", first.reason)
        private = _private_lists(folder / "apt")
        failed = _apt([*private, "update"], downloads)
        try:
            _apt([*private, "download", *names], downloads)
        except PackageError as second:
            reasons = [*failed[:1], second.reason]
            raise PackageError("; ".join(reasons)) from None
    return {name: _unpack(name, downloads, folder) for name in names}


def _private_lists(folder: Path) -> list[str]:
    """Options that keep apt's lists and caches in a folder of our own.

    A fresh container has no lists, and only root may write the system's.
    """
    for part in ("lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True)
    return [
        "-o",
        f"Dir::State={folder}",
        "-o",
        f"Dir::State::lists={folder / 'lists'}",
        "-o",
        f"Dir::Cache={folder / 'cache'}",
    ]


def _apt(arguments: list, folder: Path) -> list[str]:
    """Runs apt-get in a folder; returns what it could not fetch."""
    try:
        result = subprocess.run(
            ["apt-get", "-q", *APT_OPTIONS, *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired as error:
        reason = f"apt-get did not finish in {TIMEOUT} seconds"
        raise PackageError(reason) from error
    complaints = re.findall(r"^E: (.*)", result.stderr, re.M)
    if result.returncode != 0:
        raise PackageError((complaints or [result.stderr])[0])
    # `update` only warns of lists that it could not fetch.
    return re.findall(r"^W: (Failed to fetch .*)", result.stderr, re.M)


def _unpack(name: str, downloads: Path, folder: Path) -> Package:
    """Unpacks the one file of a package."""
    (archive,) = downloads.glob(f"{name}_*.deb")
    target = folder / name
    for command in (
        ["dpkg-deb", "-x", str(archive), str(target)],
        ["dpkg-deb", "-f", str(archive), "Version"],
    ):
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            raise PackageError(f"{archive.name}: {result.stderr.strip()}")
    version = result.stdout.strip()
    return Package(name, version, sha256_of(archive), target)


def write_licences(packages: dict[str, Package], folder: Path) -> dict:
    """Writes ``LICENCES.md`` and copies what the packages say themselves.

    Arguments
    ---------
    packages : dict
        ``Package`` by name.
    folder : Path
        Receives the page, and the documents in ``licences/``.

    Returns
    -------
    dict
        Version and SHA-256 by package.
    """
    lines = [LICENCES]
    for package in packages.values():
        lines.append(
            f"| {package.name} | {package.version} | {package.sha256} |"
        )
        for document in package.documents:
            name = "-".join(document.relative_to(package.folder).parts[-2:])
            target = folder / "licences" / package.name / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(document, target)
    (folder / "LICENCES.md").write_text("\n".join(lines) + "\n")
    return {
        package.name: {"version": package.version, "sha256": package.sha256}
        for package in packages.values()
    }
