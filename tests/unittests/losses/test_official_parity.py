"""The presets give the numbers of the published functions."""

import json
from pathlib import Path
from runpy import run_path

import pytest
import torch

from dispatch_sb.losses import official

GOLDEN = Path(__file__).parents[2] / "golden"
ROWS = json.loads((GOLDEN / "official.json").read_text(encoding="utf-8"))
signals = run_path(str(GOLDEN / "signals.py"))["signals"]


def preset(row):
    """The preset that a row of the file was computed with."""
    if row["loss"] == "l2":
        return official.l2(row["patch_bins"], row["ratio"])
    sizes = (row["low_bins"], row["high_bins"])
    return official.dfkd(row["beta"], row["ratio"], sizes)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r['loss']}{r['seed']}")
def test_value_and_gradient_norm(row):
    clean, student, teacher = map(
        torch.from_numpy, signals(row["seed"], row["batch"], row["samples"])
    )
    student.requires_grad_()
    value = preset(row)(student, teacher, clean)
    value.backward()
    assert value.item() == pytest.approx(row["value"], rel=1e-5)
    norm = student.grad.norm().item()
    assert norm == pytest.approx(row["grad_norm"], rel=1e-5)


def test_presets_keep_what_the_default_mends():
    silence = torch.zeros(1, 4000)
    assert official.dfkd()(silence, silence, silence) == pytest.approx(1.5)
    clean, student, teacher = map(torch.from_numpy, signals(0, 1, 8000))
    short = (student, teacher, clean)
    padded = [torch.nn.functional.pad(x, (0, 8000)) for x in short]
    loss = official.l2()
    assert loss(*padded) < 0.5 * loss(*short)


@pytest.mark.parametrize(
    "build",
    [
        lambda: official.l2(ratio=0.0),
        lambda: official.l2(patch_bins=258),
        lambda: official.dfkd(ratio=1.5),
        lambda: official.dfkd(beta=-0.1),
        lambda: official.dfkd(patch_bins=(10, 20, 40)),
    ],
)
def test_arguments_out_of_range(build):
    with pytest.raises(ValueError, match="ratio|patch_bins|beta"):
        build()
