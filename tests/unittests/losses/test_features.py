"""Losses on features, against loops in float64."""

import pytest
import torch

from dispatch_sb.losses.features import (
    CrossLayerSimilarity,
    Hint,
    SimilarityPreserving,
)

FRAMES = 9
LENS = torch.tensor([1.0, 0.34, 0.67])  # 9, 3 and 6 frames


def features(channels, bins, frames=FRAMES, seed=0):
    """Of three utterances."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, channels, frames, bins, generator=generator)


def slow_similarity(rows):
    """Row by row; rows are vectors."""
    table = []
    for one in rows:
        products = torch.stack([(one * other).sum() for other in rows])
        norm = products.square().sum().sqrt()
        table.append(products / norm if norm > 0 else products)
    return torch.stack(table)


def cut(signal, counts):
    """Zero beyond the end of each utterance, float64."""
    signal = signal.double().clone()
    for row, count in zip(signal, counts):
        row[:, count:] = 0
    return signal


@pytest.mark.parametrize("lens", [None, LENS])
def test_similarity_preserving(lens):
    counts = [FRAMES] * 3 if lens is None else [9, 3, 6]
    student, teacher = features(4, 5), features(7, 6, seed=1)
    tables = [
        slow_similarity([row.flatten() for row in cut(x, counts)])
        for x in (student, teacher)
    ]
    expected = (tables[0] - tables[1]).square().sum() / 9
    value = SimilarityPreserving()(student, teacher, lens)
    assert float(value) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("lens", [None, LENS])
@pytest.mark.parametrize("axis", ["time", "frequency", "both"])
def test_cross_layer_similarity(axis, lens):
    counts = [FRAMES] * 3 if lens is None else [9, 3, 6]
    student = features(4, 5)
    teachers = [features(7, 5, seed=1), features(2, 5, seed=2)]
    expected = []
    for number, count in enumerate(counts):
        rows = [cut(x, counts)[number] for x in (student, *teachers)]
        terms = {
            "time": [
                slow_similarity([x[:, t].flatten() for t in range(count)])
                for x in rows
            ],
            "frequency": [
                slow_similarity([x[:, :, f].flatten() for f in range(5)])
                for x in rows
            ],
        }
        expected.append(
            {
                name: (own - (one + other) / 2).square().mean()
                for name, (own, one, other) in terms.items()
            }
        )
    names = ["time", "frequency"] if axis == "both" else [axis]
    mean = sum(float(e[name]) for e in expected for name in names)
    value = CrossLayerSimilarity(axis)(student, teachers, lens)
    assert float(value) == pytest.approx(mean / 3 / len(names), rel=1e-5)


def test_a_hint_is_a_regression_that_the_adapter_can_solve():
    torch.manual_seed(0)
    hint = Hint(4, 7)
    student = features(4, 6)
    with torch.no_grad():
        teacher = hint.adapter(student)
    assert hint(student, teacher).item() == 0
    other = teacher + 2
    assert hint(student, other).item() == pytest.approx(4, rel=1e-5)
    beyond = other.clone()
    beyond[1, :, 3:] = 1e3
    assert hint(student, beyond, LENS).item() == pytest.approx(4, rel=1e-5)


@pytest.mark.parametrize(
    "loss", [Hint(4, 7), SimilarityPreserving(), CrossLayerSimilarity("both")]
)
def test_only_the_student_gets_gradient_and_float32_stays(loss):
    student = features(4, 6).requires_grad_()
    teacher = features(7, 6, seed=1).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(student.bfloat16(), teacher, LENS)
    value.backward()
    assert value.dtype == torch.float32 and teacher.grad is None
    assert student.grad.isfinite().all() and student.grad.abs().sum() > 0
    assert student.grad[1, :, 3:].abs().sum() == 0


def test_what_does_not_fit_is_named():
    student = features(4, 5)
    with pytest.raises(ValueError, match=r"3, 7, 8, 5"):
        SimilarityPreserving()(student, features(7, 5, frames=8))
    with pytest.raises(ValueError, match=r"3, 4, 9\)"):
        SimilarityPreserving()(student[..., 0], student)
    with pytest.raises(ValueError, match="5, 6"):
        CrossLayerSimilarity("both")(student, features(7, 6))
    with pytest.raises(ValueError, match="depth"):
        CrossLayerSimilarity("depth")
