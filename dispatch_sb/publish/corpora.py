"""What is known of the data of a run: names, licences, whom to thank.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import re
from pathlib import Path

from dispatch_sb.data.manifest import read_manifest
from dispatch_sb.runs.run import MINI, Run

OWN = "own recordings"
TEST_SETS = {
    MINI: "mini corpus, test speaker",
    "voicebank": "VoiceBank-DEMAND, test set",
    OWN: "own recordings, test pairs",
    "unknown": "test set of the run",
}
# What a corpus that is known here is called.
TITLES = {MINI: "mini corpus", "voicebank": "VoiceBank-DEMAND"}
VOICEBANK_TEST = (824, {"p232", "p257"})  # pairs and speakers
# https://doi.org/10.7488/ds/2117 states the licence.
VOICEBANK = {
    "name": "VoiceBank-DEMAND (Valentini-Botinhao, University of Edinburgh)",
    "licence": "CC BY 4.0",
    "url": "https://doi.org/10.7488/ds/2117",
    "use": "training, validation",
}
ROW = re.compile(r"^\| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)


def corpus_of(run: Run) -> str:
    """Which corpus a run was validated and tested on.

    Arguments
    ---------
    run : Run
        The run.

    Returns
    -------
    str
        A key of ``TEST_SETS``. VoiceBank-DEMAND is told by its whole test
        set, since other data come in the same folders.
    """
    folder = run.settings.plain.get("data_folder")
    if folder is None:
        return OWN
    if folder == MINI:
        return MINI
    entries = read_manifest(run.manifest("test")).values()
    found = len(entries), {entry["speaker"] for entry in entries}
    return "voicebank" if found == VOICEBANK_TEST else "unknown"


def training_data(run: Run) -> list[dict[str, str]]:
    """What a run learned from, for its card.

    Arguments
    ---------
    run : Run
        The run.

    Returns
    -------
    list of dict
        ``name``, ``licence`` and ``use`` each; empty where only a person
        knows.

    Raises
    ------
    FileNotFoundError
        If it is the mini corpus, and that is not found.
    """
    corpus = corpus_of(run)
    if run.settings.plain.get("clean_folders") is not None:
        return []
    if corpus == "voicebank":
        return [VOICEBANK]
    return _mini_data(run) if corpus == MINI else []


def unknown_folders(run: Run) -> dict[str, str]:
    """The folders of which only a person knows the licence.

    Arguments
    ---------
    run : Run
        The run.

    Returns
    -------
    dict
        What each was used for, by the folder's name.
    """
    folders = {}
    for key, use in (
        ("clean_folders", "clean speech"),
        ("noise_folders", "noise"),
        ("train_pairs", "training"),
        ("valid_pairs", "validation"),
        ("data_folder", "training, validation"),
    ):
        value = run.settings.plain.get(key) or []
        for path in [value] if isinstance(value, str) else value:
            if path != MINI:
                folders[Path(path).name] = use
    return folders


def training_folders(run: Run) -> dict[str, str]:
    """All folders that a run learned from or validated on.

    Arguments
    ---------
    run : Run
        The run.

    Returns
    -------
    dict
        What each was used for, by the folder's name.
    """
    folders = unknown_folders(run)
    if run.settings.plain.get("data_folder") == MINI:
        name = Path(run.settings.plain.get("mini_folder", MINI)).name
        folders[name] = "training, validation"
    return folders


def credit_of_example(run: Run, name: str) -> str:
    """Whose sound a test utterance is.

    Arguments
    ---------
    run : Run
        The run.
    name : str
        The utterance's id.

    Returns
    -------
    str
        A sentence for the card; empty where only a person knows.
    """
    corpus = corpus_of(run)
    if corpus == "voicebank":
        return f"`example.wav` is {name} of VoiceBank-DEMAND (CC BY 4.0)."
    sources = _mini_sources(run) if corpus == MINI else {}
    if name not in sources.get("test", {}):
        return ""
    noise = sources["test"][name]["noise"]
    speech = name.split("_")[0]
    thanks = [
        f"{what} {row['by']} ({row['licence'].replace('none', 'no licence')})"
        for what, row in (
            ("speech:", _row_of(speech, run)),
            ("noise:", _row_of(noise, run)),
        )
        if row is not None
    ]
    return f"`example.wav` is {name} of the mini corpus; {'; '.join(thanks)}."


def _mini_data(run: Run) -> list[dict[str, str]]:
    """The recordings of the mini corpus that trained or validated."""
    sources = _mini_sources(run)
    uses = {_speaker(name): "clean speech" for name in sources.get("train", {})}
    for entry in read_manifest(run.manifest("valid")).values():
        uses[entry["speaker"]] = "validation"
    uses.update(
        dict.fromkeys(sources.get("noise", {}).get("train", ()), "noise")
    )
    rows: dict[str, dict] = {}
    for name, use in uses.items():
        row = _row_of(name, run)
        if row is not None and row["licence"] != "none":
            title = f"mini corpus, {row['what']}: {row['by']}"
            rows[title] = {"licence": row["licence"], "use": use}
    return [{"name": name, **row} for name, row in rows.items()]


def _speaker(name: str) -> str:
    """The speaker of an utterance of the mini corpus: allison_0001."""
    return name.split("_")[0]


def _mini_sources(run: Run) -> dict:
    """``sources.json`` of the mini corpus."""
    text = _mini_file(run, "sources.json").read_text(encoding="utf-8")
    return json.loads(text)


def _mini_file(run: Run, name: str) -> Path:
    """A file of the mini corpus."""
    root = run.data_root
    if root is None or not (root / name).is_file():
        place = root or run.settings.plain.get("mini_folder")
        raise FileNotFoundError(
            f"{name} of the mini corpus is not found in {place}: export where "
            "the run was trained, or name the data with --card."
        )
    return root / name


def _row_of(name: str, run: Run) -> dict[str, str] | None:
    """Who made a speaker or a noise, by the corpus' ``LICENCES.md``."""
    text = _mini_file(run, "LICENCES.md").read_text(encoding="utf-8")
    for what, by, licence in ROW.findall(text):
        for title in what.split(", "):
            if name == title or name.startswith(f"{title}_"):
                return {"what": what, "by": by, "licence": licence}
    return None
