"""The model card: what a model is, what it learned from and how, how well it
scores, and the lines that run it.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Mapping, Sequence

import yaml

from dispatch_sb.sharing.card_parts import (
    ANYWHERE,
    CODE,
    INSIDE,
    STREAMING,
    data_table,
    evaluation,
    hub_licence,
    score_section,
)

BODY = """\
# {name}

{description}

## Use

Install dispatch-sb; then, {inside}.
This reads numbers and tensors only; no code that came with the model runs:

{code}
## Scores

Means over files with 95 % bootstrap intervals.

{scores}

## Training

{training}

### Data

{data}

## Licence

{licence}
"""


def model_card(
    name: str,
    description: str,
    data: Sequence[Mapping[str, str]],
    scores: Mapping[str, Mapping],
    licence: str = "apache-2.0",
    seeds: Sequence[int] = (),
    command: str = "",
    method: str = "",
    teacher: str = "",
    versions: str = "",
    credit: str = "",
    system: str = "student",
    sample_rate: int = 16000,
    latency_ms: float | None = None,
    example: str = "example.wav",
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
        Name of a test set to the body of its ``scores.json``.
    licence : str
        Of the weights.
    seeds : sequence of int
        Of the training.
    command : str
        What trained it.
    method : str
        How it was trained, in Markdown.
    teacher : str
        Whom it learned from, at which revision, in Markdown.
    versions : str
        With what it was trained, in Markdown.
    credit : str
        Whose sound the example is, in Markdown.
    system : str
        Which of the systems in ``scores`` this model is.
    sample_rate : int
        Of the model, in Hz.
    latency_ms : float, optional
        Algorithmic latency of a model that can stream, in milliseconds;
        without it the card shows no streaming.
    example : str
        Noisy file that the code of the card enhances.

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
    _check_complete(name, licence, data, scores, system)
    code = CODE if latency_ms is None else CODE + STREAMING
    body = BODY.format(
        name=name,
        description=_paragraphs(description, credit),
        inside=INSIDE,
        code=code.format(rate=sample_rate, example=example, latency=latency_ms),
        scores="\n\n".join(
            score_section(test_set, body, system)
            for test_set, body in scores.items()
        ),
        training=_training(method, teacher, seeds, versions, command),
        data=data_table(data),
        licence=f"Weights: {licence}. The data's licences are above.",
    )
    head = _head(name, licence, scores, system)
    front = yaml.safe_dump(head, sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n{body}"


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
    for call in ("load_student(", "from_hparams(source="):
        card = card.replace(f'{call}"."', f'{call}"{name}"')
    return card.replace(INSIDE, ANYWHERE)


def _head(name, licence, scores, system) -> dict:
    """What the hub reads: filters, licence and results."""
    results = [
        evaluation(test_set, body[system]) for test_set, body in scores.items()
    ]
    return {
        **hub_licence(licence),
        "library_name": "speechbrain",
        "pipeline_tag": "audio-to-audio",
        "tags": ["speech-enhancement", "speechbrain", "dispatch-sb"],
        "model-index": [{"name": name, "results": results}],
    }


def _check_complete(name, licence, data, scores, system) -> None:
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
        if system not in body:
            raise ValueError(
                f"The card of {name}: the scores on {test_set} have no "
                f"{system!r}, only {', '.join(map(str, body))}."
            )


def _training(method, teacher, seeds, versions, command: str) -> str:
    """How it was trained, as far as that is known."""
    seeds = f"Seeds: {', '.join(map(str, seeds))}." if seeds else ""
    lines = command.strip("\n")
    block = f"Trained with:\n\n```bash\n{lines}\n```" if lines else ""
    text = _paragraphs(method, teacher, seeds, versions, block)
    return text or "Not recorded."


def _paragraphs(*texts: str) -> str:
    """Texts with an empty line between them; empty ones are left out."""
    return "\n\n".join(text.strip() for text in texts if text.strip())
