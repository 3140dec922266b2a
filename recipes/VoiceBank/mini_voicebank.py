#!/usr/bin/env python3
"""Builds the mini corpus: real speech and noise from Debian's packages, mixed
in the folder layout of VoiceBank-DEMAND, for the quick run and for tests.

Speakers: allison (English and Spanish) and june (French) to train with,
carlo (Italian) to validate with, ivrvoice (Russian) to test with; nothing
else uses the test speaker. Noises for training and test share no recording.

Examples
--------
Where there is apt-get:
    python mini_voicebank.py /data/mini
Written to one file there, and read where there is none:
    python mini_voicebank.py /data/mini --pack mini.tar.gz
    python mini_voicebank.py /data/mini --from mini.tar.gz
From the packages' files:
    python mini_voicebank.py /data/mini --from folder_of_deb_files

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import json
import shutil
import sys
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from mini_packages import (
    CREDITS,
    NOT_NEEDED,
    Package,
    PackageError,
    extract,
    get_packages,
    kind_of,
    write_licences,
)
from mini_sounds import Noise, Prompt, make_noises, make_speech

from dispatch_sb.data import write_audio
from dispatch_sb.data.files import atomic_path, map_files
from dispatch_sb.data.levels import active_rms, mix
from dispatch_sb.data.segments import random_generator

SEED = 2026
# Names this corpus in its marker: another one, when a build gives others.
SETTINGS = "c0a9d949f321cc7655a540476fe8cf396cdcf70363753aecdcbce67afa3b3437"
MARKER = ".mini_voicebank.json"
COMPLETE = json.dumps({"settings": SETTINGS, "complete": True})
CLEAN = {
    "train": "clean_trainset_28spk_wav_16k",
    "test": "clean_testset_wav_16k",
}
NOISY = {
    "train": "noisy_trainset_28spk_wav_16k",
    "test": "noisy_testset_wav_16k",
}
LOGS = {"train": "log_trainset_28spk.txt", "test": "log_testset.txt"}
NOISE_FOLDER = "noise_trainset_16k"
PARTS = (
    *(name for names in (CLEAN, NOISY, LOGS) for name in names.values()),
    *(NOISE_FOLDER, "licences", "LICENCES.md", "sources.json"),
)
SNRS = {"train": (0, 5, 10, 15), "test": (2.5, 7.5, 12.5, 17.5)}  # dB
LEVELS = (-26.0, -18.0)  # of active speech, dB below full scale
OTHER_WAYS = (
    "with the archive that --pack wrote on another machine or with the Debian "
    "packages' .deb files, or train on VoiceBank-DEMAND with `--data_folder "
    "PATH` or on your own recordings with `--clean_folders '[PATH]' "
    "--noise_folders '[PATH]'`."
)


def prepare_mini(
    folder: str | Path, sources: Sequence[str | Path] = ()
) -> Path:
    """Builds the mini corpus, unless it is there.

    Arguments
    ---------
    folder : str or Path
        Where it is to lie: a new or empty folder, or one built by an earlier
        version or only in part, which is built anew. One process at a time.
    sources : sequence of str or Path
        The archive that ``pack`` wrote; or the packages' .deb files, or
        folders that hold them; none to fetch them with apt-get.

    Returns
    -------
    Path
        The folder. It holds VoiceBank's four ``…_wav_16k`` folders (PCM_16),
        ``noise_trainset_16k`` with the training noises alone, VoiceBank's
        log files (name, noise, SNR), ``sources.json`` and ``LICENCES.md``.

    Raises
    ------
    PackageError
        If the sources are missing, damaged or others, or apt-get cannot get
        the packages: then the other ways to get data are named.
    ValueError
        If the folder holds something else.
    """
    folder, is_new = Path(folder), not Path(folder).exists()
    if is_complete(folder):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(".building-*"):
        shutil.rmtree(leftover)
    marker = folder / MARKER
    if any(folder.iterdir()) and not marker.exists():
        raise ValueError(
            f"{folder} holds files that are not the mini corpus: name an "
            "empty or a new folder."
        )
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".building-") as f:
            corpus = _make([Path(source) for source in sources], Path(f))
            marker.write_text("{}")  # ours, and not complete
            for part in PARTS:
                if (folder / part).is_dir():
                    shutil.rmtree(folder / part)
                (corpus / part).replace(folder / part)
            with atomic_path(marker) as temporary:
                temporary.write_text(COMPLETE)
    except PackageError as error:
        if sources:
            raise
        raise PackageError(
            f"The mini corpus cannot be made: {error}. Run `python "
            f"{Path(__file__).resolve()} {folder} --from PATH` {OTHER_WAYS}"
        ) from error
    finally:
        if is_new and not any(folder.iterdir()):
            folder.rmdir()
    return folder


def is_complete(folder: Path) -> bool:
    """Whether a folder holds the whole mini corpus of this version.

    Arguments
    ---------
    folder : Path
        It need not be there.

    Returns
    -------
    bool
        What its marker says.
    """
    marker = folder / MARKER
    return marker.is_file() and marker.read_text() == COMPLETE


def _make(sources: list[Path], work: Path) -> Path:
    """Makes the corpus of an archive or of packages; returns its folder."""
    corpus = work / "corpus"
    if len(sources) != 1 or sources[0].is_dir() or sources[0].suffix == ".deb":
        build_corpus(get_packages(sources, work), corpus)
        return corpus
    extract(sources[0], corpus)
    there = all((corpus / part).exists() for part in PARTS)
    if not there or not is_complete(corpus):
        raise PackageError(f"{sources[0]} holds no mini corpus of this version")
    return corpus


def pack(folder: str | Path, archive: str | Path) -> None:
    """Writes a mini corpus to one file, for machines that cannot build it.

    Arguments
    ---------
    folder : str or Path
        The corpus; other files that lie there are left out.
    archive : str or Path
        A ``.tar.gz`` file, which is replaced if it is there.
    """
    with (
        atomic_path(archive) as temporary,
        tarfile.open(temporary, "w:gz", compresslevel=5) as file,
    ):
        for part in (MARKER, *PARTS):
            file.add(Path(folder, part), part)


def build_corpus(packages: Mapping[str, Package], folder: Path) -> None:
    """Builds the corpus from unpacked packages.

    Arguments
    ---------
    packages : mapping
        ``Package`` by name.
    folder : Path
        A new folder.
    """
    speech, babble = make_speech(packages, SEED)
    record = {"seed": SEED, "settings": SETTINGS, "noise": {}}
    for split in ("train", "test"):
        # The test speaker gives nothing, not even a spectrum, to a noise.
        shape = list(speech["train"].values())
        noises = make_noises(packages, babble[split], shape, split, SEED)
        record[split] = write_split(speech[split], noises, split, folder)
        record["noise"][split] = {n: noises[n].sources for n in noises}
        if split == "train":
            for name, noise in noises.items():
                path = folder / NOISE_FOLDER / f"{name}.wav"
                write_audio(path, noise.signal, subtype="PCM_16")
    record["packages"] = write_licences(packages, folder)
    (folder / "sources.json").write_text(json.dumps(record, indent=1))


def write_split(
    utterances: Mapping[str, Prompt],
    noises: Mapping[str, Noise],
    split: str,
    folder: Path,
) -> dict:
    """Mixes and writes the pairs of a split, and VoiceBank's log of them.

    Speech is brought to a random level, and a random part of a noise is
    added. Noises and SNRs are gone through in turn, so that all pairings are as
    frequent; the SNR is that of ``dispatch_sb.data.levels.mix``.

    Arguments
    ---------
    utterances : mapping
        ``Prompt`` by name.
    noises : mapping
        ``Noise`` by name.
    split : str
        "train" or "test".
    folder : Path
        The corpus.

    Returns
    -------
    dict
        By utterance: its prompts, noise, SNR in dB and length in seconds.
    """
    kinds, snrs = list(noises), SNRS[split]

    def write(item):
        index, (name, utterance) = item
        turn, place = divmod(index, len(kinds))
        kind, snr_db = kinds[place], snrs[(place + turn) % len(snrs)]
        speech, noise = utterance.signal, noises[kind].signal
        rng = random_generator(SEED, 0, name)
        level = 10 ** (rng.uniform(*LEVELS) / 20)
        start = rng.integers(len(noise) - len(speech) + 1)
        part = noise[start : start + len(speech)]
        pair = mix(speech * (level / active_rms(speech)), part, snr_db)
        for signal, names in zip(pair, (NOISY, CLEAN)):
            path = folder / names[split] / f"{name}.wav"
            write_audio(path, signal, subtype="PCM_16")
        return {
            "prompts": utterance.name.split("+"),
            "noise": kind,
            "snr_db": snr_db,
            "seconds": round(utterance.seconds, 3),
        }

    items = enumerate(utterances.items())
    made = map_files(write, items, f"Mixing {split}")
    record = dict(zip(utterances, made))
    lines = [f"{n} {r['noise']} {r['snr_db']}\n" for n, r in record.items()]
    (folder / LOGS[split]).write_text("".join(lines))
    return record


def describe_mini(
    folder: str | Path, valid_speakers: Sequence[str], trains: bool = True
) -> dict:
    """What a run's record says of the mini corpus, see `Run.note`.

    Arguments
    ---------
    folder : str or Path
        The corpus.
    valid_speakers : sequence of str
        Who validates.
    trains : bool
        Whether its other speakers train; otherwise it only validates and
        tests.

    Returns
    -------
    dict
        ``name``, ``test_set``, ``data``: who was heard in training, and under
        which licence, and ``credit`` by test file.
    """
    sources = json.loads(Path(folder, "sources.json").read_text())
    uses = {}
    if trains:
        speakers = {name.split("_")[0] for name in sources["train"]}
        uses = dict.fromkeys(sorted(speakers), "clean speech")
    uses |= dict.fromkeys(map(str, valid_speakers), "validation")
    noise = "noise" if trains else "noise of validation"
    uses |= dict.fromkeys(sources["noise"]["train"], noise)
    data = {}
    for name, use in uses.items():
        by, licence = CREDITS[kind_of(name)]
        if licence != NOT_NEEDED:
            title = f"mini corpus, {kind_of(name)}: {by}"
            about = {"folder": Path(folder).name, "use": use, "name": title}
            data[title] = {**about, "licence": licence}
    return {
        "name": "mini corpus",
        "test_set": "mini corpus, test speaker",
        "data": list(data.values()),
        "credit": {
            name: f"the mini corpus; {_thanks('speech', name.split('_')[0])}; "
            f"{_thanks('noise', entry['noise'])}"
            for name, entry in sources["test"].items()
        },
    }


def _thanks(what: str, name: str) -> str:
    """Whose a speaker or a noise is, in words."""
    by, licence = CREDITS[kind_of(name)]
    return f"{what}: {by} ({licence.replace(NOT_NEEDED, 'no licence')})"


def summary(folder: Path) -> str:
    """Says in a few lines what a corpus holds.

    Arguments
    ---------
    folder : Path
        The corpus.

    Returns
    -------
    str
        Minutes and utterances by speaker, and the noises, for each split.
    """
    record = json.loads((folder / "sources.json").read_text())
    lines = []
    for split in ("train", "test"):
        seconds = defaultdict(list)
        for name, entry in record[split].items():
            seconds[name.split("_")[0]].append(entry["seconds"])
        for speaker, each in seconds.items():
            spoken = f"{sum(each) / 60:.1f} minutes in {len(each)} utterances"
            lines.append(f"{split}: {speaker}, {spoken}")
        lines.append(f"{split} noises: {', '.join(record['noise'][split])}")
    return "\n".join(lines)


def main() -> int:
    """Builds the corpus in the folder of the command line.

    Returns
    -------
    int
        The process' exit status: 0, or 1 where it could not be built.
    """
    parser = argparse.ArgumentParser(description="Builds the mini corpus.")
    parser.add_argument("folder", help="where it is to lie: new or empty")
    parser.add_argument(
        "--from",
        nargs="+",
        default=(),
        metavar="PATH",
        dest="sources",
        help="read an archive that --pack wrote, or build of .deb files and "
        "folders of them (default: fetch the packages with apt-get)",
    )
    parser.add_argument(
        "--pack",
        metavar="ARCHIVE",
        help="write the corpus to one file too (.tar.gz, 170 MB)",
    )
    options = parser.parse_args()
    if options.pack and not Path(options.pack).parent.is_dir():
        parser.error(f"there is no folder to write {options.pack} to")
    try:
        folder = prepare_mini(options.folder, options.sources)
        if options.pack:
            pack(folder, options.pack)
    except (PackageError, ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{summary(folder)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
