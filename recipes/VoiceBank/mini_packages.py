"""The Debian packages that the mini corpus is made of: fetched by apt without
root or found among files, unpacked, recorded with their licences.

Authors
 * The dispatch-sb contributors, 2026
"""

import io
import logging
import lzma
import re
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from dispatch_sb.data import sha256_of

logger = logging.getLogger(__name__)

SPEECH_PACKAGES = {
    language: f"asterisk-core-sounds-{language}-g722"
    for language in ("en", "es", "fr", "it", "ru")
}
KEYBOARD_PACKAGE = "bucklespring-data"
GAME_PACKAGE = "minetest-data"
GAME_FOLDER = "usr/share/games/minetest/games/minetest_game/mods"
MODS = ("carts", "default", "env_sounds", "fire")  # that noises are made of
LICENCE_FILES = (
    "usr/share/doc/*/copyright",
    *(f"{GAME_FOLDER}/{mod}/README.txt" for mod in MODS),
)
PACKAGES = (*SPEECH_PACKAGES.values(), KEYBOARD_PACKAGE, GAME_PACKAGE)
TIMEOUT = 600  # seconds, for one call of apt-get
APT_OPTIONS = ("-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=20")
NOT_NEEDED = "none"  # licence of what is nobody's recording
CC0, BY, BY_SA = "CC0 1.0", "CC BY 3.0", "CC BY-SA 3.0"
# Whose the speakers and noises are, and under which licence.
CREDITS = {
    "allison": ("Allison Smith, financed by Digium", BY_SA),
    "june": ("June Wallack, financed by Digium and others", BY_SA),
    "carlo": ("Carlo Flora", BY),
    "ivrvoice": ("provided by Maxim Topal, ivrvoice.ru", BY),
    "babble": ("Allison Smith, June Wallack, Carlo Flora", f"{BY_SA}, {BY}"),
    "typing": ("Ico Doornekampt (bucklespring)", "GPL-2+"),
    "fire_1": ("Dynamicell (freesound 17548)", BY),
    "fire_2": ("dobroide (freesound 4211)", BY),
    "lava_1": ("Halion (freesound 17785)", CC0),
    "stream_1": ("Yuval (freesound 197023)", CC0),
    "furnace_1": ("iankath (freesound 173991)", CC0),
    "splashing_1": ("AGFX (freesound pack 1253)", BY),
    "digging_1": ("lolamadeus (179341), Benboncan (71823)", f"{CC0}, {BY}"),
    "walking_1": ("Mito551", BY_SA),
    "walking_2": ("worthahep88 (319224), Erdie (41579)", f"{CC0}, {BY}"),
    "rolling_1": ("Minetest's contributors (carts)", "Expat (per Debian)"),
    "pink": ("generated", NOT_NEEDED),
    "speechshaped": ("generated", NOT_NEEDED),
}
DAMAGE = (EOFError, tarfile.TarError, lzma.LZMAError, zlib.error)
LICENCES = """\
# Licences of the mini corpus

The recordings keep the licences of the Debian packages they come from; the
packages' own statements lie in `licences/`. Changes: decoded, resampled to
16 kHz, cut, joined, scaled, mixed. The mixtures adapt speech and noise alike,
so both licences hold for them. Noisy files are named in `log_*.txt` with
their noise, and `sources.json` names the recordings of each file and noise.

| What | By | Licence |
|---|---|---|
{rows}

| Package | Version | SHA-256 |
|---|---|---|"""


class PackageError(RuntimeError):
    """What the corpus is made of cannot be had, or is not as it should be."""


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

    def find(self, pattern: str) -> list[Path]:
        """What the package holds, sorted by name.

        Arguments
        ---------
        pattern : str
            A path with wildcards, relative to ``/``.

        Returns
        -------
        list of Path
            One or more.

        Raises
        ------
        PackageError
            If there is nothing of that name.
        """
        found = sorted(self.folder.glob(pattern))
        if not found:
            raise PackageError(
                f"{self.name} {self.version} holds no {pattern}, unlike in "
                "Debian 12"
            )
        return found


def get_packages(sources: Sequence[Path], folder: Path) -> dict[str, Package]:
    """Finds the packages, or downloads them with apt-get, and unpacks them.

    Arguments
    ---------
    sources : sequence of Path
        .deb files, and folders that hold some; none to download them.
    folder : Path
        A folder to work in.

    Returns
    -------
    dict
        ``Package`` by name.

    Raises
    ------
    PackageError
        If there is not one file of each package, or one is damaged.
    """
    sources = sources or [_download(folder / "downloads")]
    files = [
        file
        for source in sources
        for file in (source.glob("*.deb") if source.is_dir() else [source])
    ]
    found = {
        name: [file for file in files if file.name.startswith(f"{name}_")]
        for name in PACKAGES
    }
    wrong = [name for name, versions in found.items() if len(versions) != 1]
    if wrong:
        raise PackageError(
            f"{', '.join(map(str, sources))} must hold one file "
            "NAME_VERSION_all.deb of each package, but there is none, or more "
            f"than one, of {', '.join(wrong)}"
        )
    packages = {}
    for name, (file,) in found.items():
        extract(file, folder / name)
        version = unquote(file.name.split("_")[1])
        packages[name] = Package(name, version, sha256_of(file), folder / name)
    return packages


def _download(folder: Path) -> Path:
    """Downloads the packages to a new folder, which is returned."""
    if shutil.which("apt-get") is None:
        raise PackageError("there is no apt-get on this machine")
    for place in ("apt/partial", "apt/archives/partial"):
        (folder / place).mkdir(parents=True)
    logger.info("Downloading %d Debian packages (60 MB)", len(PACKAGES))
    # A fresh container has no package lists, and only root may write the
    # system's: then they are fetched to a place of our own.
    places = ("Dir::State", "Dir::State::lists", "Dir::Cache")
    private = [f"-o{place}={folder.resolve()}/apt" for place in places]
    download = ["download", *PACKAGES]
    if _apt(download, folder):
        fetching = _apt([*private, "update"], folder)
        if complaint := _apt([*private, *download], folder):
            raise PackageError("; ".join(filter(None, (fetching, complaint))))
    return folder


def _apt(arguments: list[str], folder: Path) -> str:
    """Runs apt-get in a folder; returns its first complaint, if any."""
    try:
        result = subprocess.run(
            ["apt-get", "-q", *APT_OPTIONS, *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return f"apt-get did not finish in {TIMEOUT} seconds"
    # `update` only warns of lists that it could not fetch.
    serious = "E: (.*)" if result.returncode else "W: (Failed to fetch .*)"
    complaints = re.findall(f"^{serious}", result.stderr, re.MULTILINE)
    if result.returncode:
        complaints.append(f"apt-get failed with status {result.returncode}")
    return complaints[0].rstrip(". ") if complaints else ""


def extract(archive: Path, folder: Path) -> None:
    """Extracts the plain files of an archive, and compares its checksum.

    Arguments
    ---------
    archive : Path
        A .deb file, or a tar file in any compression that Python knows.
    folder : Path
        A new folder.

    Raises
    ------
    PackageError
        If the archive is damaged, or none.
    """
    is_package = archive.suffix == ".deb"
    try:
        with (_open_deb if is_package else tarfile.open)(archive) as tar:
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            for entry in tar:
                if entry.isreg():
                    tar.extract(entry, folder)
            while tar.fileobj.read(1 << 20):  # the checksum is at the end
                pass
    except (OSError, ValueError, *DAMAGE) as error:
        raise PackageError(
            f"{archive} cannot be unpacked ({error}): check that it is a "
            "whole .deb or .tar.gz file"
        ) from error


def _open_deb(file: Path) -> tarfile.TarFile:
    """Opens what a package installs: `data.tar.*` in an archive of ar's."""
    with open(file, "rb") as archive:
        if archive.read(8) != b"!<arch>\n":
            raise ValueError("it is no Debian package")
        name = ""
        while not name.startswith("data.tar"):
            if not (header := archive.read(60)):
                raise ValueError("it ends too early")
            name, size = header[:16].decode(), int(header[48:58])
            content = archive.read(size + size % 2)[:size]
    if ".zst" in name:  # Ubuntu's, which Python cannot read
        command = ["dpkg-deb", "--fsys-tarfile", str(file)]
        content = subprocess.run(command, capture_output=True).stdout
    return tarfile.open(fileobj=io.BytesIO(content))


def kind_of(name: str) -> str:
    """The entry of `CREDITS` for a speaker or a noise.

    Arguments
    ---------
    name : str
        A speaker, or a noise as it is numbered.

    Returns
    -------
    str
        Its key: the recording's own where it has one.

    Example
    -------
    >>> kind_of("typing_2"), kind_of("fire_2")
    ('typing', 'fire_2')
    """
    return name if name in CREDITS else name.rpartition("_")[0]


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
    rows = [f"| {name} | {by} | {lic} |" for name, (by, lic) in CREDITS.items()]
    lines = [LICENCES.format(rows="\n".join(rows))]
    for package in packages.values():
        lines.append(
            f"| {package.name} | {package.version} | {package.sha256} |"
        )
        for pattern in LICENCE_FILES:
            for document in package.folder.glob(pattern):
                name = "-".join(document.parts[-2:])
                target = folder / "licences" / package.name / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(document, target)
    (folder / "LICENCES.md").write_text("\n".join(lines) + "\n")
    return {
        package.name: {"version": package.version, "sha256": package.sha256}
        for package in packages.values()
    }
