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

DATA = [
    {"name": "A", "licence": "CC0-1.0", "url": "https://example.org/a"},
    {"name": "B | C", "licence": "CC-BY-4.0", "use": "noise"},
]


def value(mean, failed=0):
    """A metric as in scores.json."""
    interval = [mean - 0.1, mean + 0.1]
    return {"mean": mean, "ci95": interval, "n": 35 - failed, "failed": failed}


SCORES = {
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
    "mini": {
        "student": {"pesq": {**value(2.0), "ci95": [None, None], "n": 1}},
        "teacher": {"pesq": value(3.0)},
    },
}
FACTS = dict(
    credit="Sound: A.",
    limits="Not for music.",
    training=["With patience.", "", "Teacher: Big."],
    command="python train.py hparams/dispatch.yaml",
    base_model="lab/big",
    latency_ms=32.0,
)


@pytest.fixture
def card():
    return model_card("tiny", "A tiny enhancer.", DATA, SCORES, **FACTS)


def test_the_hub_reads_in_the_head_what_was_scored(card):
    head = ModelCard(card).data
    assert head.license == "apache-2.0" and head.base_model == "lab/big"
    assert head.pipeline_tag == "audio-to-audio"
    assert head.library_name == "speechbrain"
    assert "speech-enhancement" in head.tags and head.model_name == "tiny"
    found = {
        (r.dataset_name, r.metric_type): (
            r.metric_value,
            r.metric_args["ci95"],
            r.metric_args["files"],
            r.metric_args["failed"],
        )
        for r in head.eval_results
    }
    assert found == {
        ("excerpt", "pesq"): (2.25, [2.15, 2.35], 33, 2),
        ("excerpt", "si_sdr"): (14.0, [13.9, 14.1], 35, 0),
        ("mini", "pesq"): (2.0, [], 1, 0),
    }
    # What the hub does not list as a dataset gets an id that could be one.
    assert {r.dataset_type for r in head.eval_results} == {"excerpt", "mini"}
    assert str(ModelCard(card)) == card  # nothing is lost on the way back


def test_several_teachers_have_a_column_each():
    names = ("noisy", "student", "teacher_1", "teacher_2")
    scores = {"mini": {name: {"pesq": value(2.0)} for name in names}}
    base = ["lab/big", "lab/other"]
    card = model_card("tiny", "Tiny.", DATA, scores, base_model=base)
    assert "|  | noisy | this model | teacher 1 | teacher 2 | files |" in card
    assert ModelCard(card).data.base_model == base


def test_people_read_every_fact_once_and_scores_in_tables(card):
    text = ModelCard(card).text
    facts = [FACTS[key] for key in ("credit", "limits", "command")]
    for fact in [*facts, "A tiny enhancer.", "With patience.", "Teacher: Big."]:
        assert text.count(fact) == 1
    assert "P.862.2 without Corrigendum 2" in text and "\n\n\n" not in text
    rows = [line[2:-2] for line in text.splitlines() if line[:1] == "|"]
    cells = [re.split(r" (?<!\\)\| ", row) for row in rows]
    assert ["", "noisy", "this model", "files"] in cells
    assert ["", "this model", "its teacher", "files"] in cells
    noisy, ours = "1.500 [1.400, 1.600]", "2.250 [2.150, 2.350]"
    assert ["PESQ-WB", noisy, ours, "33, 2 failed"] in cells
    assert ["DNSMOS OVRL", "–", "–", "0"] in cells
    assert ["[A](https://example.org/a)", "CC0-1.0", "training"] in cells
    assert [r"B \| C", "CC-BY-4.0", "noise"] in cells


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


def test_a_model_that_cannot_stream_shows_no_streaming():
    card = model_card("tiny", "", data=DATA, scores=SCORES)
    assert "StreamingEnhancer" not in card and "load_student" in card


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"licence": None}, "licence"),
        ({"data": []}, "data"),
        ({"data": [{"name": "recordings"}]}, "recordings"),
        ({"scores": {}}, "scores"),
        ({"scores": {"drive": {"noisy": {}}}}, "drive"),
    ],
)
def test_an_incomplete_card_is_refused(changes, named):
    arguments = {"licence": "mit", "data": DATA, "scores": SCORES, **changes}
    with pytest.raises(ValueError, match=named):
        model_card("tiny", "A tiny enhancer.", **arguments)
