"""One visit without the page: what is computed, and what is shown of it."""

import base64
import io
import re

import numpy as np
import pytest
import soundfile
import torch
from demo_signals import RATE, tiny_models, write_pair

from dispatch_sb.demo.cards import listening_html
from dispatch_sb.demo.followed import EXPLANATION
from dispatch_sb.demo.head import header_html
from dispatch_sb.demo.listening import Listening, listen
from dispatch_sb.demo.models import Models


@pytest.fixture(scope="module")
def models():
    """Student and teacher."""
    return tiny_models()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A noisy file and its clean version."""
    return write_pair(tmp_path_factory.mktemp("visit"))


@pytest.fixture(scope="module")
def both(models, files):
    """A visit with a clean recording."""
    return listen(models, *files)


@pytest.fixture(scope="module")
def html(both, models):
    """The same as a page."""
    return listening_html(both, models.loss)


def players(html):
    """The audio in a page by its label: samples."""
    pattern = r'src="data:audio/flac;base64,([^"]+)" aria-label="(\w+)"'
    return {
        name: soundfile.read(io.BytesIO(base64.b64decode(content)))[0]
        for content, name in re.findall(pattern, html)
    }


def test_a_visit_gives_what_the_networks_give(models, files):
    found = listen(models, files[0])
    noisy = soundfile.read(files[0], dtype="float32")[0]
    assert np.array_equal(found.signals["noisy"], noisy)
    for name, network in models.networks.items():
        with torch.no_grad():
            expected = network(torch.from_numpy(noisy)[None])[0].numpy()
        assert np.array_equal(found.signals[name], expected)
    assert list(found.signals) == ["noisy", "student", "teacher"]
    assert found.gap is None and found.scores == {}
    assert found.followed.shares.keys() == {"low", "high"}


def test_a_clean_recording_adds_scores_and_the_knowledge_gap(both, models):
    waveforms = (
        torch.from_numpy(both.signals[name])[None]
        for name in ("student", "teacher", "clean")
    )
    _, detail = models.loss(*waveforms, return_detail=True)
    for band in ("low", "high"):
        assert torch.equal(both.gap[band]["gap"], detail[band]["gap"])
    assert both.scores.keys() == {"noisy", "student", "teacher"}
    assert 1 < both.scores["noisy"]["pesq"] < 4.64


def test_a_student_alone_is_enough(models, files):
    alone = Models(models.student, RATE, None, models.loss)
    found = listen(alone, *files)
    assert list(found.signals) == ["noisy", "student", "clean"]
    assert found.followed is None and found.gap is None
    assert found.scores.keys() == {"noisy", "student"}
    html = listening_html(found, alone.loss)
    assert "teacher" not in html.lower() and len(players(html)) == 3


def test_without_a_recording_the_visitor_is_asked_for_one(models):
    with pytest.raises(ValueError, match="drop or record one first"):
        listen(models, None)


def test_players_hold_the_signals_as_loud_as_they_are(both, html):
    held = players(html)
    assert list(held) == ["noisy", "student", "teacher", "clean"]
    for name, signal in held.items():
        assert np.abs(signal - both.signals[name]).max() < 1e-4


def test_what_would_clip_turns_all_players_down_alike(both, models):
    noisy = both.signals["noisy"]
    signals = {"noisy": noisy, "student": 20 * noisy}
    html = listening_html(Listening(signals, RATE), models.loss)
    held = players(html)
    assert 0.99 < np.abs(held["student"]).max() <= 1
    ratio = np.abs(held["student"]).max() / np.abs(held["noisy"]).max()
    assert ratio == pytest.approx(20, rel=1e-3)
    factor = 0.998 / np.abs(20 * noisy).max()
    assert f"All players are {factor:.2f} times as loud" in html


def test_the_page_explains_itself_and_refers_to_nothing_outside(html):
    assert EXPLANATION in html and html.count("<svg") == 9
    addresses = re.findall(r'(?:src|href)="([^"]{0,20})', html)
    assert all(a.startswith(("data:", "#")) for a in addresses)
    assert "url(http" not in html and "@import" not in html
    assert len(set(ids(html))) == len(ids(html))


def ids(html):
    """All identifiers in a page."""
    return re.findall(r'\bid="([^"]+)"', html)


def test_a_score_that_failed_gives_its_reason(both, models):
    failed = {"error": "found no <utterance>"}
    scores = {"noisy": {"pesq": failed, "stoi": 0.5, "si_sdr": -1.0}}
    found = Listening({"noisy": both.signals["noisy"]}, RATE, scores=scores)
    html = listening_html(found, models.loss)
    assert "<td>–</td><td>0.500</td><td>-1.00</td>" in html
    assert "noisy, pesq: found no &lt;utterance&gt;." in html


def test_the_head_names_the_models_and_their_sizes(models):
    html = header_html(models)
    assert "organisation/small <small>22 thousand parameters" in html
    assert "the student and its teacher make of it" in html
    alone = Models(models.student, RATE, None, models.loss, {"student": "<b>"})
    assert "the student makes of it" in header_html(alone)
    assert "<dd>&lt;b&gt; " in header_html(alone)
