"""Every block of every page of the docs is run, in order, as it is printed."""

import doctest
import json
import pydoc
import re
import subprocess
from pathlib import Path

import pytest
from pages import ROOT, blocks_of, command_lines, pages
from ruamel.yaml import YAML

HERE = Path(__file__).resolve().parent
TRAIN = "python train.py hparams/"
MINUTES = "tests/integration/test_train.py"
METHODS = "tests/integration/test_methods.py"
# Command lines that are not run here, and why, or the test that runs the same.
# Their programs, options and files are tested in tests/consistency.
NOT_RUN = {
    "make quickstart": "takes minutes and downloads packages",
    "source .venv/bin/activate": "the tests' own environment is active",
    f"{TRAIN}dispatch.yaml --data_folder data/VoiceBank --device cuda "
    "--precision bf16": "needs a GPU",
    "torchrun --nproc_per_node=2 train.py hparams/dispatch.yaml "
    "--data_folder data/VoiceBank": "is two trainings at once",
    f"{TRAIN}dispatch.yaml --teacher_source "
    "speechbrain/metricgan-plus-voicebank --teacher_revision main": (
        "needs the hub itself"
    ),
    f"{TRAIN}dispatch.yaml --data_folder null --clean_folders "
    "'[data/speech]' --noise_folders '[data/noise]' "
    "--output_folder results/own": MINUTES,
    f"{TRAIN}baseline.yaml --data_folder data/VoiceBank": MINUTES,
    f"{TRAIN}dispatch.yaml --data_folder data/VoiceBank "
    "--teacher_source clean --output_folder results/clean-as-teacher": METHODS,
    f"{TRAIN}dispatch.yaml --data_folder data/VoiceBank "
    "--selection random --output_folder results/random-patches": METHODS,
    "dispatch-sb evaluate pretrained/fastenhancer-b-16k "
    "--clean data/VoiceBank/clean_testset_wav_16k "
    "--noisy data/VoiceBank/noisy_testset_wav_16k "
    "--output results/teacher-scores": MINUTES,
    f"{TRAIN}dispatch.yaml --data_folder data/VoiceBank "
    "--metrics pesq,stoi,si_sdr": "tests/integration/test_processes.py",
    "dispatch-sb evaluate pretrained/fastenhancer-b-16k "
    "--metrics pesq,composite "
    "--clean data/VoiceBank/clean_testset_wav_16k "
    "--noisy data/VoiceBank/noisy_testset_wav_16k "
    "--output results/fewer-scores": MINUTES,
    f"{TRAIN}dispatch.yaml --data_folder data/VoiceBank "
    "--teacher_source my-teacher --output_folder results/from-my-teacher": (
        "tests/integration/test_hub_round_trip.py"
    ),
    f"{TRAIN}dispatch.yaml --data_folder data/VoiceBank "
    "--teacher_source lab/small-student --teacher_revision v1.0 "
    "--output_folder results/grandchild": (
        "tests/integration/test_hub_round_trip.py"
    ),
    **{
        f"dispatch-sb mix data/{part}/speech data/{part}/noise pool/{part} "
        f"--hours {hours}": "tests/unittests/data/test_mix_folders.py"
        for part, hours in (("train", 3), ("valid", 0.1), ("test", 0.1))
    },
    f"{TRAIN}dispatch.yaml --data_folder null --train_pairs pool/train "
    "--valid_pairs pool/valid --test_pairs pool/test "
    "--record_teacher True": "tests/integration/test_recorded_training.py",
    "dispatch-sb demo --student results/dispatch/1986": (
        "tests/integration/test_demo_page.py"
    ),
    "dispatch-sb live --model results/dispatch/1986": "needs a microphone",
}
MATCHING = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
SHELL = {"bash", "sh"}
# Blocks that other tests look at, or that only show how something looks.
SHOWN = {"yaml", "text", "{toctree}", "{container}", "{eval-rst}"}


class Reader:
    """Somebody who types what a page says: one shell, one Python."""

    def __init__(self, folder, environment):
        self.folder, self.environment = folder, environment
        self.interpreter = None

    def run(self, block):
        """What a block prints; fails if the block does."""
        if block.language in SHELL:
            return self.run_shell(block)
        if self.interpreter is None:
            self.interpreter = subprocess.Popen(
                ["python", str(HERE / "page_interpreter.py")],
                executable=self.program("python"),
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        request = {"code": block.text, "where": block.where}
        request["folder"] = str(self.folder)
        self.interpreter.stdin.write(json.dumps(request) + "\n")
        self.interpreter.stdin.flush()
        answer = json.loads(self.interpreter.stdout.readline())
        assert not answer["failure"], f"{block.where}\n{answer['failure']}"
        return answer["printed"]

    def program(self, name):
        """Path of a program of the world."""
        return f"{self.environment['PATH'].split(':')[0]}/{name}"

    def run_shell(self, block):
        """Types a shell block, less what cannot be run here."""
        lines = command_lines(block.text)
        typed = "".join(lines[line] for line in lines if line not in NOT_RUN)
        goes_on = self.folder.parent / "folder"
        done = subprocess.run(
            ["bash", "-euo", "pipefail"],
            input=f"{typed}\npwd > {goes_on}\n",
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        told = done.stdout[-3000:] + done.stderr[-3000:]
        assert done.returncode == 0, f"{block.where}\n{told}"
        self.folder = Path(goes_on.read_text().strip())
        return done.stdout

    def close(self):
        """Ends the Python."""
        if self.interpreter is not None:
            self.interpreter.stdin.close()
            self.interpreter.wait(timeout=30)
            self.interpreter.stdout.close()


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_blocks_run(page, place, environment):
    """One namespace and one shell for each page; a `text` block is what the
    block before it prints."""
    reader = Reader(place, environment)
    printed = None
    checker = doctest.OutputChecker()
    try:
        for block in blocks_of(page):
            if block.language in SHELL | {"python"}:
                printed = reader.run(block)
            elif block.language == "text":
                assert printed is not None, f"{block.where}: nothing printed"
                same = checker.check_output(block.text, printed, MATCHING)
                assert same, f"{block.where}\n{block.text}\n!=\n{printed}"
    finally:
        reader.close()


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_block_is_of_a_known_kind(page):
    """A misspelt language would hide a block from the test above."""
    known = SHELL | SHOWN | {"python"}
    unknown = [b.where for b in blocks_of(page) if b.language not in known]
    assert unknown == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_yaml_blocks_are_yaml_and_name_what_exists(page):
    """They parse, and what they construct can be imported."""
    for block in blocks_of(page):
        if block.language == "yaml":
            assert YAML().load(block.text), block.where
            for name in re.findall(r"!(?:new|apply|name):(\S+)", block.text):
                assert pydoc.locate(name), f"{block.where}: {name}"


def test_what_is_not_run_is_on_some_page():
    """The list of exceptions holds nothing that no page says any more."""
    blocks = [b for page in pages() for b in blocks_of(page)]
    lines = {
        line
        for block in blocks
        if block.language in SHELL
        for line in command_lines(block.text)
    }
    assert set(NOT_RUN) - lines == set()
    tests = {why for why in NOT_RUN.values() if why.endswith(".py")}
    assert [test for test in tests if not (ROOT / test).is_file()] == []
