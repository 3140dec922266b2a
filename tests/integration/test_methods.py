"""Every method's YAML, and what a command line makes of it."""

import math
from pathlib import Path

import pytest
import speechbrain as sb
import torch
from tiny_corpus import write_tiny_corpus

from dispatch_sb.data import pair_dataset, write_pair_manifest
from dispatch_sb.losses import (
    DFKD,
    CompressedMagnitude,
    MagnitudeL2,
    RandomShare,
    TopGap,
)
from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import save
from dispatch_sb.training.brain import DistillationBrain
from dispatch_sb.training.recipe_files import load_recipe

HPARAMS = Path(__file__).resolve().parents[2] / "recipes/VoiceBank/hparams"
METHODS = ["output_l1", "output_sisdr", "mrstft", "l2", "l2_dispatch"]
METHODS += ["compressed", "compressed_dispatch"]
METHODS += ["dfkd", "dfkd_dispatch", "dispatch"]
SHARE = ["--distillation_share=0.25"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A corpus' manifest, its folder, and a teacher."""
    root = write_tiny_corpus(tmp_path_factory.mktemp("corpus"))
    folders = [root / f"{k}_trainset_28spk_wav_16k" for k in ("clean", "noisy")]
    manifest = root / "train.json"
    write_pair_manifest(*folders, manifest, root)
    torch.manual_seed(1)
    save(FastEnhancer(channels=8), root / "teacher", card="# A\n")
    return manifest, root


def recipe(method, world, folder, *options):
    """The hyperparameters of a command line."""
    words = [str(HPARAMS / f"{method}.yaml"), f"--output_folder={folder}"]
    words += ["--number_of_epochs=2", "--workers=1"]
    named = any(word.startswith("--teacher_source") for word in options)
    if method != "baseline" and not named:
        words += [f"--teacher_source={world[1] / 'teacher'}"]
    path, _, overrides = sb.parse_arguments([*words, *options])
    return load_recipe(path, overrides)[0]


def brain_of(hparams, **options):
    """A Brain that a recipe describes, on a CPU."""
    return DistillationBrain(
        hparams["modules"],
        hparams["opt_class"],
        hparams,
        {"device": "cpu", "noprogressbar": True, **options},
        hparams["checkpointer"],
    )


def train(hparams, world, **options):
    """Trains on the tiny corpus, without validation."""
    brain = brain_of(hparams, **options)
    manifest, root = world
    data = pair_dataset(manifest, root, segment_seconds=0.5, seed=1)
    loader = {"batch_size": 4, "drop_last": True}
    brain.fit(hparams["epoch_counter"], data, train_loader_kwargs=loader)
    return brain


# The rate of the first step is 0: only the second one changes the student.
BRIEFLY = {"debug": True, "debug_batches": 2, "debug_epochs": 1}


def begin(hparams, world):
    """The first steps of training: how far the student went, and the terms."""
    before = [p.detach().clone() for p in hparams["student"].parameters()]
    brain = train(hparams, world, **BRIEFLY)
    after = hparams["student"].parameters()
    moved = [(a - b).abs().max() for a, b in zip(after, before)]
    return max(moved).item(), brain.train_summary


def test_every_method_trains_and_none_is_another(world, tmp_path):
    """The first step that counts, from the same student and batches."""
    _, plain = begin(recipe("baseline", world, tmp_path), world)
    assert "distillation" not in plain
    terms = {}
    for method in METHODS:
        moved, terms[method] = begin(recipe(method, world, tmp_path), world)
        assert moved > 0 and math.isfinite(moved)
        assert terms[method]["supervised"] == plain["supervised"]
        selects = method.endswith("dispatch")
        assert any("share" in name for name in terms[method]) == selects
    values = {round(t["distillation"], 6) for t in terms.values()}
    assert len(values) == len(METHODS)
    assert all(map(math.isfinite, values))


@pytest.mark.parametrize("method", ["output_sisdr", "dispatch"])
def test_a_share_means_the_same_for_every_method(world, tmp_path, method):
    """What the loss counts is logged; clean speech may be the teacher."""
    options = [*SHARE, "--teacher_source=clean"]
    hparams = recipe(method, world, tmp_path, *options)
    _, terms = begin(hparams, world)
    added = terms["loss"] - terms["supervised"]
    expected = terms["effective_weight"] * terms["distillation"]
    assert added == pytest.approx(expected, rel=0.1)  # means of two batches
    assert terms["effective_weight"] > 0


def test_any_host_with_any_rule_and_patches(world, tmp_path):
    """All of it is chosen on the command line."""

    def loss(*options):
        chosen = recipe("dispatch", world, tmp_path, *options)
        return chosen["distillation_loss"]

    first = loss(
        *("--host=compressed", "--selection=top_gap", "--ratio=0.5"),
        *("--patch_bins=[10, 40]", "--band_edges_hz=[2000]"),
    )
    assert type(first.host) is CompressedMagnitude
    assert first.host.patch_bins == (10, 40)
    assert first.host.band_edges_hz == (2000,)
    assert type(first.selection) is TopGap and first.selection.ratio == 0.5
    second = loss("--host=l2", "--selection=random", "--patch_bins=16")
    assert type(second.host) is MagnitudeL2
    assert type(second.selection) is RandomShare
    third = loss("--selection=all", "--beta=0.2", "--floor_db=-60")
    assert type(third.host) is DFKD and third.selection is None
    assert (third.host.beta, third.host.floor_db) == (0.2, -60)


@pytest.mark.parametrize(
    "method, option, words",
    [
        ("dispatch", "--host=l3", ["l3", "l2", "dfkd"]),
        ("dispatch", "--selection=best", ["best", "top_gap", "all"]),
        ("dispatch", "--selection=null", ["selection", "null"]),
        ("output_l1", "--host=l2", ["output_l1.yaml", "host"]),
        ("l2", "--distillation_weight=0.3", ["_weight", "_share", "0.3"]),
        ("l2", "--distillation_share=null", ["_weight", "_share", "null"]),
        ("patches", "--host=l2", ["PLACEHOLDER"]),
    ],
)
def test_what_does_not_exist_is_refused(world, tmp_path, method, option, words):
    """At loading, naming what there is."""
    with pytest.raises(ValueError) as error:
        recipe(method, world, tmp_path, option)
    assert all(word in str(error.value) for word in words)


def test_schedules_on_the_command_line(world, tmp_path):
    """Weight and ratio follow the progress of the training."""
    linear = "!new:dispatch_sb.training.schedules.Linear"
    hparams = recipe(
        *("l2_dispatch", world, tmp_path),
        "--distillation_share=null",
        f"--distillation_weight={linear} {{start: 1, end: 0.5}}",
        f"--ratio={linear} {{start: 1.0, end: 0.4}}",
    )
    brain = train(hparams, world)
    progress = [(3 + k) / 6 for k in range(3)]  # of the second epoch's steps
    terms = brain.train_summary
    mean = sum(1 - 0.5 * p for p in progress) / 3
    assert terms["effective_weight"] == pytest.approx(mean)
    mean = sum(1 - 0.6 * p for p in progress) / 3
    assert terms["selected_share_all"] == pytest.approx(mean, abs=0.01)


def test_random_draws_depend_on_seed_and_epoch_alone(world, tmp_path):
    """A second epoch is the same, whatever was drawn before it."""

    def second(name, disturb):
        options = ("--selection=random", "--ratio=0.3", *SHARE)
        hparams = recipe("dispatch", world, tmp_path / name, *options)
        brain = brain_of(hparams)
        brain.train_data = pair_dataset(*world, segment_seconds=0.5, seed=1)
        if disturb:
            torch.rand(1000)
        brain.on_stage_start(sb.Stage.TRAIN, epoch=2)
        return torch.rand(5)

    first = second("a", disturb=False)
    assert first.equal(second("b", disturb=True))


def test_a_test_gives_averages_and_leaves_no_checkpoint(world, tmp_path):
    """Brain.evaluate, on its own, with a selective loss."""
    hparams = recipe("dispatch", world, tmp_path, *SHARE)
    brain = brain_of(hparams)
    data = pair_dataset(*world)
    loss = brain.evaluate(data, test_loader_kwargs={"batch_size": 4})
    summary = brain.test_summary
    assert loss == pytest.approx(summary["supervised"], rel=1e-5)
    assert summary["distillation"] > 0 and "mean_gap_low" in summary
    assert not list(tmp_path.glob("save/CKPT*"))
