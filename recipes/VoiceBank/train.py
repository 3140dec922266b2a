#!/usr/bin/env python3
"""Trains a small speech enhancement model, scores it, and writes a report.

Examples
--------
The mini corpus, minutes on a CPU:
    python train.py hparams/dispatch.yaml
VoiceBank-DEMAND on a GPU:
    python train.py hparams/dispatch.yaml --data_folder /data/VoiceBank \\
        --device cuda --precision bf16
The same student without a teacher:
    python train.py hparams/baseline.yaml
Your own speech and noise, mixed anew in every epoch:
    python train.py hparams/dispatch.yaml --data_folder null \\
        --clean_folders '[/data/speech]' --noise_folders '[/data/noise]'
Shards (dispatch-sb shard) that some server holds:
    python train.py hparams/dispatch.yaml --data_folder /data/VoiceBank \\
        --train_shards 'http://host/shards'
Score a finished run again:
    python train.py hparams/dispatch.yaml --test_only
Repeat a step whose loss was not finite, from the file it was kept in:
    python train.py hparams/dispatch.yaml --replay FILE
Every key of the YAML file is an option. An interrupted run goes on when the
same command is given again.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import functools
import logging
import os
import sys
from pathlib import Path

import speechbrain as sb
from mini_voicebank import describe_mini, prepare_mini
from speechbrain.utils.distributed import ddp_init_group, run_on_main
from voicebank_prepare import describe_voicebank, prepare_voicebank

from dispatch_sb.data import (
    DynamicMixture,
    check_fills_a_batch,
    keep_in_memory,
    located_manifest,
    manifest_hash,
    own_speech,
    pair_dataset,
    read_manifest,
)
from dispatch_sb.data.disk import DataError, in_words, writable_folder
from dispatch_sb.data.files import claim
from dispatch_sb.data.shard_loader import ShardLoader
from dispatch_sb.data.shards import open_shards
from dispatch_sb.data.urls import ShardError
from dispatch_sb.enhance.record_teacher import record_parts
from dispatch_sb.losses.all_processes import process_count
from dispatch_sb.pretrained import TeacherGroup, load_teacher
from dispatch_sb.pretrained.loading import each_teacher
from dispatch_sb.pretrained.recorded import RecordedTeacher
from dispatch_sb.pretrained.recording_checks import (
    fit_recordings,
    signals_to_read,
)
from dispatch_sb.processes import available_cpus
from dispatch_sb.runs.provenance import (
    command_line,
    identify_teacher,
    provenance,
)
from dispatch_sb.runs.run import Run
from dispatch_sb.scoring.journal import ScoreJournal
from dispatch_sb.scoring.word_errors import check_word_errors
from dispatch_sb.sharing.card import read_head
from dispatch_sb.training.brain import DistillationBrain
from dispatch_sb.training.last_stage import evaluate_run, leave_process_group
from dispatch_sb.training.memory import keep_freed_memory
from dispatch_sb.training.portions import TrainingStopped
from dispatch_sb.training.rank_watch import RankWatch
from dispatch_sb.training.ranks import check_seen_by_all
from dispatch_sb.training.recipe_files import MINI, load_recipe, quoted_paths
from dispatch_sb.training.replay import repeat_step

# Data of which only a person knows the licence, and what they are for.
OWN_DATA = {
    "clean_folders": "clean speech",
    "noise_folders": "noise",
    "train_pairs": "training",
    "train_shards": "training",
    "valid_pairs": "validation",
}
SETUP_ERRORS = (ValueError, OSError, RuntimeError, ImportError)


def prepare_data(hparams: dict) -> None:
    """Makes the manifests of training, validation and test.

    Arguments
    ---------
    hparams : dict
        The recipe; see the keys about data in ``hparams/baseline.yaml``.
    """
    if hparams["skip_prep"]:
        return
    folder = corpus_folder(hparams)
    own = [hparams[key] for key in ("clean_folders", "noise_folders")]
    pairs = pair_folders(hparams)
    if pairs:
        own_speech.prepare_pairs(
            pairs, manifests(hparams), hparams["manifest_folder"]
        )
        return
    if not all(own) and (folder is None or any(own)):
        raise ValueError(
            "There is nothing to train on: give data_folder (mini, or the "
            "folder of VoiceBank-DEMAND), or both clean_folders and "
            "noise_folders, or train_pairs, valid_pairs and test_pairs."
        )
    if folder == hparams["mini_folder"]:
        prepare_mini(folder)
    if folder is not None:
        prepare_voicebank(
            data_folder=folder,
            save_folder=hparams["prepared_folder"],
            valid_speakers=hparams["valid_speakers"],
            train_json=hparams["train_manifest"],
            valid_json=hparams["valid_manifest"],
            test_json=hparams["test_manifest"],
        )
    if not any(own):
        return
    if folder is not None:
        own_speech.prepare_own_training(
            *own,
            hparams["manifest_folder"],
            held_out=[hparams["valid_manifest"], hparams["test_manifest"]],
        )
    else:
        own_speech.prepare_own(
            *own,
            hparams["manifest_folder"],
            pairs=hparams["own_pairs"],
            seed=hparams["seed"],
        )


def manifests(hparams: dict) -> dict:
    """The pair manifests by the part of the data.

    Arguments
    ---------
    hparams : dict
        The recipe.

    Returns
    -------
    dict
        Paths; that of "train" is not written where mixtures are trained on.
    """
    keys = ("train_manifest", "valid_manifest", "test_manifest")
    return {part: hparams[key] for part, key in zip(own_speech.PARTS, keys)}


def pair_folders(hparams: dict) -> dict:
    """The folders of fixed pairs of one's own.

    Arguments
    ---------
    hparams : dict
        The recipe.

    Returns
    -------
    dict
        Folders by the part of the data; empty if none is given.

    Raises
    ------
    ValueError
        If only some are given, or other data beside them.
    """
    keys = ("train_pairs", "valid_pairs", "test_pairs")
    first = 1 if hparams["train_shards"] else 0  # trained on in their place
    folders = {key: hparams[key] for key in keys[first:]}
    given = [key for key, folder in folders.items() if folder is not None]
    if not given:
        return {}
    missing = sorted(folders.keys() - set(given))
    if missing:
        raise ValueError(
            f"{' and '.join(given)} without {' and '.join(missing)}: give "
            f"{' and '.join(folders)}, each a folder with clean/ and noisy/."
        )
    others = ("data_folder", "clean_folders", "noise_folders")
    others = [key for key in others if hparams[key] is not None]
    if others:
        raise ValueError(
            f"{' and '.join(given)} replace {' and '.join(others)}: give "
            f"{' and '.join(f'--{key} null' for key in others)}."
        )
    return dict(zip(own_speech.PARTS[first:], folders.values()))


def corpus_folder(hparams: dict):
    """The folder with validation and test pairs, None for own data.

    Arguments
    ---------
    hparams : dict
        The recipe.

    Returns
    -------
    str or None
        A folder in VoiceBank-DEMAND's layout.
    """
    mini = hparams["data_folder"] == MINI
    return hparams["mini_folder"] if mini else hparams["data_folder"]


def data_root(hparams: dict) -> str:
    """What ``{data_root}`` stands for in the pair manifests.

    Arguments
    ---------
    hparams : dict
        The recipe.

    Returns
    -------
    str
        A folder.
    """
    return corpus_folder(hparams) or hparams["manifest_folder"]


def corpus(hparams: dict) -> dict:
    """What the run's record says of its data, see `Run.note`.

    Arguments
    ---------
    hparams : dict
        The recipe, its manifests written.

    Returns
    -------
    dict
        Root, name, licences; of folders of one's own, what they were used for.
    """
    folder = corpus_folder(hparams)
    about = {"name": None, "test_set": "own recordings, test pairs", "data": []}
    if folder is not None:
        trains = not (hparams["clean_folders"] or hparams["train_shards"])
        parts = {k: read_manifest(p) for k, p in manifests(hparams).items()}
        if folder == hparams["mini_folder"]:
            speakers = {entry["speaker"] for entry in parts["valid"].values()}
            about = describe_mini(folder, sorted(speakers), trains)
        else:
            about = describe_voicebank(folder, parts, trains)
    for key, use in OWN_DATA.items():
        given = hparams[key] or []
        for path in [given] if isinstance(given, str) else given:
            about["data"].append({"folder": Path(path).name, "use": use})
    return {**about, "root": str(data_root(hparams))}


def note(run: Run, hparams: dict, arguments: list, shards=None) -> None:
    """Writes down what is about to be trained.

    Arguments
    ---------
    run : Run
        Receives it.
    hparams : dict
        The recipe, its manifests written.
    arguments : list of str
        The command line.
    shards : ShardIndex, optional
        What is trained on in place of the train manifest.
    """
    told = [
        identify_teacher(teacher, asked["source"], asked["revision"])
        for teacher, asked in teachers(hparams)
    ]
    for teacher in told:
        source = teacher["source"]
        card = read_head(source and Path(source) / "README.md")
        teacher["licence"] = card.license
    run.note(
        method=hparams["method"],
        seed=hparams["seed"],
        command=command_line(Path(__file__).name, arguments),
        directory=os.getcwd(),
        corpus=corpus(hparams),
        teacher=told if len(told) > 1 else next(iter(told), None),
        manifests={
            part: {"path": str(path), "sha256": manifest_hash(path)}
            for part, path in manifests(hparams).items()
            if Path(path).is_file()
        }
        | ({"train": shards.note} if shards is not None else {}),
        **provenance(),
    )


def teachers(hparams: dict) -> list:
    """The teachers of a recipe, those of a group one by one.

    Arguments
    ---------
    hparams : dict
        The recipe.

    Returns
    -------
    list of tuple
        Each teacher, and how it was asked for, as `each_teacher` gives it;
        nothing is known of teachers that a recipe constructs by itself. Empty
        without distillation.
    """
    teacher = hparams.get("teacher")
    if teacher is None:
        return []
    every = list(getattr(teacher, "teachers", [teacher]))
    asked = each_teacher(
        hparams.get("teacher_source"),
        hparams.get("teacher_revision"),
        hparams.get("teacher_delay", 0),
    )
    if len(asked) != len(every):
        asked = each_teacher([None] * len(every))
    return list(zip(every, asked))


def recorded_parts(hparams: dict, device: str = "cpu") -> list:
    """The parts of the data that a recorded teacher has answered.

    With ``record_teacher`` teachers that run are recorded here, and their
    recordings take their place in the recipe.

    Arguments
    ---------
    hparams : dict
        The recipe, its manifests written.
    device : str
        Where a teacher runs that is to be recorded.

    Returns
    -------
    list of str
        Of "train", "valid" and "test"; empty if the teacher is not recorded.

    Raises
    ------
    ManifestError
        Lists the recordings that do not fit.
    ValueError
        If there is nothing that could be recorded.
    """
    records = bool(hparams.get("record_teacher"))
    recorded = (isinstance(x, RecordedTeacher) for x, _ in teachers(hparams))
    if not records and not any(recorded):
        return []
    if hparams["clean_folders"]:
        raise ValueError(
            "clean_folders are mixed anew in every epoch, which no recorded "
            "teacher can answer: write fixed pairs with dispatch-sb mix, "
            "record these, and give them as train_pairs."
        )
    root = data_root(hparams)
    parts = {
        part: located_manifest(path, root)
        for part, path in manifests(hparams).items()
        if not (part == "train" and hparams["train_shards"])
    }
    fitted = []

    def fit():
        if records:
            hparams.update(teacher=record_teachers(hparams, parts, device))
        note = Path(hparams["manifest_folder"]) / "recordings.json"
        copies = Path(hparams["prepared_folder"]) / "recordings"
        fitted[:] = fit_recordings(hparams.get("teacher"), parts, note, copies)

    run_on_main(fit, post_func=fit)
    return fitted


def record_teachers(hparams: dict, parts: dict, device: str):
    """Runs the teachers over all noisy files, unless that was done before;
    what is recorded already stays.

    Arguments
    ---------
    hparams : dict
        The recipe.
    parts : dict
        Entries of the pair manifests.
    device : str
        Where a teacher runs.

    Returns
    -------
    RecordedTeacher or TeacherGroup
        Their answers, below ``prepared_folder``.
    """
    folder = Path(hparams["prepared_folder"]) / "recorded"
    workers = hparams["workers"] or available_cpus()
    if not device.startswith("cpu"):
        workers = 1
    every, recorded = teachers(hparams), []
    for teacher, asked in every:
        # Clean speech is no recording: by itself it is refused there.
        recording = isinstance(teacher, RecordedTeacher)
        if teacher.live or not (recording or len(every) > 1):
            load = functools.partial(
                load_teacher,
                savedir=hparams.get("teacher_savedir"),
                trust_remote_code=hparams.get("trust_remote_code", False),
                **asked,
            )
            teacher = record_parts(load, parts, folder, workers, device)
        recorded.append(teacher)
    return TeacherGroup(recorded) if len(recorded) > 1 else recorded[0]


def datasets(hparams: dict, device: str = "cpu") -> tuple:
    """What is trained on, and what validates.

    Arguments
    ---------
    hparams : dict
        The recipe, its manifests written.
    device : str
        Where a teacher runs that is to be recorded.

    Returns
    -------
    tuple of EpochDataset
        Items with ``noisy_sig``, ``clean_sig`` and, where the teacher is
        recorded, ``teacher_sig``.
    """
    recorded = recorded_parts(hparams, device)
    recorded = dict.fromkeys(recorded, hparams.get("teacher"))
    valid = pair_dataset(
        hparams["valid_manifest"],
        data_root(hparams),
        teacher=recorded.get("valid"),
    )
    if hparams["clean_folders"]:
        return mixtures(hparams), valid
    if hparams["train_shards"]:
        return shard_loader(hparams), valid
    train = pair_dataset(
        hparams["train_manifest"],
        data_root(hparams),
        segment_seconds=hparams["segment_seconds"],
        seed=hparams["seed"],
        teacher=recorded.get("train"),
    )
    return train, valid


def shard_loader(hparams: dict) -> ShardLoader:
    """Fixed pairs out of shards, and the teacher's answers in them.

    Arguments
    ---------
    hparams : dict
        The recipe.

    Returns
    -------
    ShardLoader
        Batches with ``noisy_sig``, ``clean_sig`` and, where it is of use,
        ``teacher_sig``.

    Raises
    ------
    ManifestError
        Lists the shards that cannot be used.
    ValueError
        If their answers are not this teacher's, or are missing.
    """
    index = open_shards(hparams["train_shards"])
    run_on_main(index.check)
    return ShardLoader(
        index,
        segment_seconds=hparams["segment_seconds"],
        seed=hparams["seed"],
        signals=signals_to_read(index, hparams.get("teacher")),
        shuffle_buffer=hparams["shuffle_buffer"],
        **hparams["train_loader_kwargs"],
    )


def mixtures(hparams: dict) -> DynamicMixture:
    """Mixtures of one's own recordings, new ones in every epoch.

    Arguments
    ---------
    hparams : dict
        The recipe, its manifests written.

    Returns
    -------
    DynamicMixture
        Items with ``noisy_sig`` and ``clean_sig``.
    """
    folder = Path(hparams["manifest_folder"])
    return DynamicMixture(
        folder / "train_speech.json",
        folder / "train_noise.json",
        segment_seconds=hparams["segment_seconds"],
        snr_db=tuple(hparams["mixing_snr_db"]),
        level_db=tuple(hparams["mixing_level_db"]),
        seed=hparams["seed"],
        length=hparams["mixtures_per_epoch"],
    )


def make_brain(arguments: list):
    """What trains.

    Arguments
    ---------
    arguments : list of str
        The command line.

    Returns
    -------
    tuple
        The recipe, its resolved YAML, the Brain, SpeechBrain's run options.
    """
    hparams_file, run_opts, overrides = sb.parse_arguments(
        quoted_paths(arguments)
    )
    given = {name: run_opts[name] for name in run_opts.overridden_args}
    hparams, resolved = load_recipe(hparams_file, overrides, given)
    for key in DistillationBrain.HPARAMS_NEEDED:
        _ = hparams[key]  # one that is missing is named now
    written = [hparams["output_folder"], hparams["save_folder"]]
    if hparams["scores_cache"] is not None:
        written.append(Path(hparams["scores_cache"]).parent)
    for folder in written:
        writable_folder(folder, make=False)
    if hparams["scores_cache"] is not None:
        ScoreJournal(hparams["scores_cache"])  # what is wrong with it, now
    ddp_init_group(run_opts)
    brain = DistillationBrain(
        modules=hparams["modules"],
        opt_class=hparams["opt_class"],
        hparams=hparams,
        run_opts=run_opts,
        checkpointer=hparams["checkpointer"],
    )
    return hparams, resolved, brain, run_opts


def set_up(arguments: list):
    """Everything that can fail for a reason the user can mend.

    Arguments
    ---------
    arguments : list of str
        The command line.

    Returns
    -------
    tuple
        The recipe, its Brain, the training and the validation set.
    """
    hparams, resolved, brain, run_opts = make_brain(arguments)
    run_on_main(claim, args=[writable_folder(hparams["output_folder"])])
    sb.create_experiment_directory(hparams["output_folder"])
    run = Run(Path(hparams["output_folder"]))
    run_on_main(run.write_settings, args=[resolved])
    check_seen_by_all(run.recipe)
    run_on_main(prepare_data, args=[hparams])
    run_on_main(
        check_word_errors, args=[hparams["wer"], hparams["test_manifest"]]
    )
    live = hparams.get("teacher")
    train, valid = datasets(hparams, run_opts.get("device") or "cpu")
    teacher = hparams.get("teacher")
    if teacher is not live:  # it was recorded
        brain.modules["teacher"] = teacher
    shards = None
    if hparams["train_shards"]:  # their loader has looked itself
        shards = train.dataset.index
    else:
        check_fills_a_batch(train, hparams["batch_size"] * process_count())
        train = keep_in_memory(train, hparams["audio_in_memory"], brain.device)
    run_on_main(note, args=[run, hparams, arguments, shards])
    return hparams, brain, train, valid


def main(arguments: list) -> None:
    """Prepares, trains, scores, reports.

    Arguments
    ---------
    arguments : list of str
        The command line.
    """
    if not arguments or {"-h", "--help"} & set(arguments):
        print(__doc__.split("Authors")[0])
        sb.parse_arguments(["--help"])
    keep_freed_memory()
    logging.raiseExceptions = False  # a full disk is told once, not by each log
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--replay", metavar="FILE")
    asked, arguments = parser.parse_known_args(arguments)
    try:
        if asked.replay is not None:
            print(repeat_step(make_brain(arguments)[2], asked.replay))
            return
        hparams, brain, train, valid = set_up(arguments)
    except SETUP_ERRORS as error:
        if "--debug" in arguments:
            raise
        leave(error)
    try:
        brain.fit(
            hparams["epoch_counter"],
            train,
            valid,
            train_loader_kwargs=hparams["train_loader_kwargs"],
            valid_loader_kwargs=hparams["valid_loader_kwargs"],
        )
        if hparams["score"]:
            evaluate_run(brain, hparams, data_root(hparams))
        else:
            leave_process_group()
    except TrainingStopped as error:
        sys.exit(str(error))
    except (DataError, ShardError, OSError) as error:
        leave(error)


def leave(error: Exception) -> None:
    """Ends the program with one sentence.

    Arguments
    ---------
    error : Exception
        What went wrong.
    """
    sys.exit(f"{type(error).__name__}: {in_words(error)}")


if __name__ == "__main__":
    try:
        with RankWatch():
            main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted. The same command goes on from here.\n")
        sys.exit(130)
