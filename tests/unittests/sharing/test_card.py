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
from dispatch_sb.pretrained import save
from dispatch_sb.sharing import model_card
from dispatch_sb.sharing.card_parts import hub_licence

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
        method="With patience.",
        teacher="Teacher: Big.",
        versions="With torch 2.",
        credit="`example.wav` is by A.",
        latency_ms=32.0,
    )


def test_the_hub_reads_the_head(card):
    head = ModelCard(card).data
    assert head.license == "apache-2.0"
    assert "speech-enhancement" in head.tags
    assert head.model_name == "tiny"
    results = {(r.dataset_name, r.metric_type): r for r in head.eval_results}
    assert set(results) == {
        ("excerpt", "pesq"),
        ("excerpt", "si_sdr"),
        ("mini", "pesq"),
    }
    pesq = results["excerpt", "pesq"]
    assert pesq.metric_value == 2.25
    expected = "PESQ-WB, 95 % interval [2.150, 2.350], 33 files"
    assert pesq.metric_name == expected
    assert pesq.metric_args == {"ci95": [2.15, 2.35], "files": 33, "failed": 2}
    # What the hub does not list as a dataset gets an id that could be one.
    assert {r.dataset_type for r in head.eval_results} == {"excerpt", "mini"}


def test_the_hub_gets_back_what_it_read(card):
    data = ModelCard(card).data
    again = ModelCard(f"---\n{data.to_yaml()}\n---\n").data
    assert again.eval_results == data.eval_results
    assert again.to_dict() == data.to_dict()


@pytest.mark.parametrize(
    "licence, expected",
    [
        ("Apache-2.0", {"license": "apache-2.0"}),
        ("CC BY-NC 4.0", {"license": "cc-by-nc-4.0"}),
        ("GPL-2+", {"license": "other", "license_name": "gpl-2+"}),
    ],
)
def test_licences_are_named_as_the_hub_does(licence, expected):
    assert hub_licence(licence) == expected


def test_people_read_scores_data_seeds_and_command(card):
    for line in (
        "|  | noisy | this model | files |",
        "| PESQ-WB | 1.500 [1.400, 1.600] | 2.250 [2.150, 2.350] "
        "| 33, 2 failed |",
        "| DNSMOS OVRL | – | – | 0 |",
        "P.862.2 without Corrigendum 2.",
        "| [A](https://example.org/a) | CC0-1.0 | training |",
        "| B \\| C | CC-BY-4.0 | noise |",
        "A tiny enhancer.\n\n`example.wav` is by A.\n",
        "With patience.\n\nTeacher: Big.\n\nSeeds: 1, 2.\n\nWith torch 2.\n",
        "python train.py hparams/dispatch.yaml",
        "Weights: apache-2.0.",
    ):
        assert line in card


def test_a_test_set_without_noisy_scores_has_one_column(card):
    mini = card[card.index("### mini") :]
    assert mini.splitlines()[2] == "|  | this model | files |"


def test_a_single_file_has_no_interval():
    one = {"mean": 2.0, "ci95": [None, None], "n": 1, "failed": 0}
    card = model_card(
        "tiny", "Tiny.", data=DATA, scores={"one": {"student": {"pesq": one}}}
    )
    assert "| PESQ-WB | 2.000 [unknown] | 1 |" in card
    (result,) = ModelCard(card).data.eval_results
    assert result.metric_value == 2.0
    assert result.metric_args["ci95"] is None


def test_the_code_runs_in_the_folder(card, tmp_path, monkeypatch):
    torch.manual_seed(0)
    model = FastEnhancer(channels=8, block_channels=4).eval()
    noisy = 0.1 * torch.randn(8000, generator=torch.Generator().manual_seed(0))
    folder = save(model, tmp_path / "tiny", card, noisy)
    monkeypatch.chdir(folder)
    blocks = re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)
    plain, speechbrain, streamed = (run_block(block) for block in blocks)
    example = torch.from_numpy(read_audio("example.wav"))[None]
    with torch.no_grad():
        expected = model(example)[0]
    assert plain.equal(expected)
    assert torch.from_numpy(read_audio("enhanced.wav")).equal(expected)
    torch.testing.assert_close(speechbrain, expected)
    torch.testing.assert_close(streamed[0], expected, atol=1e-5, rtol=0)
    assert not os.path.islink("enhance_model.ckpt")


def run_block(block):
    """Runs a block on its own; what it calls ``enhanced``."""
    names = {}
    exec(compile(block, "README.md", "exec"), names)
    return names["enhanced"]


def test_a_model_that_cannot_stream_shows_no_streaming(scores):
    card = model_card("tiny", "", data=DATA, scores=scores)
    assert "StreamingEnhancer" not in card and "load_student" in card


def test_the_teacher_stands_beside_its_student(scores):
    scores["mini"]["teacher"] = {"pesq": value(3.0)}
    card = model_card("tiny", "", data=DATA, scores=scores)
    assert "|  | this model | its teacher | files |" in card
    assert "| 2.000 [1.900, 2.100] | 3.000 [2.900, 3.100] | 35 |" in card
    own = model_card(
        "big", "", DATA, {"mini": scores["mini"]}, system="teacher"
    )
    assert "|  | this model | files |" in own


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
