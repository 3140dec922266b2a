"""`dispatch-sb enhance`, as it is typed.

Authors
 * The dispatch-sb contributors, 2026
"""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from dispatch_sb import cli
from dispatch_sb.pretrained import load_teacher

ROOT = Path(__file__).resolve().parents[3]
MODEL = ROOT / "recipes" / "VoiceBank" / "pretrained" / "fastenhancer-b-16k"
EXAMPLE = MODEL / "example.wav"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder with the model in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISPATCH_SB_MODEL", str(MODEL))
    return tmp_path


def test_real_speech_is_enhanced_as_the_model_does(here, capsys):
    assert cli.main(["enhance", str(EXAMPLE), "new/clean.wav"]) == 0
    shown = capsys.readouterr().out
    assert "1 file " in shown and "3.8 s" in shown
    noisy = soundfile.read(EXAMPLE, dtype="float32")[0]
    made, rate = soundfile.read("new/clean.wav", dtype="float32")
    with torch.no_grad():
        expected = load_teacher(MODEL).model(torch.from_numpy(noisy)[None])
    assert rate == 16000
    np.testing.assert_allclose(made, expected[0].numpy(), atol=2**-15)
    assert np.abs(made - noisy).max() > 0.01


def test_a_second_run_keeps_what_is_there(here):
    argv = ["enhance", "in", "out"]
    for name in ("in/a.wav", "in/sub/b.ogg"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(name, np.zeros((4410, 2)), 44100)
    assert cli.main(argv) == 0
    Path("out/a.wav").write_text("mine")
    assert cli.main(argv) == 0
    assert Path("out/a.wav").read_text() == "mine"
    assert cli.main([*argv, "--overwrite"]) == 0
    assert soundfile.info("out/a.wav").channels == 2
    assert soundfile.info("out/sub/b.ogg").frames == 4410


def test_a_broken_file_is_told_and_the_status_is_1(here, capsys):
    Path("in").mkdir()
    Path("in/a.wav").write_text("no audio")
    soundfile.write("in/b.wav", np.zeros(1600), 16000)
    assert cli.main(["enhance", "in", "out"]) == 1
    shown = capsys.readouterr().out
    assert "1 failed" in shown and "in/a.wav" in shown
    assert os.listdir("out") == ["b.wav"]


@pytest.mark.parametrize(
    "argv, named",
    [
        (["nowhere.wav", "b.wav"], "nowhere.wav"),
        ([str(EXAMPLE), "b.wav", "--model", "./no"], "./no"),
        ([str(EXAMPLE), "b.wav", "--workers", "0"], "workers"),
        ([str(EXAMPLE), "b.wav", "--format", "m4a"], "m4a"),
        (["-", "folder"], "folder"),
    ],
)
def test_mistakes_are_one_line(here, capsys, argv, named):
    assert cli.main(["enhance", *argv]) == 1
    shown = capsys.readouterr()
    assert shown.out == "" and list(here.iterdir()) == []
    assert shown.err.startswith("dispatch-sb enhance: ")
    assert named in shown.err and shown.err.count("\n") == 1


def test_a_model_is_needed(here, capsys, monkeypatch):
    monkeypatch.delenv("DISPATCH_SB_MODEL")
    assert cli.main(["enhance", str(EXAMPLE), "b.wav"]) == 1
    assert "--model" in capsys.readouterr().err


def test_from_standard_input_to_standard_output(here, monkeypatch):
    output = io.BytesIO()
    given = io.TextIOWrapper(io.BytesIO(EXAMPLE.read_bytes()))
    monkeypatch.setattr("sys.stdin", given)
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(output))
    assert cli.main(["enhance", "-", "-"]) == 0
    sys.stdout.flush()
    wav = output.getvalue()
    assert wav[:4] == b"RIFF" and len(wav) == EXAMPLE.stat().st_size
    assert cli.main(["enhance", str(EXAMPLE), "b.wav"]) == 0
    assert Path("b.wav").read_bytes() == wav


def test_ctrl_c_leaves_nothing_and_says_so(here, monkeypatch, capsys):
    def interrupted(file):
        yield file.read(4096, dtype="float32", always_2d=True)
        assert list(here.glob("out/.*.partial"))
        raise KeyboardInterrupt

    monkeypatch.setattr("dispatch_sb.enhance.one_file.read_blocks", interrupted)
    assert cli.main(["enhance", str(EXAMPLE), "out"]) == 130
    assert capsys.readouterr().err.count("\n") == 1
    assert list(Path("out").iterdir()) == []


@pytest.mark.parametrize("workers", ["1", "2"])
def test_nothing_half_written_stays_after_a_kill(here, workers):
    os.mkdir("in")
    for name in ("a", "b"):
        soundfile.write(f"in/{name}.wav", np.zeros(16000 * 900), 16000)
    process = subprocess.Popen(
        [sys.executable, "-m", "dispatch_sb.cli"]
        + ["enhance", "in", "out", "--workers", workers],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 120
    while not list(here.glob("out/.*.partial")):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "dispatch-sb enhance: " in errors and "Traceback" not in errors
    assert list(Path("out").iterdir()) == []
