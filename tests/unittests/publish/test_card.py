"""A model card is read by people and by the hub, and its code runs.

Authors
 * The dispatch-sb contributors, 2026
"""

import math
import os
import re

import pytest
import torch
from huggingface_hub import ModelCard

from dispatch_sb.data.audio import read_audio
from dispatch_sb.models import FastEnhancer
from dispatch_sb.publish import model_card, write_model_folder

DATA = [
    {"name": "A", "licence": "CC0-1.0", "url": "https://example.org/a"},
    {"name": "B | C", "licence": "CC-BY-4.0", "use": "noise"},
]


def value(mean, failed=0):
    """A metric as in scores.json."""
    interval = [mean - 0.1, mean + 0.1]
    return {"mean": mean, "ci95": interval, "n": 35 - failed, "failed": failed}


@pytest.fixture
def scores():
    return {
        "excerpt": {
            "noisy": {"pesq": value(1.5), "si_sdr": value(8.0)},
            "student": {
                "pesq": value(2.25, failed=2),
                "si_sdr": value(14.0),
                "dnsmos_ovrl": {**value(math.nan), "n": 0},
            },
            "files": {},
            "flavours": {"pesq": "P.862.2 without Corrigendum 2"},
        },
        "mini": {"student": {"pesq": value(2.0)}},
    }


@pytest.fixture
def card(scores):
    return model_card(
        "tiny",
        "A tiny enhancer.",
        data=DATA,
        scores=scores,
        seeds=[1, 2],
        command="python train.py hparams/dispatch.yaml",
    )


def test_the_hub_reads_the_head(card):
    head = ModelCard(card).data
    assert head.license == "apache-2.0"
    assert "speech-enhancement" in head.tags
    assert head.model_name == "tiny"
    results = {
        (r.dataset_name, r.metric_type): (r.metric_value, r.metric_name)
        for r in head.eval_results
    }
    assert set(results) == {
        ("excerpt", "pesq"),
        ("excerpt", "si_sdr"),
        ("mini", "pesq"),
    }
    mean, name = results["excerpt", "pesq"]
    assert mean == 2.25
    assert name == "PESQ-WB, 95 % interval [2.150, 2.350], 33 files"


def test_people_read_scores_data_seeds_and_command(card):
    for line in (
        "|  | noisy | this model | files |",
        "| PESQ-WB | 1.500 [1.400, 1.600] | 2.250 [2.150, 2.350] "
        "| 33, 2 failed |",
        "| DNSMOS OVRL | – | – | 0 |",
        "P.862.2 without Corrigendum 2.",
        "| [A](https://example.org/a) | CC0-1.0 | training |",
        "| B \\| C | CC-BY-4.0 | noise |",
        "Seeds: 1, 2.",
        "python train.py hparams/dispatch.yaml",
        "Weights: apache-2.0.",
    ):
        assert line in card


def test_a_test_set_without_noisy_scores_has_one_column(card):
    mini = card[card.index("### mini") :]
    assert mini.splitlines()[2] == "|  | this model | files |"


def test_the_code_runs_in_the_folder(card, tmp_path, monkeypatch):
    torch.manual_seed(0)
    model = FastEnhancer(channels=8, block_channels=4).eval()
    noisy = 0.1 * torch.randn(8000, generator=torch.Generator().manual_seed(0))
    folder = write_model_folder(model, tmp_path / "tiny", card, noisy)
    monkeypatch.chdir(folder)
    blocks = re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)
    assert len(blocks) == 2
    names = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    example = torch.from_numpy(read_audio("example.wav"))[None]
    with torch.no_grad():
        expected = model(example)[0]
    written = torch.from_numpy(read_audio("enhanced.wav"))
    torch.testing.assert_close(written, expected)
    torch.testing.assert_close(names["enhanced"], expected)
    assert not os.path.islink("enhance_model.ckpt")


@pytest.mark.parametrize("missing", ["licence", "data", "scores"])
def test_a_card_without_licence_data_or_scores_is_refused(scores, missing):
    arguments = {"licence": "mit", "data": DATA, "scores": scores}
    arguments[missing] = type(arguments[missing])()
    with pytest.raises(ValueError, match="needs a licence, data and scores"):
        model_card("tiny", "A tiny enhancer.", **arguments)


def test_data_without_a_licence_are_refused(scores):
    with pytest.raises(ValueError, match="recordings.*a licence"):
        model_card("tiny", "", data=[{"name": "recordings"}], scores=scores)


def test_scores_of_other_systems_are_refused(scores):
    with pytest.raises(ValueError, match="'teacher'"):
        model_card("tiny", "", data=DATA, scores=scores, system="teacher")
