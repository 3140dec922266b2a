"""`dispatch-sb shard`: training data as tar files for any server.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.commands.command import described


def _shard(manifest, output, data_root, size, teacher, delay) -> str:
    import shutil
    from pathlib import Path

    from dispatch_sb.data import located_manifest, manifest_hash
    from dispatch_sb.data.manifest import PAIR, PLACEHOLDER
    from dispatch_sb.data.own_speech import prepare_pairs
    from dispatch_sb.data.shard_writing import write_shards

    if delay and teacher is None:
        raise ValueError("--delay is of recordings: give --teacher, too.")
    manifest, output = Path(manifest), Path(output)
    if manifest.is_dir():
        data_root, manifest = manifest, output / ".manifest" / "train.json"
        prepare_pairs({"train": data_root}, {"train": manifest}, data_root)
    entries = located_manifest(manifest, data_root, PAIR)
    if PLACEHOLDER in next(iter(entries.values()))["noisy_wav"]:
        raise ValueError(
            f"The files of {manifest} lie below {PLACEHOLDER}: say with "
            "--data-root which folder that is."
        )
    copies, whose = output / ".aligned", None
    if teacher is not None:
        whose = _add_answers(entries, teacher, delay, copies)
    index, kept = write_shards(
        entries, output, size, manifest.stem, manifest_hash(manifest), whose
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


def _add_answers(entries: dict, source: str, delay: int, copies) -> dict:
    """Adds recordings to the entries, once they fit; whose they are."""
    from dispatch_sb.pretrained.recorded import RecordedTeacher
    from dispatch_sb.pretrained.recording_checks import fit_recordings
    from dispatch_sb.runs.provenance import identify_teacher

    teacher = RecordedTeacher(source, delay)
    copies.mkdir(parents=True, exist_ok=True)
    fit_recordings(teacher, {"train": entries}, copies / "checked.json", copies)
    for entry in entries.values():
        noisy = entry["noisy_wav"]
        entry["teacher_wav"] = str(teacher.recording_of(noisy))
        entry["teacher_made_of"] = str(teacher.find(noisy))
    return identify_teacher(teacher, source)


COMMAND = described("shard", _shard)
