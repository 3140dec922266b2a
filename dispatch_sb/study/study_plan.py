"""The cells of a study: methods times strengths times seeds, each a run.

A study first sweeps the strength of every method with one seed, judged on
validation speakers alone. Then it repeats every method at its chosen strength
with all seeds; a run of the sweep that was chosen counts for its seed.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

SWEEP, MAIN = "sweep", "main"  # stages
# What a study needs.
KINDS = {
    "students": list,
    "seeds": list,
    "options": Mapping,
    "sweep": Mapping,
    "methods": Mapping,
}


@dataclass(frozen=True)
class Cell:
    """One run of a study, or one use of it.

    Arguments
    ---------
    stage : str
        `SWEEP` or `MAIN`.
    student : str
        Size of the student.
    method : str
        Name of the method in the study.
    seed : int
        Of weights and data.
    strength : float, optional
        Value of the swept key; None for a method without distillation.
    recipe : str
        File name of the method's recipe.
    options : mapping
        What the run is given besides.

    Example
    -------
    >>> Cell("sweep", "T", "dfkd", 1, 0.5).name
    'sweep_T_dfkd_0.5_seed1'
    >>> Cell("main", "T", "none", 2).name
    'main_T_none_seed2'
    """

    stage: str
    student: str
    method: str
    seed: int
    strength: float | None = None
    recipe: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Unique in a study; the name of its files."""
        strength = [] if self.strength is None else [f"{self.strength:g}"]
        words = [self.stage, self.student, self.method, *strength]
        return "_".join([*words, f"seed{self.seed}"])

    @property
    def twin(self) -> str:
        """Name of the sweep's cell that is the same run."""
        return replace(self, stage=SWEEP).name


class Plan:
    """Which cells a study has, in the order in which they are run.

    Arguments
    ---------
    study : mapping
        ``students``, ``seeds``, ``options`` (of every run), ``sweep`` with
        ``key``, ``values``, ``seed`` and ``options`` (of every run that
        distils), and ``methods``: by name ``recipe``, ``options``, ``later``
        (runs after the others), ``sweep`` (keys that replace those of the
        study's), and one of ``strength`` (fixed; null: what the recipe says),
        ``like`` (takes the strength of another method),
        ``distils: false``.

    Raises
    ------
    ValueError
        If a key is missing or holds something else, or a method is ``like``
        one that has no strength of its own.

    Example
    -------
    >>> plan = Plan(
    ...     {
    ...         "students": ["T"],
    ...         "seeds": [1, 2],
    ...         "options": {},
    ...         "sweep": {"key": "share", "values": [0.2, 0.5], "seed": 1},
    ...         "methods": {
    ...             "none": {"recipe": "baseline.yaml", "distils": False},
    ...             "l2": {"recipe": "l2.yaml"},
    ...             "clean": {"recipe": "l2.yaml", "like": "l2"},
    ...         },
    ...     }
    ... )
    >>> [cell.name for cell in plan.cells({})][:2]
    ['main_T_none_seed1', 'sweep_T_l2_0.2_seed1']
    >>> validation = {"sweep_T_l2_0.2_seed1": 1.6, "sweep_T_l2_0.5_seed1": 1.7}
    >>> [cell.name for cell in plan.main(validation)][:3]
    ['main_T_none_seed1', 'main_T_l2_0.5_seed1', 'main_T_clean_0.5_seed1']
    """

    def __init__(self, study: Mapping):
        _check(study)
        self.study, self.sweep = study, study["sweep"]
        self.methods: Mapping[str, Mapping] = study["methods"]
        own = [n for n, m in self.methods.items() if "strength" in m]
        own += self._swept()
        for name, method in self.methods.items():
            if "like" in method and method["like"] not in own:
                raise ValueError(
                    f"methods: {name} is like {method['like']}, which has no "
                    f"strength of its own (those with one: {', '.join(own)})."
                )

    def cells(self, validation: Mapping[str, float]) -> list[Cell]:
        """All cells that are known so far.

        Arguments
        ---------
        validation : mapping
            Validation PESQ of finished cells, by name.

        Returns
        -------
        list of Cell
            The undistilled student of the sweep's seed; the sweep, all
            methods with one strength before the next; the rest. Methods that
            are ``later`` come after all others.
        """
        sweep = [
            self._cell(SWEEP, student, method, self.sweep["seed"], value)
            for student in self.study["students"]
            for method, value in self._swept_values()
        ]
        main = self.main(validation)
        seed = self.sweep["seed"]
        first = [c for c in main if c.strength is None and c.seed == seed]
        rest = [*sweep, *(cell for cell in main if cell not in first)]
        rest.sort(key=lambda c: bool(self.methods[c.method].get("later")))
        return [*first, *rest]

    def main(self, validation: Mapping[str, float]) -> list[Cell]:
        """The cells that are compared; those whose strength is not chosen yet
        are left out.

        Arguments
        ---------
        validation : mapping
            Validation PESQ of finished cells, by name.

        Returns
        -------
        list of Cell
            All methods with one seed before the next seed.
        """
        cells = []
        for seed in self.study["seeds"]:
            for student in self.study["students"]:
                for name, method in self.methods.items():
                    strength = self.strength(student, name, validation)
                    free = not method.get("distils", True)
                    free = free or method.get("strength", 0) is None
                    if free or strength is not None:
                        cell = self._cell(MAIN, student, name, seed, strength)
                        cells.append(cell)
        return cells

    def strength(
        self, student: str, method: str, validation: Mapping[str, float]
    ) -> float | None:
        """The strength at which a method is compared.

        Arguments
        ---------
        student : str
            Size of the student.
        method : str
            Name of the method.
        validation : mapping
            Validation PESQ of finished cells, by name.

        Returns
        -------
        float or None
            The one with the best validation PESQ; None without distillation,
            and until the method's sweep is complete.
        """
        if not self.methods[method].get("distils", True):
            return None
        method = self.methods[method].get("like", method)
        if "strength" in self.methods[method]:
            return self.methods[method]["strength"]
        found = {}
        for value in sorted(self.sweep_of(method)["values"]):
            cell = self._cell(SWEEP, student, method, self.sweep["seed"], value)
            if cell.name not in validation:
                return None
            found[value] = validation[cell.name]
        return max(found, key=found.get)

    def sweep_of(self, method: str) -> Mapping[str, Any]:
        """The sweep that decides a method's strength.

        Arguments
        ---------
        method : str
            Name of the method.

        Returns
        -------
        mapping
            ``key``, ``values``, ``seed``, ``options``.
        """
        like = self.methods[method].get("like", method)
        return {**self.sweep, **self.methods[like].get("sweep", {})}

    def _swept_values(self) -> list[tuple[str, Any]]:
        """Methods and strengths, all methods with their first one before any
        with its second."""
        columns = [
            [(method, value) for value in self.sweep_of(method)["values"]]
            for method in self._swept()
        ]
        rows = zip_longest(*columns)
        return [pair for row in rows for pair in row if pair is not None]

    def _swept(self) -> list[str]:
        """Names of the methods that have a sweep of their own."""
        return [
            name
            for name, method in self.methods.items()
            if method.get("distils", True)
            and not {"like", "strength"} & method.keys()
        ]

    def _cell(self, stage, student, method, seed, strength) -> Cell:
        settings = self.methods[method]
        options = {
            **self.study["options"],
            **settings.get("options", {}),
            "student_size": student,
            "seed": seed,
        }
        if strength is not None:
            sweep = self.sweep_of(method)
            options |= sweep.get("options", {})
            options[sweep["key"]] = strength
        recipe = settings["recipe"]
        return Cell(stage, student, method, seed, strength, recipe, options)


def _check(study: Mapping) -> None:
    """Raises ValueError unless a study has what a plan is made of."""
    for key, kind in KINDS.items():
        if not isinstance(study.get(key), kind):
            what = "a list" if kind is list else "a block of keys and values"
            raise ValueError(f"{key} is {study.get(key)!r}: give {what}.")
    for name, method in study["methods"].items():
        if not isinstance(method, Mapping) or "recipe" not in method:
            raise ValueError(f"methods: {name} has no recipe.")
    for key in ("key", "values", "seed"):
        if key not in study["sweep"]:
            raise ValueError(f"sweep has no {key}.")
