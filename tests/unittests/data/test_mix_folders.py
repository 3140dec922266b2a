"""Fixed mixtures of one's own folders: the same again, and resumed."""

import numpy as np
import pytest
from sounds import noise

from dispatch_sb.cli import main
from dispatch_sb.data import read_audio, write_audio, write_pair_manifest
from dispatch_sb.data.levels import active_rms, rms


@pytest.fixture
def words(tmp_path):
    """A command line, and the files that it reads."""
    for name in ("ann_1", "ann_2", "bob_1"):
        write_audio(tmp_path / f"speech/{name}.wav", noise(1.0, seed=1) / 4)
    write_audio(tmp_path / "noise/fan.wav", noise(2.0, seed=2))
    folders = [tmp_path / "speech", tmp_path / "noise", tmp_path / "out"]
    return ["mix", *map(str, folders), "--hours", "0.002"]  # 7.2 s


def content(folder):
    """All that was written, by kind and name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*.flac")
    }


def test_it_writes_pairs_at_the_wanted_ratio(words, tmp_path):
    options = ["--snr", "5", "5", "--level", "-30", "-30", "--segment", "0.9"]
    assert main([*words, *options]) == 0
    out = tmp_path / "out"
    pairs = write_pair_manifest(
        out / "clean", out / "noisy", tmp_path / "pairs.json", out
    )
    assert len(pairs) == 8 and {p["length"] for p in pairs.values()} == {0.9}
    assert {pair["speaker"] for pair in pairs.values()} == {"ann", "bob"}
    for name in pairs:
        clean = read_audio(out / "clean" / f"{name}.flac")
        noisy = read_audio(out / "noisy" / f"{name}.flac")
        ratio = active_rms(clean) / rms(noisy - clean)
        assert 20 * np.log10(ratio) == pytest.approx(5, abs=0.1)
        assert 20 * np.log10(rms(noisy)) == pytest.approx(-30, abs=0.1)


def test_the_same_command_gives_the_same_files_and_goes_on(words, tmp_path):
    assert main(words) == 0
    out = tmp_path / "out"
    before = content(out)
    assert len(before) == 16
    for name in sorted(before)[3:9]:
        (out / name).unlink()
    assert main(words) == 0
    assert content(out) == before
    assert main([*words, "--seed", "7"]) == 0
    assert content(out).keys() == before.keys()
    assert content(out) != before


def test_files_of_others_are_left_alone(words, tmp_path, capsys):
    theirs = tmp_path / "out" / "clean" / "theirs.flac"
    write_audio(theirs, np.ones(160) / 2, subtype="PCM_16")
    assert main(words) == 1
    assert str(theirs.parent) in capsys.readouterr().err
    assert theirs.is_file()


@pytest.mark.parametrize("hours", ["0", "-1", "nan", "inf"])
def test_hours_that_are_none_are_refused(words, hours, capsys):
    assert main([*words[:-1], hours]) == 1
    assert hours in capsys.readouterr().err
