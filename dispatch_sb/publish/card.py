"""The model card: what a model is, what it learned from, how well it scores,
and the lines that run it.

Authors
 * The dispatch-sb contributors, 2026
"""

import math
from collections.abc import Mapping, Sequence

import yaml

METRICS = {
    "pesq": "PESQ-WB",
    "stoi": "STOI",
    "estoi": "ESTOI",
    "si_sdr": "SI-SDR (dB)",
    "segmental_snr": "Segmental SNR (dB)",
    "csig": "CSIG",
    "cbak": "CBAK",
    "covl": "COVL",
    "dnsmos_sig": "DNSMOS SIG",
    "dnsmos_bak": "DNSMOS BAK",
    "dnsmos_ovrl": "DNSMOS OVRL",
}

BODY = """\
# {name}

{description}

## Use

Inside this folder (or with its hub id instead of the dot):

```python
import torch

from dispatch_sb.data.audio import read_audio, write_audio
from dispatch_sb.teachers import load_teacher

enhance = load_teacher("{source}", sample_rate={sample_rate})
noisy = torch.from_numpy(read_audio("{example}", {sample_rate}))
write_audio("enhanced.wav", enhance(noisy[None])[0].numpy(), {sample_rate})
```

Through SpeechBrain's own interface (with dispatch-sb installed):

```python
from speechbrain.inference.enhancement import WaveformEnhancement

enhancer = WaveformEnhancement.from_hparams(source="{source}")
enhanced = enhancer.enhance_file("{example}")
```

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
    system: str = "student",
    source: str = ".",
    sample_rate: int = 16000,
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
        Of the weights, as the hub writes it.
    seeds : sequence of int
        Of the training.
    command : str
        What trained it.
    system : str
        Which of the systems in ``scores`` this model is.
    source : str
        Folder or hub id that the code of the card loads.
    sample_rate : int
        Of the model, in Hz.
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
    head = {
        "license": licence,
        "library_name": "speechbrain",
        "pipeline_tag": "audio-to-audio",
        "tags": ["speech-enhancement", "speechbrain", "dispatch-sb"],
        "model-index": [
            {
                "name": name,
                "results": [
                    _result(test_set, body[system])
                    for test_set, body in scores.items()
                ],
            }
        ],
    }
    front = yaml.safe_dump(head, sort_keys=False, allow_unicode=True)
    body = BODY.format(
        name=name,
        description=description,
        source=source,
        sample_rate=sample_rate,
        example=example,
        scores="\n\n".join(
            _score_section(test_set, body, system)
            for test_set, body in scores.items()
        ),
        training=_training(seeds, command),
        data=_data_table(data),
        licence=f"Weights: {licence}. The data's licences are above.",
    )
    return f"---\n{front}---\n\n{body}"


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


def _result(test_set: str, metrics: Mapping) -> dict:
    """One entry of the hub's model-index."""
    return {
        "task": {"type": "audio-to-audio", "name": "Speech enhancement"},
        "dataset": {"type": test_set, "name": test_set},
        "metrics": [
            {
                "type": key,
                "name": f"{METRICS[key]}, 95 % interval {_interval(value)}, "
                f"{value['n']} files",
                "value": round(float(value["mean"]), 4),
            }
            for key, value in metrics.items()
            if key in METRICS and _is_number(value["mean"])
        ],
    }


def _score_section(test_set: str, body: Mapping, system: str) -> str:
    """Table of one test set: this model beside the noisy input."""
    columns = [column for column in ("noisy", system) if column in body]
    titles = ["this model" if c == system else c for c in columns]
    rows = [
        ["", *titles, "files"],
        ["---"] * (len(columns) + 2),
    ]
    for key, title in METRICS.items():
        if key in body[system]:
            cells = [_cell(body[column].get(key)) for column in columns]
            rows.append([title, *cells, _files(body[system][key])])
    flavours = list(dict.fromkeys(body.get("flavours", {}).values()))
    note = "\n\n" + "; ".join(flavours) + "." if flavours else ""
    return f"### {test_set}\n\n{_table(rows)}{note}"


def _cell(value) -> str:
    """Mean and interval of one metric."""
    if not value or not _is_number(value["mean"]):
        return "–"
    return f"{value['mean']:.3f} {_interval(value)}"


def _interval(value: Mapping) -> str:
    """[low, high], as text."""
    low, high = value["ci95"]
    return f"[{low:.3f}, {high:.3f}]"


def _files(value: Mapping) -> str:
    """How many files are in the mean, and how many failed."""
    failed = value.get("failed", 0)
    return f"{value['n']}, {failed} failed" if failed else str(value["n"])


def _is_number(value) -> bool:
    """Whether a mean exists: it does not if every file failed."""
    return value is not None and math.isfinite(value)


def _training(seeds: Sequence[int], command: str) -> str:
    """Seeds and command, as far as they are known."""
    lines = []
    if seeds:
        lines.append(f"Seeds: {', '.join(str(seed) for seed in seeds)}.")
    if command:
        lines.append(f"Trained with:\n\n```bash\n{command}\n```")
    return "\n\n".join(lines) or "Not recorded."


def _data_table(data: Sequence[Mapping[str, str]]) -> str:
    """What it was trained on, with licences."""
    rows = [["data", "licence", "use"], ["---"] * 3]
    for entry in data:
        name = entry["name"]
        if entry.get("url"):
            name = f"[{name}]({entry['url']})"
        rows.append([name, entry["licence"], entry.get("use", "training")])
    return _table(rows)


def _table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    cells = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)
