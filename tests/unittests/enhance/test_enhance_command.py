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
EXAMPLE = str(MODEL / "example.wav")
COMMAND = [sys.executable, "-m", "dispatch_sb.cli", "enhance"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder with the model in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISPATCH_SB_MODEL", str(MODEL))
    return tmp_path


def test_a_pipe_and_a_file_give_what_the_model_gives(here, capsys, monkeypatch):
    assert cli.main(["enhance", EXAMPLE, "new/clean.wav"]) == 0
    shown = capsys.readouterr().out
    assert "1 file " in shown and "3.8 s" in shown
    noisy = soundfile.read(EXAMPLE, dtype="float32")[0]
    made, rate = soundfile.read("new/clean.wav", dtype="float32")
    with torch.no_grad():
        expected = load_teacher(MODEL).model(torch.from_numpy(noisy)[None])
    assert rate == 16000
    np.testing.assert_allclose(made, expected[0].numpy(), atol=2**-15)
    output, given = io.BytesIO(), io.BytesIO(Path(EXAMPLE).read_bytes())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(given))
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(output))
    assert cli.main(["enhance", "-", "-"]) == 0
    sys.stdout.flush()
    assert output.getvalue() == Path("new/clean.wav").read_bytes()


def test_a_second_run_keeps_what_is_there_and_tells_what_fails(here, capsys):
    argv = ["enhance", "in", "out"]
    os.mkdir("in")
    Path("in/b.wav").write_text("no audio")
    soundfile.write("in/a.wav", np.zeros((4410, 2)), 44100)
    assert cli.main(argv) == 1
    shown = capsys.readouterr().out
    assert "1 failed" in shown and "in/b.wav" in shown
    assert os.listdir("out") == ["a.wav"]
    os.remove("in/b.wav")
    for words in (["in", "out"], ["-", "out/a.wav"]):
        Path("out/a.wav").write_text("mine")
        assert cli.main(["enhance", *words]) == 0
        assert Path("out/a.wav").read_text() == "mine"
    assert cli.main([*argv, "--overwrite"]) == 0
    assert soundfile.info("out/a.wav").channels == 2


@pytest.mark.parametrize("workers", ["1", "2"])
def test_nothing_half_written_stays_after_a_kill(here, workers):
    os.mkdir("in")
    for name in ("a", "b"):
        soundfile.write(f"in/{name}.wav", np.zeros(16000 * 900), 16000)
    process = subprocess.Popen(
        [*COMMAND, "in", "out", "--workers", workers],
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
