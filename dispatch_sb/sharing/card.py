"""The model card: what a model is, what it learned from and how, how well it
scores, and the lines that run it. Its text is the template ``card.jinja``.

Authors
 * The dispatch-sb contributors, 2026
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from dispatch_sb.scoring.catalogue import CATALOGUE

TEMPLATE = Path(__file__).with_name("card.jinja")
COLUMNS = {
    "noisy": "noisy",
    "student": "this model",
    "teacher": "its teacher",
}
SEVERAL = re.compile(r"teacher_\d+")
# Licences by the hub's own names; any other one is "other" there.
HUB_LICENCES = re.compile(
    r"apache-2\.0|mit|isc|unlicense|wtfpl|zlib|bsl-1\.0|mpl-2\.0|artistic-2\.0"
    r"|bsd(-[23]-clause(-clear)?)?|(a|l)?gpl-(2\.0|3\.0)|lgpl-2\.1|cc0-1\.0"
    r"|cc-by(-nc|-nd|-sa|-nc-sa|-nc-nd)?-(2\.0|2\.5|3\.0|4\.0)"
    r"|openrail(\+\+)?|odbl|eupl-1\.[12]|epl-[12]\.0|other|unknown"
)
LIMITS = (
    "Scores hold for the test sets above. Other voices, noises, rooms and "
    "microphones may do worse: listen before you rely on it."
)


def model_card(
    name: str,
    description: str,
    data: Sequence[Mapping[str, str]],
    scores: Mapping[str, Mapping],
    licence: str = "apache-2.0",
    credit: str = "",
    limits: str = LIMITS,
    training: Sequence[str] = (),
    command: str = "",
    base_model: str | Sequence[str] | None = None,
    sample_rate: int = 16000,
    latency_ms: float | None = None,
) -> str:
    """Writes a hub model card with a machine-readable head.

    Arguments
    ---------
    name : str
        Of the model.
    description : str
        What it is and for whom, in Markdown.
    data : sequence of mapping
        What it was trained on: ``name`` and ``licence`` each, and perhaps
        ``use`` and ``url``.
    scores : mapping
        Name of a test set to the body of its ``scores.json``, in which
        "student" is this model.
    licence : str
        Of the weights.
    credit : str
        Whose sound ``example.wav`` is, in Markdown.
    limits : str
        What it cannot do, in Markdown.
    training : sequence of str
        How it was trained, from whom, with what: paragraphs in Markdown.
    command : str
        What trained it.
    base_model : str or list of str, optional
        Hub id of its teacher, or of several.
    sample_rate : int
        Of the model, in Hz.
    latency_ms : float, optional
        Algorithmic latency of a model that can stream, in milliseconds;
        without it the card shows no streaming.

    Returns
    -------
    str
        Markdown with YAML front matter.

    Raises
    ------
    ValueError
        If the licence, the data (with their licences) or the scores are not
        given: a model without them is not published.

    Example
    -------
    >>> pesq = {"mean": 2.5, "ci95": [2.4, 2.6], "n": 35, "failed": 0}
    >>> card = model_card(
    ...     "tiny",
    ...     "A tiny enhancer.",
    ...     data=[{"name": "own recordings", "licence": "CC0-1.0"}],
    ...     scores={"excerpt": {"student": {"pesq": pesq}}},
    ... )
    >>> "| PESQ-WB | 2.500 [2.400, 2.600] | 35 |" in card
    True
    """
    _check_complete(name, licence, data, scores)
    systems = [system for body in scores.values() for system in body]
    teachers = filter(SEVERAL.fullmatch, systems)
    head = ModelCardData(
        **hub_licence(licence),
        base_model=base_model,
        library_name="speechbrain",
        pipeline_tag="audio-to-audio",
        tags=["speech-enhancement", "speechbrain", "dispatch-sb"],
        model_name=name,
        eval_results=[
            result
            for test_set, body in scores.items()
            for result in _results(test_set, body["student"])
        ],
    )
    card = ModelCard.from_template(
        head,
        template_path=str(TEMPLATE),
        name=name,
        description=description.strip(),
        credit=credit.strip(),
        scores=scores,
        columns=COLUMNS | {x: x.replace("_", " ") for x in teachers},
        catalogue=CATALOGUE,
        cell=_cell,
        limits=limits.strip(),
        training=[paragraph.strip() for paragraph in training],
        command=command.strip("\n"),
        data=data,
        licence=licence,
        sample_rate=sample_rate,
        latency_ms=latency_ms,
    )
    return f"{card}\n"


def card_on_hub(card: str, name: str) -> str:
    """The card of a folder as readers of the hub need it.

    Arguments
    ---------
    card : str
        From `model_card`; its code loads the folder that it lies in.
    name : str
        Hub id, ``USER/NAME``.

    Returns
    -------
    str
        The same card; its code loads the model from the hub.

    Example
    -------
    >>> card_on_hub('model = load_student(".")', "lab/small")
    'model = load_student("lab/small")'
    """
    return re.sub(
        r'(load_student\(|from_hparams\(source=)"\."', rf'\1"{name}"', card
    )


def read_head(path: Path | None) -> ModelCardData:
    """What the head of a model's card says.

    Arguments
    ---------
    path : pathlib.Path or None
        The ``README.md``, if there is one.

    Returns
    -------
    huggingface_hub.ModelCardData
        ``model_name``, ``license``, ``eval_results`` and so on; a card that
        cannot be read says nothing.

    Example
    -------
    >>> path = getfixture("tmp_path") / "README.md"
    >>> _ = path.write_text("---\\nlicense: cc0-1.0\\n---\\n# Small")
    >>> read_head(path).license
    'cc0-1.0'
    """
    if path is None:
        return ModelCardData()
    try:
        head = ModelCard(path.read_text(encoding="utf-8")).data
    except Exception:  # a stranger's card raises anything
        return ModelCardData()
    for key in ("license", "model_name"):
        if not isinstance(getattr(head, key, None), str):
            setattr(head, key, None)
    return head


def hub_licence(licence: str) -> dict[str, str]:
    """A licence as the hub's metadata name it.

    Arguments
    ---------
    licence : str
        In any usual spelling.

    Returns
    -------
    dict
        ``license``, and ``license_name`` if the hub does not know it.

    Example
    -------
    >>> hub_licence("CC BY-SA 4.0")
    {'license': 'cc-by-sa-4.0'}
    >>> hub_licence("Research only")
    {'license': 'other', 'license_name': 'research-only'}
    """
    name = re.sub(r"[\s_]+", "-", licence.strip().lower())
    if HUB_LICENCES.fullmatch(name):
        return {"license": name}
    return {"license": "other", "license_name": name}


def _check_complete(name, licence, data, scores) -> None:
    """Refuses a card that leaves out what its readers rely on."""
    if not licence or not data or not scores:
        raise ValueError(
            f"The card of {name} needs a licence, data and scores: a model "
            "without them is not published."
        )
    for entry in data:
        if not entry.get("name") or not entry.get("licence"):
            raise ValueError(
                f"The card of {name}: the data {dict(entry)} need a name and "
                "a licence."
            )
    for test_set, body in scores.items():
        if not isinstance(body.get("student"), Mapping):
            raise ValueError(
                f"The card of {name}: the scores on {test_set} have no table "
                f"'student', only {', '.join(map(str, body)) or 'nothing'}."
            )


def _results(test_set: str, metrics: Mapping) -> Iterator[EvalResult]:
    """What the hub lists: a mean with its interval, in words and as args."""
    slug = re.sub(r"\W+", "-", test_set.lower()).strip("-")
    for key, value in metrics.items():
        if key in CATALOGUE and _is_number(value["mean"]):
            yield EvalResult(
                task_type="audio-to-audio",
                task_name="Speech enhancement",
                dataset_type=slug,
                dataset_name=test_set,
                metric_type=key,
                metric_value=round(float(value["mean"]), 4),
                metric_name=f"{CATALOGUE[key].label}, 95 % interval "
                f"{_interval(value)}, {value['n']} files",
                metric_args={
                    "ci95": [round(bound, 4) for bound in _bounds(value)],
                    "files": value["n"],
                    "failed": value.get("failed", 0),
                },
            )


def _is_number(mean: float | None) -> bool:
    """Whether a mean exists: it does not if every file failed."""
    return mean is not None and math.isfinite(mean)


def _cell(value: Mapping | None) -> str:
    """Mean and interval of one metric."""
    found = value and _is_number(value["mean"])
    return f"{value['mean']:.3f} {_interval(value)}" if found else "–"


def _interval(value: Mapping) -> str:
    """[low, high], as text."""
    bounds = ", ".join(f"{bound:.3f}" for bound in _bounds(value))
    return f"[{bounds or 'unknown'}]"


def _bounds(value: Mapping) -> list[float]:
    """Ends of an interval; of a single file there are none."""
    return [float(bound) for bound in value["ci95"] if bound is not None]
