"""The comparisons that a study named beforehand, and what they have found.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from dispatch_sb.scoring.catalogue import CATALOGUE
from dispatch_sb.study import paired
from dispatch_sb.study.cells import (
    BASELINES,
    MAIN,
    VALIDATION,
    best_method,
    of_kind,
    scores_of,
)

BEST = "best"


@dataclass(frozen=True)
class Comparison:
    """A question that is asked before the scores are known.

    Arguments
    ---------
    name : str
        What is compared, in words.
    better : str
        The method that is expected to be better; "best" stands for the best
        distillation method on validation speakers, "none" or "baseline" for
        the one without a teacher.
    than : str
        The method that it is compared with, named likewise.
    metric : str
        The metric on which the claim is made.

    Raises
    ------
    ValueError
        If the metric does not exist.

    Example
    -------
    >>> Comparison("Selection, inside DFKD", "dfkd_dispatch", "dfkd").metric
    'pesq'
    """

    name: str
    better: str
    than: str
    metric: str = "pesq"

    def __post_init__(self):
        if self.metric not in CATALOGUE:
            raise ValueError(
                f"comparison {self.name!r}: unknown metric {self.metric!r}: "
                f"choose among {', '.join(CATALOGUE)}."
            )


@dataclass(frozen=True)
class Effect:
    """What one comparison has found on one test set in one metric.

    Arguments
    ---------
    comparison : Comparison
        The question.
    student : str
        Whose methods are compared.
    test_set : str
        On which set.
    metric : str
        In which metric.
    better : str
        The method that was expected to be better, "best" resolved.
    than : str
        The method that it is compared with.
    difference : PairedDifference or None
        None if it has not been run yet.
    holm_p : float or None
        Corrected over all comparisons of this student and test set. Only the
        comparison's own metric has one, and only over two or more seeds.

    Example
    -------
    >>> question = Comparison("any", "l2", "none")
    >>> Effect(question, "T", "test", "pesq", "l2", "none", None).verdict
    'not yet run'
    """

    comparison: Comparison
    student: str
    test_set: str
    metric: str
    better: str
    than: str
    difference: paired.PairedDifference | None
    holm_p: float | None = None

    @property
    def primary(self) -> bool:
        """Whether a claim is made on this metric."""
        return self.metric == self.comparison.metric

    @property
    def verdict(self) -> str:
        """ "better", "worse", "no claim" (the interval leaves out zero, but
        not after the correction), "not distinguishable", "one seed",
        "too few scores", "not yet run" or, in a secondary metric, "shown"."""
        found = self.difference
        if found is None:
            return "not yet run"
        if found.p_value is None:
            return "too few scores"
        if not found.over_seeds:
            return "one seed"
        if not self.primary:
            return "shown"
        if self.holm_p is not None and self.holm_p <= paired.LEVEL:
            rises = CATALOGUE[self.metric].higher_is_better
            return "better" if (found.mean > 0) == rises else "worse"
        beyond = found.low > 0 or found.high < 0
        return "no claim" if beyond else "not distinguishable"


def comparisons_of(entries: Iterable[Mapping[str, str]]) -> list[Comparison]:
    """Reads the comparisons of a study's settings.

    Arguments
    ---------
    entries : iterable of mapping
        Each with `name`, `better`, `than` and, if it is not PESQ, `metric`.

    Returns
    -------
    list of Comparison
        In the same order.

    Raises
    ------
    ValueError
        If an entry lacks a key or has an unknown one, or a name occurs twice.

    Example
    -------
    >>> entry = {"name": "Any teacher", "better": "best", "than": "none"}
    >>> comparisons_of([entry])[0].than
    'none'
    """
    found: dict[str, Comparison] = {}
    for entry in entries:
        try:
            comparison = Comparison(**entry)
        except TypeError as error:
            raise ValueError(
                f"comparison {dict(entry)}: name, better and than are needed, "
                f"metric may follow ({error})."
            ) from error
        if comparison.name in found:
            raise ValueError(f"two comparisons are named {comparison.name!r}.")
        found[comparison.name] = comparison
    return list(found.values())


def compare(
    cells: Sequence[Mapping],
    comparisons: Sequence[Comparison],
    student: str,
    metrics: Sequence[str] = ("pesq",),
    test_sets: Sequence[str] = (),
    controls: Sequence[str] = (),
    resamples: int = 10000,
    seed: int = 0,
) -> list[Effect]:
    """Answers comparisons from a student's main cells.

    Holm's correction runs over the comparisons, on each test set, in each
    comparison's own metric. One that is not yet run counts in the size of the
    family, and so does one with a single seed, which cannot be claimed.

    Arguments
    ---------
    cells : sequence of mapping
        All cells, from `read_cells`.
    comparisons : sequence of Comparison
        Named beforehand.
    student : str
        Whose cells.
    metrics : sequence of str
        Shown beside each comparison's own.
    test_sets : sequence of str
        Which sets; all in the cells but that of validation if none is named.
    controls : sequence of str
        Methods that "best" does not choose.
    resamples : int
        Bootstrap replicates.
    seed : int
        Of the resampling.

    Returns
    -------
    list of Effect
        By test set, comparison, metric. None is left out for lack of cells.

    Example
    -------
    >>> question = Comparison("any", "l2", "none")
    >>> [e.verdict for e in compare([], [question], "T", test_sets=["test"])]
    ['not yet run']
    """
    effects = []
    for test_set in test_sets or tested_sets(cells):
        family = []
        for comparison in comparisons:
            names = [
                _resolved(name, cells, student, controls)
                for name in (comparison.better, comparison.than)
            ]
            groups = [of_kind(cells, MAIN, student, name) for name in names]
            for metric in dict.fromkeys((comparison.metric, *metrics)):
                sides = [scores_of(g, test_set, metric) for g in groups]
                found = paired.paired_difference(*sides, resamples, seed)
                family.append(
                    Effect(comparison, student, test_set, metric, *names, found)
                )
        effects += _corrected(family)
    return effects


def tested_sets(cells: Iterable[Mapping]) -> list[str]:
    """The sets that cells are tested on.

    Arguments
    ---------
    cells : iterable of mapping
        Cells.

    Returns
    -------
    list of str
        All but that of validation.

    Example
    -------
    >>> tested_sets([{"scores": {"valid": {}, "corpus": {}}}])
    ['corpus']
    """
    names = dict.fromkeys(name for cell in cells for name in cell["scores"])
    return [name for name in names if name != VALIDATION]


def _resolved(name, cells, student, controls):
    """The method that a comparison's entry stands for."""
    if name == BEST:
        return best_method(cells, student, controls) or BEST
    if name in BASELINES:
        run = {cell["method"] for cell in of_kind(cells, MAIN, student)}
        return next((other for other in BASELINES if other in run), name)
    return name


def _corrected(family):
    """Effects with Holm's p-values in the comparisons' own metrics."""
    claims = [effect for effect in family if effect.primary]
    found = [effect.difference for effect in claims]
    corrected = iter(
        paired.holm([d.p_value if d and d.over_seeds else None for d in found])
    )
    return [
        replace(effect, holm_p=next(corrected)) if effect.primary else effect
        for effect in family
    ]
