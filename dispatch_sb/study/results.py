"""A study's results as a page, tables and a picture, all from its cells.

Authors
 * The dispatch-sb contributors, 2026
"""

import csv
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispatch_sb.data.files import atomic_path
from dispatch_sb.report.canvas import save_png
from dispatch_sb.scoring.catalogue import CATALOGUE, check_metrics
from dispatch_sb.study.cells import (
    BASELINES,
    MAIN,
    SWEEP,
    methods_of,
    of_kind,
    scores_of,
    sweep_rows,
    weight_of,
)
from dispatch_sb.study.comparisons import (
    Effect,
    compare,
    comparisons_of,
    tested_sets,
)
from dispatch_sb.study.forest import forest_figure
from dispatch_sb.study.paired import mean_and_spread

METRICS = ("pesq", "si_sdr", "stoi", "dnsmos_ovrl")
NOTES = """\
Differences are taken on the same utterances and seeds. Intervals (95 %) and
p-values come from a paired bootstrap that resamples seeds and utterances and
is widened for few seeds, as Student's t is. The p-values of all comparisons
that were named beforehand are corrected together (Holm) on each test set;
comparisons that are not yet run count. Only the metric marked with * bears a
claim; the others are shown. Weights, checkpoints and the best method are
chosen on validation utterances alone. A difference from one seed holds for
that seed: others may differ."""
ENDINGS = {
    "better": "better (Holm-corrected p {p}).",
    "worse": "worse (Holm-corrected p {p}).",
    "no claim": "the interval leaves out zero, but not after Holm's "
    "correction (p {p}): no claim.",
    "not distinguishable": "not distinguishable from no effect.",
    "one seed": "one seed, which says nothing about others: no claim.",
    "too few scores": "too few scores for an interval: no claim.",
}


@dataclass(frozen=True)
class Findings:
    """What a page of results is made of.

    Arguments
    ---------
    cells : list of dict
        The finished cells.
    references : list of dict
        Noisy and teacher signals, in the form of cells.
    effects : list of Effect
        All comparisons, of all students, sets and metrics.
    students : list of str
        Their names.
    test_sets : list of str
        Their names.
    metrics : tuple of str
        Shown in tables.
    labels : mapping
        What methods are called for readers.
    """

    cells: list[dict]
    references: list[dict]
    effects: list[Effect]
    students: list[str]
    test_sets: list[str]
    metrics: tuple[str, ...]
    labels: Mapping[str, str]

    @property
    def claims(self) -> list[Effect]:
        """The effects in the comparisons' own metrics."""
        return [effect for effect in self.effects if effect.primary]

    def label(self, method: str) -> str:
        """What readers call a method."""
        return self.labels.get(method, method)

    def groups(self, stage: str, student: str) -> Iterator[tuple[str, list]]:
        """Methods with their cells; without a teacher first, labelled next.

        Arguments
        ---------
        stage : str
            `SWEEP` or `MAIN`.
        student : str
            Its name.

        Yields
        ------
        (str, list)
            A method, and its cells.
        """
        order = [*BASELINES, *self.labels]
        cells = of_kind(self.cells, stage, student)
        for method in sorted(
            methods_of(cells),
            key=lambda m: order.index(m) if m in order else len(order),
        ):
            yield method, of_kind(cells, stage, student, method)


def write_results(
    cells: Sequence[dict],
    config: Mapping,
    out_folder: str | os.PathLike,
    references: Mapping[str, Mapping] | None = None,
    planned: Iterable[str] = (),
) -> list[Path]:
    """Writes everything that a study's finished cells say.

    Arguments
    ---------
    cells : sequence of dict
        The finished cells, from `read_cells`.
    config : mapping
        The study's settings, of which these are used: `comparisons` (see
        `comparisons_of`), and, if given, `controls` (methods that "best" does
        not choose), `labels` (methods' names for readers), `metrics`,
        `students`, `test_sets`, `resamples`, and `notes` (sentences for
        readers).
    out_folder : str or os.PathLike
        Receives `RESULTS.md`, `scores.csv`, `comparisons.csv` and
        `forest_<metric>.png`; made if need be.
    references : mapping, optional
        Scores of noisy and teacher signals, shown beside those of students:
        `{"noisy" | "teacher": {set: {utterance: {metric: score}}}}`.
    planned : iterable of str
        Names of all cells of the study, so that missing ones are listed.

    Returns
    -------
    list of pathlib.Path
        What was written.

    Raises
    ------
    ValueError
        If a comparison or a metric's name is at fault.

    Example
    -------
    >>> question = {"name": "any", "better": "best", "than": "none"}
    >>> config = {"comparisons": [question], "test_sets": ["easy"]}
    >>> [
    ...     path.name
    ...     for path in write_results([], config, getfixture("tmp_path"))
    ... ]
    ['RESULTS.md', 'scores.csv', 'comparisons.csv', 'forest_pesq.png']
    """
    findings = _gather(cells, config, references or {})
    out = Path(out_folder)
    out.mkdir(parents=True, exist_ok=True)
    pictures: dict[str, list[Effect]] = {}
    for effect in findings.claims:
        name = f"forest_{effect.metric}.png"
        pictures.setdefault(name, []).append(effect)
    missing = {*planned} - {cell["cell"] for cell in cells}
    page = results_page(findings, pictures, missing, config.get("notes", ()))
    with atomic_path(out / "RESULTS.md") as path:
        path.write_text(page, encoding="utf-8")
    _write_csv(out / "scores.csv", _score_rows(findings))
    _write_csv(out / "comparisons.csv", _effect_rows(findings))
    for name, effects in pictures.items():
        save_png(forest_figure(effects), out / name)
    written = ("RESULTS.md", "scores.csv", "comparisons.csv", *pictures)
    return [out / name for name in written]


def results_page(
    findings: Findings,
    pictures: Iterable[str] = (),
    missing: Iterable[str] = (),
    notes: Iterable[str] = (),
) -> str:
    """The page of results.

    Arguments
    ---------
    findings : Findings
        Cells and effects.
    pictures : iterable of str
        File names of forest plots beside the page.
    missing : iterable of str
        Names of the cells that are not yet finished.
    notes : iterable of str
        What readers must know of the cells.

    Returns
    -------
    str
        Markdown.
    """
    sentences = [f"- {sentence(e, findings)}" for e in findings.claims]
    absent = ", ".join(sorted(missing))
    blocks = [
        "# Results",
        "Written from the finished cells, nothing by hand.",
        "## What the numbers say",
        "\n".join(sentences) or "No comparison was named.",
        *(f"![Effects with their intervals]({name})" for name in pictures),
        "## What was run",
        f"{_count(len(findings.cells), 'finished cell')}: "
        f"{len(of_kind(findings.cells, SWEEP))} of the sweep, "
        f"{len(of_kind(findings.cells, MAIN))} for the comparisons.",
        "\n".join(f"- {note}" for note in notes),
        *_what_was_run(findings),
        f"Not yet finished: {absent}." if absent else "",
        "## Weights, chosen on validation",
        *_sweep(findings),
        "## Scores",
        "Mean over seeds ± standard deviation over seeds.",
        *_scores(findings),
        "## Comparisons",
        *_comparisons(findings),
        NOTES,
        "## Origin of the cells",
        _origin(findings.cells),
    ]
    return "\n\n".join(filter(None, blocks)) + "\n"


def sentence(effect: Effect, findings: Findings) -> str:
    """What one comparison says on one test set, for better or worse.

    Arguments
    ---------
    effect : Effect
        Of the comparison's own metric.
    findings : Findings
        Knows the methods' names for readers.

    Returns
    -------
    str
        One sentence of Markdown.
    """
    found, label = effect.difference, findings.label
    begin = (
        f"**{effect.comparison.name}** ({effect.student}: "
        f"{label(effect.better)} against {label(effect.than)}), "
        f"{effect.test_set}: "
    )
    if found is None:
        return f"{begin}not yet run."
    means = found.seed_means.values()
    count = _count(len(means), "seed")
    if len(means) > 1:
        count += f" ({sum(m > 0 for m in means)} above zero)"
    ending = ENDINGS[effect.verdict].format(p=_p_value(effect.holm_p, "= "))
    return (
        f"{begin}{_difference(effect)} {CATALOGUE[effect.metric].label}, "
        f"{count}, {_count(found.utterances, 'utterance')}: {ending}"
    )


def _gather(cells, config, references):
    """Compares everything; the settings are checked first."""
    comparisons = comparisons_of(config.get("comparisons", ()))
    metrics = tuple(config.get("metrics", METRICS))
    check_metrics(metrics)
    sets = [rows for cell in cells for rows in cell["scores"].values()]
    scored = {name for rows in sets for row in rows.values() for name in row}
    metrics = tuple(m for m in metrics if m in scored or not cells)
    students = [*config.get("students", ())]
    students = [*dict.fromkeys(students + [cell["student"] for cell in cells])]
    test_sets = list(config.get("test_sets", tested_sets(cells)))
    effects = [
        effect
        for student in students or ("any student",)
        for effect in compare(
            cells,
            comparisons,
            student,
            metrics,
            test_sets or ["test"],
            config.get("controls", ()),
            config.get("resamples", 10000),
        )
    ]
    return Findings(
        cells=list(cells),
        references=[
            {"cell": name, "seed": 0, "scores": scores}
            for name, scores in references.items()
        ],
        effects=effects,
        students=students,
        test_sets=test_sets,
        metrics=metrics,
        labels=config.get("labels", {}),
    )


def _what_was_run(findings):
    """Finished cells of each method, and cautions."""
    rows = []
    for student in findings.students:
        for method, own in findings.groups(MAIN, student):
            weights = _several(_weight(cell) for cell in own)
            steps = _several(cell.get("steps") for cell in own)
            seeds = _several(sorted(cell["seed"] for cell in own))
            name = findings.label(method)
            rows.append([student, name, weights, steps, seeds])
        cells = of_kind(findings.cells, MAIN, student)
        steps = {cell.get("steps") for cell in cells}
        if len(steps) > 1:
            yield (
                f"**Caution:** the main cells of {student} differ in steps "
                f"({_several(steps)}), so differences between them are not "
                "those between methods alone."
            )
    if rows:
        yield _table(["student", "method", "weight", "steps", "seeds"], rows)


def _sweep(findings):
    """A table of all weights, and which choices lie at a sweep's end."""
    lines, ends = [], []
    for student in findings.students:
        for method, _ in findings.groups(SWEEP, student):
            rows = sweep_rows(findings.cells, method, student)
            name = findings.label(method)
            for row in rows:
                scores = _fixed(row["pesq"], 3), _fixed(row["loss"], 4)
                chosen = "chosen" if row["chosen"] else ""
                weight, seeds = _weight(row["weight"]), row["seeds"]
                lines.append([student, name, weight, *scores, seeds, chosen])
            if len(rows) > 1 and (rows[0]["chosen"] or rows[-1]["chosen"]):
                ends.append(f"{name} ({student})")
    heads = ["student", "method", "weight", "PESQ-WB", "loss", "seeds", ""]
    yield _table(heads, lines) or "No cell of the sweep is finished."
    if ends:
        yield (
            "At the end of its sweep, so that a better weight may lie beyond: "
            f"{', '.join(ends)}."
        )


def _scores(findings):
    """A table for each student and test set, references first."""
    heads = ["", "seeds", *(CATALOGUE[m].label for m in findings.metrics)]
    for student in findings.students:
        for test_set in findings.test_sets:
            rows = [
                [cell["cell"], "", *_means(findings, [cell], test_set)]
                for cell in findings.references
            ]
            for method, own in findings.groups(MAIN, student):
                seeds = sum(test_set in cell["scores"] for cell in own)
                means = _means(findings, own, test_set)
                rows.append([findings.label(method), seeds, *means])
            yield f"Student {student}, {test_set}:"
            yield _table(heads, rows) or "No cell is finished."


def _means(findings, cells, test_set):
    """One entry for each metric, with a mark where scores are missing."""
    for metric in findings.metrics:
        scores = scores_of(cells, test_set, metric)
        mean, spread, failed = mean_and_spread(scores)
        text = _fixed(mean, CATALOGUE[metric].decimals)
        if spread is not None:
            text += f" ± {_fixed(spread, CATALOGUE[metric].decimals + 1)}"
        yield f"{text} ({failed} failed)" if failed else text


def _comparisons(findings):
    """A table for each student and test set; every comparison has a row."""
    labels = [CATALOGUE[name].label for name in findings.metrics]
    heads = ["comparison", "seeds", "utterances", *labels, "p", "Holm p"]
    tables: dict[tuple, list] = {}
    for claim in findings.claims:
        key = claim.student, claim.test_set
        tables.setdefault(key, []).append(_comparison_row(findings, claim))
    for (student, test_set), rows in tables.items():
        yield f"Student {student}, {test_set}:"
        yield _table(heads, rows)


def _comparison_row(findings, claim):
    """One comparison in all metrics."""
    key = claim.comparison, claim.student, claim.test_set
    effects = {
        e.metric: e
        for e in findings.effects
        if (e.comparison, e.student, e.test_set) == key
    }
    shown = [effects[metric] for metric in findings.metrics]
    methods = f"{findings.label(claim.better)} - {findings.label(claim.than)}"
    name = f"{claim.comparison.name}: {methods}"
    if claim not in shown:
        name += f", {CATALOGUE[claim.metric].label} {_difference(claim)}*"
    found = claim.difference
    if found is None:
        return [name, 0, "", *("not yet run" for _ in shown), "", ""]
    failed = f" ({found.failed} failed)" if found.failed else ""
    return [
        name,
        len(found.seed_means),
        f"{found.utterances}{failed}",
        *(_difference(e) + "*" * e.primary for e in shown),
        _p_value(found.p_value),
        _p_value(claim.holm_p),
    ]


def _origin(cells):
    """Commits, machines and hours."""
    lines = []
    for key in ("commit", "machine"):
        counts = Counter(str(cell.get(key, "unknown")) for cell in cells)
        names = (f"{n} ({_count(c, 'cell')})" for n, c in counts.most_common())
        lines.append(f"- {key}: {'; '.join(names) or 'none'}")
    hours = sum(cell.get("hours") or 0 for cell in cells)
    return "\n".join([*lines, f"- hours of training: {hours:.1f}"])


def _score_rows(findings):
    """Every cell's and reference's mean in every set and known metric."""
    keys = ("cell", "stage", "student", "method", "seed")
    for cell in [*findings.cells, *findings.references]:
        about = {key: cell.get(key, "") for key in keys}
        about["weight"] = _weight(cell)
        for test_set in cell["scores"]:
            for metric in CATALOGUE:
                scores = scores_of([cell], test_set, metric)
                if scores:
                    mean, _, failed = mean_and_spread(scores)
                    n = sum(map(len, scores.values())) - failed
                    row = {"set": test_set, "metric": metric, "mean": mean}
                    yield {**about, **row, "utterances": n, "failed": failed}


def _effect_rows(findings):
    """Every effect, with the difference of each seed."""
    for effect in findings.effects:
        found = effect.difference
        seeds = found.seed_means if found else {}
        yield {
            "comparison": effect.comparison.name,
            "student": effect.student,
            "better": effect.better,
            "than": effect.than,
            "set": effect.test_set,
            "metric": effect.metric,
            "primary": effect.primary,
            "difference": found and found.mean,
            "low": found and found.low,
            "high": found and found.high,
            "p": found and found.p_value,
            "holm_p": effect.holm_p,
            "seeds": len(seeds),
            "utterances": found.utterances if found else 0,
            "failed": found.failed if found else 0,
            "verdict": effect.verdict,
            "per_seed": " ".join(f"{s}:{m:+.4f}" for s, m in seeds.items()),
        }


def _write_csv(path, rows):
    """Rows under the keys of the first; an empty file without rows."""
    rows = list(rows)
    with atomic_path(path) as temporary:
        with open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]) if rows else [])
            writer.writeheader()
            writer.writerows(rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table; nothing without rows."""
    lines = [heads, ["---"] * len(heads), *rows] if rows else []
    texts = [[str(x).replace("|", "\\|") for x in line] for line in lines]
    return "\n".join(f"| {' | '.join(text)} |" for text in texts)


def _difference(effect):
    """ "+0.015 [-0.010, +0.040]"."""
    found = effect.difference
    if found is None:
        return "no score"
    decimals = CATALOGUE[effect.metric].decimals + 1
    text = f"{found.mean:+.{decimals}f}"
    if found.low is None:
        return text
    return f"{text} [{found.low:+.{decimals}f}, {found.high:+.{decimals}f}]"


def _weight(cell):
    """ "0.1", "share 0.5", or nothing."""
    return ", ".join(
        f"share {value:g}" if name.endswith("share") else f"{value:g}"
        for name, value in weight_of(cell).items()
    )


def _p_value(p, equal=""):
    """Three digits, or how small it is."""
    if p is None:
        return ""
    return "< 0.001" if p < 0.001 else f"{equal}{p:.3f}"


def _fixed(value, decimals):
    """A number, or a dash for none."""
    return "–" if value is None else f"{value:.{decimals}f}"


def _several(values):
    """Each value once."""
    return ", ".join(dict.fromkeys(map(str, values)))


def _count(number, noun):
    """ "1 seed", "5 seeds"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
