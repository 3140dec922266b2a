"""Every method's YAML, and what a command line makes of it."""

import math

import pytest
import speechbrain as sb
import torch
from programs import RECIPE

from dispatch_sb.data import pair_dataset, write_pair_manifest
from dispatch_sb.losses import DFKD, CompressedMagnitude, TopGap
from dispatch_sb.training.brain import DistillationBrain
from dispatch_sb.training.recipe_files import load_recipe

METHODS = "output_l1 output_sisdr mrstft l2 l2_dispatch compressed"
METHODS += " compressed_dispatch dfkd dfkd_dispatch dispatch"
# Controls: clean speech as the teacher, patches drawn at random.
CONTROLS = ["--teacher_source=clean", "--selection=random"]
LINEAR = "!new:dispatch_sb.training.schedules.Linear"


@pytest.fixture(scope="module")
def manifest(corpus, tmp_path_factory):
    """The training files, and the folder that they lie in."""
    folders = [
        corpus / f"{k}_trainset_28spk_wav_16k" for k in ("clean", "noisy")
    ]
    path = tmp_path_factory.mktemp("methods") / "train.json"
    write_pair_manifest(*folders, path, corpus)
    return path, corpus


@pytest.fixture
def recipe(teacher, tmp_path):
    """The hyperparameters of a command line."""

    def load(method, *options):
        words = [str(RECIPE / "hparams" / f"{method}.yaml")]
        words += [f"--output_folder={tmp_path}", "--workers=1"]
        words += ["--number_of_epochs=2"]
        if method != "baseline" and CONTROLS[0] not in options:
            words += [f"--teacher_source={teacher}"]
        path, _, overrides = sb.parse_arguments([*words, *options])
        return load_recipe(path, overrides)[0]

    return load


def brain_of(hparams, **options):
    """A Brain that a recipe describes, on a CPU."""
    return DistillationBrain(
        hparams["modules"],
        hparams["opt_class"],
        hparams,
        {"device": "cpu", "noprogressbar": True, **options},
        hparams["checkpointer"],
    )


def trained(hparams, manifest, **options):
    """A Brain that was trained on the tiny corpus, without validation."""
    brain = brain_of(hparams, **options)
    data = pair_dataset(*manifest, segment_seconds=0.5, seed=1)
    loader = {"batch_size": 4, "drop_last": True}
    brain.fit(hparams["epoch_counter"], data, train_loader_kwargs=loader)
    return brain


def begin(hparams, manifest):
    """The first steps of training: how far the student went, and the terms.
    The rate of the first step is 0: only the second changes the student."""
    before = [p.detach().clone() for p in hparams["student"].parameters()]
    brief = {"debug": True, "debug_batches": 2, "debug_epochs": 1}
    brain = trained(hparams, manifest, **brief)
    after = hparams["student"].parameters()
    moved = [(a - b).abs().max() for a, b in zip(after, before)]
    return max(moved).item(), brain.train_summary


def test_every_method_trains_and_none_is_another(manifest, recipe):
    """The first step that counts, from the same student and batches; the
    share of the gradient means the same for each, and what it comes to is
    logged."""
    _, plain = begin(recipe("baseline"), manifest)
    assert "distillation" not in plain
    values = set()
    variants = [(method,) for method in METHODS.split()]
    for variant in [*variants, *(("dispatch", x) for x in CONTROLS)]:
        moved, terms = begin(recipe(*variant), manifest)
        assert moved > 0 and all(map(math.isfinite, [moved, *terms.values()]))
        assert terms["supervised"] == plain["supervised"]
        selects = variant[0].endswith("dispatch")
        assert any("share" in name for name in terms) == selects
        added = terms["loss"] - terms["supervised"]
        expected = terms["effective_weight"] * terms["distillation"]
        assert added == pytest.approx(expected, rel=0.2)  # of two batches
        values.add(round(terms["distillation"], 6))
    assert len(values) == len(variants) + len(CONTROLS)


def test_features_are_distilled(manifest, recipe):
    """Student and adapters learn; the student's weights stand alone."""
    for method in ("fitnets", "spkd", "clskd"):
        hparams = recipe(method)
        adapters = list(hparams["modules"]["features"].parameters())
        before = [p.detach().clone() for p in adapters]
        moved, terms = begin(hparams, manifest)
        assert moved > 0 and 0 < terms["distillation"] < math.inf
        assert len(adapters) == (4 if method == "fitnets" else 0)
        assert not any(map(torch.equal, before, adapters))
        assert terms["loss"] == pytest.approx(
            terms["supervised"] + terms["distillation"]
        )


def test_features_first_then_clean_speech_alone(manifest, recipe):
    """Each step has one of the two losses."""
    hparams = recipe("fitnets_two_step", "--first_step=0.5")
    first, second = [], []
    brain = brain_of(hparams)
    for progress, terms in ((0.49, first), (0.5, second)):
        brain.distillation_progress = progress
        for name in ("supervised_weight", "distillation_weight"):
            terms.append(brain._now(brain._given(name)))
    assert (first, second) == ([0, 1], [1, 0])
    trained(recipe("fitnets_two_step"), manifest)


@pytest.mark.parametrize("model", ["dccrn", "convtasnet"])
def test_any_network_is_a_student(manifest, recipe, model):
    """By name and size, under a loss on outputs."""
    options = (f"--student_model={model}", "--student_size=small")
    moved, terms = begin(recipe("dispatch", *options), manifest)
    assert moved > 0 and all(map(math.isfinite, terms.values()))


def test_taps_must_be_there_and_fit(recipe):
    """The names that there are stand in the message."""
    with pytest.raises(ValueError, match=r"blocks\.9.*encoder\.0"):
        recipe("fitnets", "--taps={blocks.1: blocks.9}")
    with pytest.raises(ValueError, match="CleanTeacher"):
        recipe("fitnets", "--teacher_source=clean")
    with pytest.raises(ValueError, match=r"encoder\.1 and encoder\.1.*hop"):
        dccrn = ("--student_model=dccrn", "--student_size=small")
        recipe("fitnets", *dccrn, "--taps={encoder.1: encoder.1}")


@pytest.mark.parametrize(
    "options, keys",
    [
        (["--distillation_share=0.5"], "distillation_share.*taps.*_weight"),
        (
            ["--distillation_share=0.5", "--distillation_weight=null"],
            "distillation_share.*taps.*_weight",
        ),
        (["--record_teacher=True"], "record_teacher.*taps"),
    ],
)
def test_what_features_have_not_is_said_in_one_sentence(recipe, options, keys):
    """Before anything is loaded or prepared."""
    with pytest.raises(ValueError, match=keys) as error:
        recipe("fitnets", *options)
    assert "\n" not in str(error.value)


def test_any_host_with_any_rule_and_patches(recipe):
    """All of it is chosen on the command line."""
    first = recipe(
        *("dispatch", "--host=compressed", "--ratio=0.5"),
        *("--patch_bins=[10, 40]", "--band_edges_hz=[2000]"),
    )["distillation_loss"]
    assert type(first.host) is CompressedMagnitude
    assert first.host.patch_bins == (10, 40)
    assert first.host.band_edges_hz == (2000,)
    assert type(first.selection) is TopGap and first.selection.ratio == 0.5
    options = ("--selection=all", "--beta=0.2", "--floor_db=-60")
    second = recipe("dispatch", *options)["distillation_loss"]
    assert type(second.host) is DFKD and second.selection is None
    assert (second.host.beta, second.host.floor_db) == (0.2, -60)


@pytest.mark.parametrize(
    "method, option, words",
    [
        ("dispatch", "--selection=best", ["best", "top_gap", "all"]),
        ("output_l1", "--host=l2", ["output_l1.yaml", "host"]),
        ("patches", "--host=l2", ["PLACEHOLDER"]),
    ],
)
def test_what_does_not_exist_is_refused(recipe, method, option, words):
    """At loading, naming what there is."""
    with pytest.raises(ValueError) as error:
        recipe(method, option)
    assert all(word in str(error.value) for word in words)


def test_schedules_on_the_command_line(manifest, recipe):
    """Weight and ratio follow the progress of the training."""
    hparams = recipe(
        *("l2_dispatch", "--distillation_share=null"),
        f"--distillation_weight={LINEAR} {{start: 1, end: 0.5}}",
        f"--ratio={LINEAR} {{start: 1.0, end: 0.4}}",
    )
    terms = trained(hparams, manifest).train_summary
    done = sum((3 + k) / 6 for k in range(3)) / 3  # in the second epoch's steps
    assert terms["effective_weight"] == pytest.approx(1 - 0.5 * done)
    assert terms["selected_share_all"] == pytest.approx(
        1 - 0.6 * done, abs=0.01
    )


def test_random_draws_depend_on_seed_and_epoch_alone(manifest, recipe):
    """A second epoch is the same, whatever was drawn before it."""
    drawn = []
    for before in (0, 1000):
        brain = brain_of(recipe("baseline"))
        brain.train_data = pair_dataset(*manifest)
        torch.rand(before)
        brain.on_stage_start(sb.Stage.TRAIN, epoch=2)
        drawn.append(torch.rand(5))
    assert drawn[0].equal(drawn[1])


def test_a_test_gives_averages_and_leaves_no_checkpoint(
    manifest, recipe, tmp_path
):
    """Brain.evaluate, on its own, with a selective loss."""
    brain = brain_of(recipe("dispatch"))
    data = pair_dataset(*manifest)
    loss = brain.evaluate(data, test_loader_kwargs={"batch_size": 4})
    summary = brain.test_summary
    assert loss == pytest.approx(summary["supervised"], rel=1e-5)
    assert summary["distillation"] > 0 and "mean_gap_low" in summary
    assert not list(tmp_path.glob("save/CKPT*"))
