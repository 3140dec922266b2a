"""What a kill costs: commands are killed at random instants, given again until
they end, and what they leave is compared with what an undisturbed one leaves.

    python benchmarks/kills.py                            # some 200 kills
    python benchmarks/kills.py --repetitions 3 --phases saving push
    python benchmarks/kills.py --variants processes --phases training
    python benchmarks/kills.py --folder kills   # goes on with what is there

A tiny corpus is prepared, a teacher recorded, a student trained for three
epochs, scored, reported, exported and pushed to a hub on 127.0.0.1. SIGKILL
goes to all processes of a command, at an instant drawn uniformly within the
time that the phase has taken undisturbed; after every other kill the repeated
command is killed as well, anywhere. Then scores, run.json (less its date),
training log (less its speed), checkpoints, report, recordings, enhanced files
and the exported folder have to be those of the undisturbed commands, bit for
bit, and there may be no file more. The variants train otherwise: with loading
processes, with mixtures, in bfloat16, with checkpoints within the epochs, and
in two processes.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import functools
import hashlib
import json
import os
import random
import re
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

import programs  # noqa: E402
from hub_server import WRITE, HubServer  # noqa: E402

EPOCHS = 3
LONGEST = 300  # seconds of a command
MODULES = ["torch._dynamo", "torch.utils.tensorboard", "sympy", "av"]
MODULES += [
    "huggingface_hub.hf_api",
    "huggingface_hub.repocard",
    "scipy.signal",
]
VARIANTS = {
    "plain": ["--record_teacher", "True"],
    "workers": ["--record_teacher", "True", "--num_workers", 2],
    "mixing": ["--mixtures_per_epoch", 8],
    "bf16": ["--record_teacher", "True", "--precision=bf16"],
    "within": ["--record_teacher", "True", "--ckpt_interval_steps=2"],
    "processes": ["--record_teacher", "True", "--batch_size", 1],
}
TRAINING = ("training", "saving", "validation")
# Files that tell of times, or of every attempt.
OTHERS = {"log.txt", "env.log", "tensorboard", "train.py", ".recording.lock"}
OTHERS |= {".lock"}
OTHERS |= {".recordings.json.state"}  # when they were recorded
TOPS = ("run", "prepared", "model")


@dataclass
class World:
    """Where everything lies, and what is given to a variant's commands.

    Arguments
    ---------
    folder : Path
        Holds all.
    hub : HubServer
        Receives what is pushed.
    variant : str
        One of ``VARIANTS``.
    """

    folder: Path
    hub: HubServer
    variant: str = "plain"
    took: dict = field(default_factory=dict)

    @property
    def run(self) -> Path:
        """The ``output_folder`` of the training."""
        return self.folder / "run"

    def command(self, name: str) -> list:
        """The words of "train", "score", "export" or "push"."""
        if name == "export":
            card = ["--card", self.folder / "card.yaml"]
            return ["dispatch-sb", name, self.run, self.folder / "model", *card]
        if name == "push":
            return ["dispatch-sb", name, self.folder / "model", "lab/tiny"]
        corpus = self.folder / "corpus"
        words = ["--data_folder", corpus, "--valid_speakers", "[p287]"]
        words += ["--teacher_source", self.folder / "teacher"]
        words += ["--prepared_folder", self.folder / "prepared"]
        words += ["--metrics", "[pesq,si_sdr]", "--pesq_every", 1]
        words += ["--number_of_epochs", EPOCHS, "--examples", 1]
        words += ["--score", name == "score", *VARIANTS[self.variant]]
        if self.variant == "mixing":
            clean, noise = corpus / "clean_trainset_28spk_wav_16k", "noise"
            words += ["--clean_folders", f"[{clean}]"]
            words += ["--noise_folders", f"[{self.folder / noise}]"]
        if self.variant == "processes":
            words += ["--distributed_backend", "gloo", "--device", "cpu"]
        return programs.training("dispatch", self.run, *words)

    def start(self, name: str) -> list:
        """Starts a command, in one process or in two."""
        count = 2 if self.variant == "processes" and name == "train" else 1
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        world = {"WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
        world |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        started = []
        for rank in range(count):
            mine = {**world, "RANK": rank, "LOCAL_RANK": rank}
            given = {k: str(v) for k, v in mine.items()} if count > 1 else {}
            files = [self.folder / f"{rank}.{kind}" for kind in ("out", "err")]
            for file in files:
                file.unlink(missing_ok=True)
            words = self.command(name)
            started.append(programs.start(words, programs.RECIPE, files, given))
        return started


def lines(path: Path) -> list[str]:
    """A file's lines; none, if it is not there."""
    text = path.read_text(errors="replace") if path.exists() else ""
    return text.splitlines()


def logged(world: World, epoch: int) -> bool:
    """Whether an epoch stands in the training log."""
    return len(lines(world.run / "training.jsonl")) >= epoch


def saving(world: World, epoch: int) -> bool:
    """Whether the checkpoint of an epoch is being written."""
    place = world.run / "save" / ".saving"
    return logged(world, epoch) and any(place.glob("CKPT*"))


def saved(world: World, epoch: int) -> bool:
    """Whether an epoch was saved, once it has begun to be."""
    return logged(world, epoch) and not saving(world, epoch)


def validating(world: World, epoch: int) -> bool:
    """Whether the training of an epoch is over."""
    told = [x for x in lines(world.run / "log.txt") if "per minute" in x]
    return len(told) >= epoch


def noted(world: World, epoch: int) -> bool:
    """Whether training is about to begin, or its epoch's predecessor saved."""
    return (world.run / "run.json").exists() and saved(world, epoch - 1)


def recording(world: World, epoch: int) -> bool:
    """Whether a teacher is being recorded, or there is nothing to record."""
    recorded = world.folder / "prepared" / "recorded"
    return any(recorded.glob("*/.recording.lock")) or noted(world, 1)


def there(name: str) -> Callable[[World, int], bool]:
    """Whether the run has a file; with "" from a command's start."""
    return lambda world, epoch: not name or (world.run / name).exists()


def never(world: World, epoch: int) -> bool:
    """To a command's end."""
    return False


# The command of each phase; whether that has begun in an epoch, and is over.
PHASES = {
    "preparation": ("train", there(""), recording),
    "recording": ("train", recording, noted),
    "training": ("train", noted, validating),
    "validation": ("train", validating, logged),
    "saving": ("train", saving, saved),
    "scoring": ("score", there("enhanced"), there("scores.json")),
    "report": ("score", there("scores.json"), never),
    "export": ("export", there(""), never),
    "push": ("push", there(""), never),
}
AGAIN = "repetition"  # phase of a kill that may be anywhere


def make_world(folder: Path, hub: HubServer) -> World:
    """Writes the corpus, a noise, a teacher and a card, once."""
    import numpy as np
    import torch
    from tiny_corpus import RATE, write_tiny_corpus

    from dispatch_sb.data import write_audio
    from dispatch_sb.models import FastEnhancer
    from dispatch_sb.pretrained import save

    world = World(folder, hub)
    if not (folder / "card.yaml").exists():
        write_tiny_corpus(folder / "corpus")
        for number in range(3):
            noise = np.random.default_rng(number).standard_normal(4 * RATE)
            path = folder / "noise" / f"n_{number}.wav"
            write_audio(path, 0.1 * noise, RATE, "PCM_16")
        torch.manual_seed(1)
        save(FastEnhancer(channels=8), folder / "teacher", card="# A teacher\n")
        card = "data: [{name: tiny, licence: CC0, folder: corpus}]\n"
        (folder / "card.yaml").write_text(card)
    return world


def left(world: World) -> dict[str, str]:
    """What commands have left, less times: hashes by name."""
    patterns = (".*", "run/save/CKPT*")
    found = {x: str(len([*world.folder.glob(x)])) for x in patterns}
    for top in TOPS:
        for path in sorted((world.folder / top).rglob("*")):
            name = path.relative_to(world.folder).as_posix()
            parts = set(path.relative_to(world.folder).parts)
            if not path.is_file() or parts & OTHERS:
                continue
            if match := re.match(r"run/save/CKPT[^/]*", name):
                whole = lines(world.folder / match[0] / "CKPT.yaml")
                epoch = [x for x in whole if x.startswith(("epoch", "end-of"))]
                name = f"checkpoint {epoch}{name[match.end() :]}"
            found[name] = hashlib.sha256(content_of(path)).hexdigest()
    for name, repository in world.hub.repositories.items():
        head = repository.commits[repository.resolve("main")]
        for file, content in head.items():
            found[f"hub {file}"] = hashlib.sha256(content).hexdigest()
        found[f"hub commits of {name}"] = str(len(repository.commits))
    return found


def content_of(path: Path) -> bytes:
    """A file's bytes, less what tells of the time."""
    if path.suffix == ".wav":  # libsndfile writes the time into the header
        import soundfile

        return soundfile.read(path, dtype="float32")[0].tobytes()
    content = path.read_bytes()
    if path.name == "CKPT.yaml":
        kept = [x for x in content.splitlines() if b"unixtime" not in x]
        return b"\n".join(kept[1:])  # the first is their hash
    if path.name in ("run.json", "scores.json"):
        told = json.loads(content)
        told.pop("date", None)
        return json.dumps(told).encode()
    if path.name == "training.jsonl":
        rows = [json.loads(row) for row in content.splitlines()]
        return json.dumps([{**row, "speed": None} for row in rows]).encode()
    if path.suffix == ".html":
        return re.sub(rb"<dt>Date</dt><dd>[^<]*", b"", content)
    if path.name == "scores.jsonl":
        return b"\n".join(sorted(filter(None, set(content.splitlines()))))
    return content


def reset(world: World, state: str) -> None:
    """Puts everything as it was before a command."""
    copy(world.folder / f"before {state}", world.folder)
    for path in world.folder.glob(".*"):
        shutil.rmtree(path)
    world.hub.repositories.clear()


def copy(source: Path, target: Path) -> None:
    """Puts what commands write into another folder."""
    for top in TOPS:
        shutil.rmtree(target / top, ignore_errors=True)
        if (source / top).exists():
            shutil.copytree(source / top, target / top)


def undisturbed(world: World, name: str) -> dict[str, str]:
    """Runs a command to its end, measures its phases; what it has left."""
    phases = [p for p, (command, *_) in PHASES.items() if command == name]
    pending = [(p, e) for p in phases for e in range(1, EPOCHS + 1)]
    began: dict[tuple, float] = {}
    start = time.monotonic()
    processes = world.start(name)
    while any(p.is_alive() for p in processes):
        now = time.monotonic() - start
        for phase, epoch in list(pending):
            key, (_, begins, ends) = (phase, epoch), PHASES[phase]
            if key not in began and begins(world, epoch):
                began[key] = now
            if key in began and ends(world, epoch):
                world.took[key] = now - began[key]
                pending.remove(key)
        time.sleep(0.002)
    finish(world, processes)
    whole = time.monotonic() - start
    for key in pending:
        world.took[key] = whole - began.get(key, 0.9 * whole)
    world.took[AGAIN, name] = whole
    return left(world)


def finish(world: World, processes: list) -> None:
    """Waits for a command, which has to end well."""
    for process in processes:
        process.join(LONGEST)
    codes = [process.exitcode for process in processes]
    if codes != [0] * len(codes):
        told = "".join((world.folder / "0.err").read_text()[-3000:])
        raise RuntimeError(f"It ended with {codes}:\n{told}")


def killed(world: World, name: str, begins: Callable, seconds: float) -> bool:
    """Starts a command and kills it so long after something has begun; whether
    it was not over by then."""
    processes = world.start(name)

    def alive():
        return all(process.is_alive() for process in processes)

    deadline = time.monotonic() + LONGEST
    while alive() and not begins() and time.monotonic() < deadline:
        time.sleep(0.0005)
    until = time.monotonic() + seconds
    while alive() and time.monotonic() < until:
        time.sleep(min(0.02, max(until - time.monotonic(), 0)))
    struck = alive()
    for process in processes:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:  # not yet the head of its group, or over
            process.kill()
        process.join()
    return struck


def repetition(world: World, name: str, number: int, expected: dict, seed):
    """Kills a command once or more, lets it end; how many kills there were,
    and what is not as it should be."""
    drawn = random.Random(f"{seed} {world.variant} {name} {number}")
    (command, begins, _), epoch = PHASES[name], drawn.randint(1, EPOCHS)
    reset(world, command)
    seconds = drawn.random() * world.took[name, epoch]
    kills = Counter()
    begun = functools.partial(begins, world, epoch)
    kills[name] += killed(world, command, begun, seconds)
    while drawn.random() < 0.5:
        whole = drawn.random() * world.took[AGAIN, command]
        kills[AGAIN] += killed(world, command, lambda: True, whole)
    try:
        finish(world, world.start(command))
        found = left(world)
    except RuntimeError as error:
        return kills, [str(error)]
    names = sorted(found.keys() | expected.keys())
    return kills, [n for n in names if found.get(n) != expected.get(n)]


def measure(world: World, variant: str, phases: list, options, journal: Path):
    """All repetitions of a variant; yields a row for each."""
    known = [json.loads(row) for row in lines(journal)]
    done = {(r["variant"], r["phase"], r["number"]) for r in known}
    wanted = [
        (phase, number)
        for number in range(options.repetitions)
        for phase in phases
        if (variant, phase, number) not in done
    ]
    if not wanted:
        return
    world.variant = variant
    needed = {PHASES[phase][0] for phase, _ in wanted}
    expected, names = {}, ["train", "score", "export", "push"]
    reset(world, "nothing")
    for name in names[: 1 + max(map(names.index, needed))]:
        copy(world.folder, world.folder / f"before {name}")
        expected[name] = undisturbed(world, name)
        print(f"{variant}, {name}: {world.took[AGAIN, name]:.1f} s", flush=True)
    for phase, number in wanted:
        what = expected[PHASES[phase][0]]
        kills, wrong = repetition(world, phase, number, what, options.seed)
        row = {"variant": variant, "phase": phase, "number": number}
        row |= {"kills": kills, "wrong": wrong}
        with open(journal, "a") as file:
            file.write(json.dumps(row) + "\n")
        if wrong:
            kept = world.folder / "wrong" / f"{variant} {phase} {number}"
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(world.run, kept)
            print(
                f"{variant} {phase} {number}: {' | '.join(wrong)}", flush=True
            )


def table(journal: Path) -> str:
    """Kills, and repetitions that ended otherwise, by phase and variant."""
    rows = [json.loads(row) for row in lines(journal)]
    variants = [v for v in VARIANTS if any(r["variant"] == v for r in rows)]
    text = ["| killed in | " + " | ".join(variants) + " | kills |"]
    text.append("|---" * (len(variants) + 2) + "|")
    for phase in (*PHASES, AGAIN):
        counts = [
            sum(r["kills"].get(phase, 0) for r in rows if r["variant"] == v)
            for v in variants
        ]
        cells = " | ".join(str(count or "") for count in counts)
        text.append(f"| {phase} | {cells} | {sum(counts)} |")
    kills = sum(sum(r["kills"].values()) for r in rows)
    wrong = [f"{r['variant']} {r['phase']}" for r in rows if r["wrong"]]
    told = f": {', '.join(sorted(set(wrong)))}" if wrong else ""
    text.append(
        f"\n{kills} kills; of {len(rows)} commands that were given again, "
        f"{len(rows) - len(wrong)} ended with the files of an undisturbed one, "
        f"{len(wrong)} did not{told}."
    )
    return "\n".join(text)


def main():
    """Kills, compares, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("Authors")[0],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--repetitions", type=int, default=5, help="of each phase (5)")
    add("--phases", nargs="+", choices=PHASES, default=list(PHASES))
    add("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    add("--seed", type=int, default=0, help="of the instants (0)")
    add("--folder", type=Path, help="keeps all; a later call goes on there")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp())
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    hub = HubServer()
    hub.start()
    os.environ |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(folder / "hub")}
    os.environ |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    os.environ |= {"HF_TOKEN": WRITE, "OMP_NUM_THREADS": "1"}
    programs.SERVER.set_forkserver_preload([*programs.PRELOADED, *MODULES])
    world, journal = make_world(folder, hub), folder / "kills.jsonl"
    for variant in options.variants:
        phases = [
            p for p in options.phases if variant == "plain" or p in TRAINING
        ]
        measure(world, variant, phases, options, journal)
    print(table(journal))
    wrong = any(json.loads(row)["wrong"] for row in lines(journal))
    if options.folder is None:
        shutil.rmtree(folder)
    sys.exit(wrong)


if __name__ == "__main__":
    main()
