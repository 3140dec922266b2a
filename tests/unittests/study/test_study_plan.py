"""Which cells a study runs, and in which order.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.study.study_plan import Plan

STUDY = {
    "students": ["T"],
    "seeds": [1, 2],
    "options": {"batch_size": 8},
    "sweep": {"key": "distillation_share", "values": [0.5, 0.2], "seed": 1},
    "methods": {
        "none": {"recipe": "baseline.yaml", "distils": False},
        "extra": {"recipe": "extra.yaml", "later": True},
        "l2": {"recipe": "l2.yaml"},
        "clean": {
            "recipe": "l2.yaml",
            "like": "l2",
            "options": {"teacher_source": "clean"},
        },
        "fixed": {"recipe": "l2.yaml", "strength": 0.9},
    },
}
L2 = {"sweep_T_l2_0.2_seed1": 1.7, "sweep_T_l2_0.5_seed1": 1.6}


def names(cells):
    return [cell.name for cell in cells]


def test_before_the_sweep_only_what_needs_no_choice_is_compared():
    found = names(Plan(STUDY).main({}))
    assert found == [
        "main_T_none_seed1",
        "main_T_fixed_0.9_seed1",
        "main_T_none_seed2",
        "main_T_fixed_0.9_seed2",
    ]


def test_a_whole_sweep_chooses_for_the_method_and_those_like_it():
    plan = Plan(STUDY)
    assert plan.strength("T", "l2", {"sweep_T_l2_0.2_seed1": 1.7}) is None
    assert plan.strength("T", "l2", L2) == 0.2
    assert plan.strength("T", "clean", L2) == 0.2
    assert plan.strength("T", "l2", {name: 1.0 for name in L2}) == 0.2


def test_order_is_the_undistilled_one_then_the_sweep_then_the_rest():
    found = names(Plan(STUDY).cells(L2))
    assert found[0] == "main_T_none_seed1"
    assert found[1:3] == ["sweep_T_l2_0.5_seed1", "sweep_T_l2_0.2_seed1"]
    assert found[-2:] == ["sweep_T_extra_0.5_seed1", "sweep_T_extra_0.2_seed1"]
    assert len(found) == len(set(found))


def test_a_cell_carries_everything_its_run_is_given():
    cell = next(c for c in Plan(STUDY).main(L2) if c.method == "clean")
    assert cell.recipe == "l2.yaml"
    assert cell.options == {
        "batch_size": 8,
        "teacher_source": "clean",
        "student_size": "T",
        "seed": 1,
        "distillation_share": 0.2,
    }


def test_a_method_may_have_a_sweep_of_its_own_or_none():
    """Losses on features have a weight in place of a share."""
    own = {"key": "distillation_weight", "values": [1, 10, 100]}
    own["options"] = {"distillation_share": None}
    methods = {
        "none": STUDY["methods"]["none"],
        "l2": {"recipe": "l2.yaml"},
        "spkd": {"recipe": "spkd.yaml", "sweep": own},
        "spkd_like": {"recipe": "spkd.yaml", "like": "spkd"},
        "two_step": {"recipe": "two.yaml", "strength": None},
    }
    plan = Plan({**STUDY, "methods": methods})
    cells = plan.cells({})
    swept = {c.strength: c.options for c in cells if c.method == "spkd"}
    assert [*swept] == [1, 10, 100]
    assert all(
        options["distillation_weight"] == strength
        and options["distillation_share"] is None
        for strength, options in swept.items()
    )
    fixed = [cell for cell in cells if cell.method == "two_step"]
    assert [cell.seed for cell in fixed] == [1, 2]
    assert not any("distillation_share" in cell.options for cell in fixed)
    found = {f"sweep_T_spkd_{x}_seed1": x % 7 for x in own["values"]}
    like = [cell for cell in plan.main(found) if cell.method == "spkd_like"]
    assert {cell.options["distillation_weight"] for cell in like} == {10}
