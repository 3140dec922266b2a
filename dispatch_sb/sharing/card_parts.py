"""The parts of a model card: code that runs, tables of scores and of data,
and the head that the hub reads.

Authors
 * The dispatch-sb contributors, 2026
"""

import math
import re
from collections.abc import Mapping, Sequence

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
    "wer": "WER (%)",
}
# Licences by the hub's own names; any other one is "other" there.
HUB_LICENCES = re.compile(
    r"apache-2\.0|mit|isc|unlicense|wtfpl|zlib|bsl-1\.0|mpl-2\.0|artistic-2\.0"
    r"|bsd(-[23]-clause(-clear)?)?|(a|l)?gpl-(2\.0|3\.0)|lgpl-2\.1|cc0-1\.0"
    r"|cc-by(-nc|-nd|-sa|-nc-sa|-nc-nd)?-(2\.0|2\.5|3\.0|4\.0)"
    r"|openrail(\+\+)?|odbl|eupl-1\.[12]|epl-[12]\.0|other|unknown"
)
# What changes when the folder lies on the hub, see `card_on_hub`.
INSIDE = "inside this folder (or with its hub id instead of\nthe dot)"
ANYWHERE = (
    "with a noisy file of your own, or this model's\n`example.wav`, beside you"
)
CODE = """\
```python
import torch
from dispatch_sb import load_student
from dispatch_sb.data.audio import read_audio, write_audio

model = load_student(".")
noisy = torch.from_numpy(read_audio("{example}", {rate}))
with torch.no_grad():
    enhanced = model(noisy[None])[0]
write_audio("enhanced.wav", enhanced.numpy(), {rate})
```

Through SpeechBrain's own interface, which runs `hyperparams.yaml`:

```python
from speechbrain.inference.enhancement import WaveformEnhancement

enhancer = WaveformEnhancement.from_hparams(source=".")
enhanced = enhancer.enhance_file("{example}")
```
"""
STREAMING = """
While the sound is still arriving, {latency:g} ms behind it:

```python
import torch
from dispatch_sb import load_student
from dispatch_sb.data.audio import read_audio
from dispatch_sb.enhance import StreamingEnhancer

enhancer = StreamingEnhancer(load_student("."))
noisy = torch.from_numpy(read_audio("{example}", {rate}))
state, ready = enhancer.initial_state(), []
for block in noisy[None].split(1000, dim=1):  # as a microphone gives them
    enhanced, state = enhancer(block, state)
    ready.append(enhanced)
ready.append(enhancer.finish(state))
enhanced = torch.cat(ready, dim=1)
```
"""


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


def evaluation(test_set: str, metrics: Mapping) -> dict:
    """One entry of the hub's ``model-index``.

    Arguments
    ---------
    test_set : str
        Its name.
    metrics : mapping
        ``mean``, ``ci95``, ``n`` and ``failed`` by metric.

    Returns
    -------
    dict
        The interval of each mean in words and, in ``args``, as numbers.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", test_set.lower()).strip("-")
    return {
        "task": {"type": "audio-to-audio", "name": "Speech enhancement"},
        "dataset": {"type": slug, "name": test_set},
        "metrics": [
            {
                "type": key,
                "name": f"{METRICS[key]}, 95 % interval {_interval(value)}, "
                f"{value['n']} files",
                "value": round(float(value["mean"]), 4),
                "args": {
                    "ci95": _rounded(value["ci95"]),
                    "files": value["n"],
                    "failed": value.get("failed", 0),
                },
            }
            for key, value in metrics.items()
            if key in METRICS and is_number(value["mean"])
        ],
    }


def score_section(test_set: str, body: Mapping, system: str) -> str:
    """Table of one test set: this model beside noisy input and teacher.

    Arguments
    ---------
    test_set : str
        Its name.
    body : mapping
        What its ``scores.json`` holds.
    system : str
        Which of the systems this model is.

    Returns
    -------
    str
        Markdown.
    """
    columns = [c for c in ("noisy", system, "teacher") if c in body]
    columns = list(dict.fromkeys(columns))
    titles = {"noisy": "noisy", "teacher": "its teacher", system: "this model"}
    rows = [
        ["", *(titles[column] for column in columns), "files"],
        ["---"] * (len(columns) + 2),
    ]
    for key, title in METRICS.items():
        if key in body[system]:
            cells = [_cell(body[column].get(key)) for column in columns]
            rows.append([title, *cells, _files(body[system][key])])
    flavours = list(dict.fromkeys(body.get("flavours", {}).values()))
    note = "\n\n" + "; ".join(flavours) + "." if flavours else ""
    return f"### {test_set}\n\n{table(rows)}{note}"


def data_table(data: Sequence[Mapping[str, str]]) -> str:
    """What a model was trained on, with licences.

    Arguments
    ---------
    data : sequence of mapping
        ``name`` and ``licence`` each, perhaps ``url`` and ``use``.

    Returns
    -------
    str
        Markdown.
    """
    rows = [["data", "licence", "use"], ["---"] * 3]
    for entry in data:
        name = entry["name"]
        if entry.get("url"):
            name = f"[{name}]({entry['url']})"
        rows.append([name, entry["licence"], entry.get("use", "training")])
    return table(rows)


def table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table.

    Arguments
    ---------
    rows : sequence of sequence of str
        Cells; the second row is the rule under the titles.

    Returns
    -------
    str
        Markdown.

    Example
    -------
    >>> print(table([["a"], ["---"], ["b | c"]]))
    | a |
    | --- |
    | b \\| c |
    """
    cells = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def is_number(value) -> bool:
    """Whether a mean exists: it does not if every file failed.

    Arguments
    ---------
    value : float or None
        A mean.

    Returns
    -------
    bool
        Whether it can be shown.
    """
    return value is not None and math.isfinite(value)


def _cell(value) -> str:
    """Mean and interval of one metric."""
    if not value or not is_number(value["mean"]):
        return "–"
    return f"{value['mean']:.3f} {_interval(value)}"


def _interval(value: Mapping) -> str:
    """[low, high], as text; of a single file there is none."""
    bounds = [f"{x:.3f}" for x in value["ci95"] if x is not None]
    return f"[{', '.join(bounds)}]" if bounds else "[unknown]"


def _rounded(interval: Sequence) -> list | None:
    """[low, high] for the card's head, None if it is unknown."""
    if None in interval:
        return None
    return [round(float(x), 4) for x in interval]


def _files(value: Mapping) -> str:
    """How many files are in the mean, and how many failed."""
    failed = value.get("failed", 0)
    return f"{value['n']}, {failed} failed" if failed else str(value["n"])
