"""One visit without the page: what is computed, and what is shown of it."""

import base64
import io
import re
import sys

import numpy as np
import pytest
import soundfile
import torch
from demo_signals import RATE, tiny_models, write_pair

from dispatch_sb.demo.cards import listening_html
from dispatch_sb.demo.gradio_page import build_page, header_html
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
def html(both):
    """The same as a page."""
    return listening_html(both)


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
    for band in both.gap:
        assert np.array_equal(band.gap, detail[band.name]["gap"][0])
    assert both.scores.keys() == {"noisy", "student", "teacher"}
    assert 1 < both.scores["noisy"]["pesq"] < 4.64


def test_noise_stays_in_what_is_heard_not_in_the_maps(both, models, files):
    found = listen(models, *files, keep=-6)
    noisy = both.signals["noisy"]
    for name in models.networks:
        removed = noisy - both.signals[name]
        expected = both.signals[name] + 10 ** (-6 / 20) * removed
        np.testing.assert_allclose(found.signals[name], expected, atol=1e-6)
        assert found.scores[name] != both.scores[name]
    assert found.followed.shares == both.followed.shares
    assert found.gap[0].gap.tolist() == both.gap[0].gap.tolist()
    assert "-6 dB" in " ".join(found.notes)
    with pytest.raises(ValueError, match="3"):
        listen(models, *files, keep=3)


def test_a_student_alone_is_enough(models, files):
    student = {"student": models.networks["student"]}
    alone = Models(student, RATE, models.loss, {"student": "<b>"})
    found = listen(alone, *files)
    assert found.followed is None and found.gap is None
    assert found.scores.keys() == {"noisy", "student"}
    html = listening_html(found) + header_html(alone)
    assert list(players(html)) == ["noisy", "student", "clean"]
    assert "teacher" not in html.lower() and "<dd>&lt;b&gt; " in html


def test_what_would_clip_turns_all_players_down_alike(both):
    noisy = both.signals["noisy"]
    html = listening_html(
        Listening({"noisy": noisy, "student": 20 * noisy}, RATE)
    )
    peaks = {name: np.abs(x).max() for name, x in players(html).items()}
    assert 0.99 < peaks["student"] <= 1
    assert peaks["student"] / peaks["noisy"] == pytest.approx(20, rel=1e-3)
    assert f"{0.998 / np.abs(20 * noisy).max():.2f} times as loud" in html


def test_the_page_has_its_pictures_and_refers_to_nothing_outside(html):
    assert html.count("<svg") == 9  # 4 signals, a scale, 2 maps, 2 gaps
    addresses = re.findall(r'(?:src|href)="([^"]{0,20})', html)
    assert all(a.startswith(("data:", "#")) for a in addresses)
    assert "url(http" not in html and "@import" not in html
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(set(ids)) == len(ids)


def test_a_score_that_failed_gives_its_reason(both):
    failed = {"error": "found no <utterance>"}
    scores = {"noisy": {"pesq": failed, "stoi": 0.5, "si_sdr": -1.0}}
    noisy = {"noisy": both.signals["noisy"]}
    html = listening_html(Listening(noisy, RATE, scores=scores))
    assert "<td>–</td><td>0.500</td><td>−1.00</td>" in html
    assert "noisy, pesq: found no &lt;utterance&gt;." in html


def test_the_head_names_the_models_and_their_sizes(models, monkeypatch):
    html = header_html(models)
    assert "organisation/small <small>22 thousand parameters" in html
    assert "teacher" in html
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(ImportError, match=r"dispatch-sb\[demo\]"):
        build_page(models)
