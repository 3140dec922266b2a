"""Training from a recorded teacher: as from the same teacher live."""

import pytest
from programs import train
from tiny_corpus import SPEAKERS, write_pairs

from dispatch_sb.runs.run import Run


@pytest.fixture(scope="module")
def world(tmp_path_factory, teacher):
    """Three folders of pairs, and the options that name them."""
    folder = tmp_path_factory.mktemp("recorded")
    options = ["--data_folder", "null", "--segment_seconds", "null"]
    options += ["--prepared_folder", folder / "prepared"]
    options += ["--metrics", "[si_sdr]", "--examples", 1]
    options += ["--teacher_source", teacher]
    parts = zip(("train", "valid", "test"), SPEAKERS.items())
    for part, (speaker, pitch) in parts:
        write_pairs(folder / "raw", part, {speaker: pitch}, 4)
        (folder / part).mkdir()
        for kind in ("clean", "noisy"):
            raw = folder / "raw" / f"{kind}_{part}_wav_16k"
            raw.rename(folder / part / kind)
        options += [f"--{part}_pairs", folder / part]
    return folder, options


def test_recorded_is_live(world):
    """Every term of the log, and the teacher's scores."""
    folder, options = world
    for name, record in (("live", "False"), ("recorded", "True")):
        train("dispatch", folder / name, *options, "--record_teacher", record)
    live, recorded = (Run.open(folder / x) for x in ("live", "recorded"))
    for stage in ("train", "valid"):
        terms = recorded.epochs[0][stage]
        assert terms == pytest.approx(live.epochs[0][stage], rel=1e-3)
        assert terms["distillation"] > 0
    scores = [x.scores["teacher"]["si_sdr"]["mean"] for x in (live, recorded)]
    assert scores[0] == pytest.approx(scores[1], abs=0.01)
    assert not list(recorded.folder.rglob("*.flac"))
    for key in ("source", "weights_sha256"):
        assert live.teacher[key] == recorded.teacher[key] is not None
    assert recorded.teacher["recording_sha256"]
