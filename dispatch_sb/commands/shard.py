"""`dispatch-sb shard`: training data as tar files for any server.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse

from dispatch_sb.commands.command import Command


def _shard_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "manifest",
        metavar="MANIFEST",
        help="pair manifest, such as RUN/manifests/train.json; or a folder "
        "with clean/ and noisy/, as dispatch-sb mix writes it",
    )
    add(
        "--output",
        required=True,
        metavar="FOLDER",
        help="receives train-000000.tar, ... and index.json",
    )
    add(
        "--data-root",
        metavar="FOLDER",
        help="what {data_root} stands for in the manifest, if it is there",
    )
    add(
        "--size",
        type=float,
        default=500,
        metavar="MB",
        help="of a shard, about (500)",
    )
    add(
        "--teacher",
        metavar="RECORDINGS",
        help="folder of a teacher's answers to the noisy files "
        "(dispatch-sb record): they go inside",
    )
    add(
        "--delay",
        type=int,
        default=0,
        help="samples by which the recordings lag, removed (0)",
    )


def _shard(arguments: argparse.Namespace) -> str:
    import shutil
    from pathlib import Path

    from dispatch_sb.data import located_manifest, manifest_hash
    from dispatch_sb.data.manifest import PAIR, PLACEHOLDER
    from dispatch_sb.data.own_speech import prepare_pairs
    from dispatch_sb.data.shard_writing import write_shards

    manifest, output = Path(arguments.manifest), Path(arguments.output)
    root = arguments.data_root
    if manifest.is_dir():
        folder, manifest = manifest, output / ".manifest" / "train.json"
        prepare_pairs({"train": folder}, {"train": manifest}, folder)
        root = folder
    entries = located_manifest(manifest, root, PAIR)
    if PLACEHOLDER in next(iter(entries.values()))["noisy_wav"]:
        raise ValueError(
            f"The files of {manifest} lie below {PLACEHOLDER}: say with "
            "--data-root which folder that is."
        )
    copies = output / ".aligned"
    index, kept = write_shards(
        entries,
        output,
        arguments.size,
        manifest.stem,
        manifest_hash(manifest),
        _answers(arguments, entries, copies),
    )
    shutil.rmtree(copies, ignore_errors=True)
    shards = index["shards"]
    hours = sum(row["seconds"] for row in shards) / 3600
    gigabytes = sum(row["bytes"] for row in shards) / 1e9
    there = f" ({kept} were there already)" if kept else ""
    return (
        f"{len(shards)} shards{there}, {sum(r['samples'] for r in shards)} "
        f"pairs, {hours:.2f} h, {gigabytes:.2f} GB. Train with --train_shards "
        f"{output}, or with the URL that serves this folder"
    )


def _answers(arguments, entries: dict, copies) -> dict | None:
    """Adds recordings to the entries, once they fit; whose they are."""
    if arguments.teacher is None:
        if arguments.delay:
            raise ValueError("--delay is of recordings: give --teacher, too.")
        return None
    from dispatch_sb.pretrained.recorded import RecordedTeacher
    from dispatch_sb.pretrained.recording_checks import fit_recordings
    from dispatch_sb.runs.provenance import identify_teacher

    teacher = RecordedTeacher(arguments.teacher, arguments.delay)
    parts = {"train": entries}
    copies.mkdir(parents=True, exist_ok=True)
    fit_recordings(teacher, parts, copies / "checked.json", copies)
    for entry in entries.values():
        noisy = entry["noisy_wav"]
        entry["teacher_wav"] = str(teacher.recording_of(noisy))
        entry["teacher_made_of"] = str(teacher.find(noisy))
    return identify_teacher(teacher, arguments.teacher)


COMMAND = Command(
    "shard",
    "write training pairs as tar files, to be read from any server",
    _shard_arguments,
    _shard,
    examples="""\
  dispatch-sb shard pool/train --output shards
  dispatch-sb shard pool/train --output shards --teacher recorded/b --size 200
  dispatch-sb shard results/dispatch/1986/manifests/train.json \\
      --data-root /data/VoiceBank --output shards

The shards are WebDataset's, 16- or 24-bit FLAC inside; index.json comes last,
and training needs it beside them. The same command goes on after an
interruption.""",
)
