"""What the settings of a recipe may be: one check per key, so that whatever is
wrong is said at once, before anything is built.

Authors
 * The dispatch-sb contributors, 2026
"""

import math
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from dispatch_sb.models.fast_enhancer import SIZES
from dispatch_sb.scoring.catalogue import ALL, GROUPS, chosen_metrics
from dispatch_sb.scoring.word_settings import word_error_settings

# Takes a plain value; says what to give instead, or None if it may stay.
Check = Callable[[Any], str | None]

LONGEST_SEED = 2**32 - 1  # numpy's
PLAIN = (type(None), bool, int, float, str)


def _number(
    least: float = -math.inf,
    most: float = math.inf,
    above: float | None = None,
    below: float | None = None,
) -> Check:
    """Makes the check of a finite number."""
    bounds = [f"above {above:g}"] if above is not None else []
    bounds += [f"below {below:g}"] if below is not None else []
    bounds += [f"{least:g} or more"] if least > -math.inf else []
    bounds += [f"{most:g} or less"] if most < math.inf else []
    allowed = f"a number {', '.join(bounds)}" if bounds else "a finite number"

    def check(value: Any) -> str | None:
        fits = (
            _is_number(value)
            and least <= value <= most
            and (above is None or value > above)
            and (below is None or value < below)
        )
        return None if fits else allowed

    return check


def _whole(least: int, most: float = math.inf) -> Check:
    """Makes the check of a whole number."""
    end = "" if most == math.inf else f" and {most} or less"
    allowed = f"a whole number, {least} or more{end}"

    def check(value: Any) -> str | None:
        fits = isinstance(value, int) and not isinstance(value, bool)
        return None if fits and least <= value <= most else allowed

    return check


def _one_of(*choices: str) -> Check:
    """Makes the check of a choice among texts."""

    def check(value: Any) -> str | None:
        fits = isinstance(value, str) and value in choices
        return None if fits else f"one of {', '.join(choices)}"

    return check


def _list_of(check: Check, least: int = 1) -> Check:
    """Makes the check of a list or tuple."""

    def check_all(value: Any) -> str | None:
        if not isinstance(value, (list, tuple)):
            return "a list, such as [a, b]"
        if len(value) < least:
            return f"a list of {least} or more"
        wrong = next(filter(None, map(check, value)), None)
        return f"a list; in it, {wrong}" if wrong else None

    return check_all


def _pair_of(check: Check, rising: bool = False) -> Check:
    """Makes the check of two values."""

    def check_both(value: Any) -> str | None:
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            return "two, such as [1, 2]"
        wrong = next(filter(None, map(check, value)), None)
        if wrong:
            return f"two; each of them, {wrong}"
        falls = rising and value[0] > value[1]
        return "two, the lower first" if falls else None

    return check_both


def _either(first: Check, second: Check) -> Check:
    """Makes the check of what may be of two kinds."""

    def check(value: Any) -> str | None:
        wrong = [first(value), second(value)]
        return ", or ".join(wrong) if all(wrong) else None

    return check


def _null(value: Any) -> str | None:
    """The check of what is not set."""
    return None if value is None else "null"


def _text(value: Any) -> str | None:
    """The check of a name, or of a path."""
    if isinstance(value, str) and value.strip():
        return None
    return "a text; in quotes, if it looks like a number"


def _flag(value: Any) -> str | None:
    """The check of a switch."""
    return None if isinstance(value, bool) else "True or False"


def _block(value: Any) -> str | None:
    """The check of a block of keys."""
    return None if isinstance(value, Mapping) else "a block of keys and values"


def _band_edges(value: Any) -> str | None:
    """The check of borders between frequency bands."""
    allowed = "rising frequencies in Hz, such as [1000, 3000]"
    if _list_of(_number(above=0))(value):
        return allowed
    falls = any(low >= high for low, high in zip(value, value[1:]))
    return allowed if falls else None


def _taken_by(function: Callable, allowed: str) -> Check:
    """Makes the check of what a function takes without an error."""

    def check(value: Any) -> str | None:
        try:
            function(value)
        except (TypeError, ValueError) as error:
            return allowed.format(error=str(error).rstrip("."))
        return None

    return check


def _device(value: Any) -> str | None:
    """The check of where torch is to work."""
    if _text(value):
        return "a device, such as cpu or cuda"
    try:
        wanted = torch.device(value)
    except RuntimeError:
        return "a device that torch knows, such as cpu, cuda or cuda:0"
    if wanted.type == "cuda":
        return _gpu(wanted.index or 0)
    here = torch.accelerator.current_accelerator()
    if wanted.type in ("cpu", getattr(here, "type", "cpu")):
        return None
    return "cpu, since torch sees no such device here"


def _step_limit(value: Any) -> str | None:
    """The check of the number of steps after which training ends."""
    if isinstance(value, str):
        return (
            "it as a key of the YAML file: on the command line, SpeechBrain "
            "reads it as a text"
        )
    return _either(_null, _whole(1))(value)


# Of keys in blocks, the path: block.key. A key that is missing, or that is an
# object (`!new:...`), needs no check: an object checks its own arguments.
CHECKS: dict[str, Check] = {
    # Folders and files
    **dict.fromkeys(
        (
            "method",
            "output_folder",
            "mini_folder",
            "prepared_folder",
            "save_folder",
            "manifest_folder",
            "train_manifest",
            "valid_manifest",
            "test_manifest",
            "teacher_source",
        ),
        _text,
    ),
    **dict.fromkeys(
        (
            "data_folder",
            "train_pairs",
            "valid_pairs",
            "test_pairs",
            "teacher_revision",
            "teacher_savedir",
        ),
        _either(_null, _text),
    ),
    **dict.fromkeys(
        ("clean_folders", "noise_folders"), _either(_null, _list_of(_text, 0))
    ),
    "valid_speakers": _either(_text, _list_of(_either(_whole(0), _text))),
    "skip_prep": _flag,
    # Training
    "seed": _whole(0, LONGEST_SEED),
    "number_of_epochs": _whole(1),
    "batch_size": _whole(1),
    "num_workers": _whole(0),
    "train_loader_kwargs": _block,
    "train_loader_kwargs.batch_size": _whole(1),
    "train_loader_kwargs.num_workers": _whole(0),
    "train_loader_kwargs.shuffle": _flag,
    "train_loader_kwargs.drop_last": _flag,
    "valid_loader_kwargs": _block,
    "valid_loader_kwargs.batch_size": _whole(1),
    "lr": _number(above=0),
    "schedule.warmup": _number(least=0, below=1),
    "schedule.final": _number(least=0, most=1),
    "opt_class.betas": _pair_of(_number(least=0, below=1)),
    "opt_class.weight_decay": _number(least=0),
    "segment_seconds": _either(_null, _number(least=0.1)),
    "own_pairs": _whole(1),
    "mixtures_per_epoch": _either(_null, _whole(1)),
    "mixing_snr_db": _pair_of(_number(least=-100, most=100), rising=True),
    "mixing_level_db": _pair_of(_number(least=-100, most=0), rising=True),
    "student_size": _one_of(*SIZES),
    # Scores
    "pesq_every": _whole(1),
    "workers": _either(_null, _whole(1)),
    "examples": _whole(0),
    "metrics": _taken_by(
        chosen_metrics, f"null, or a list of {', '.join((*ALL, *GROUPS))}"
    ),
    "scores_cache": _either(_null, _text),
    "wer": _taken_by(word_error_settings, "what it can be ({error})"),
    # Distillation
    "distillation_weight": _either(_null, _number(least=0)),
    "distillation_share": _either(_null, _number(above=0, below=1)),
    "teacher_delay": _whole(0),
    "record_teacher": _flag,
    "host": _text,
    "selection": _text,
    "temperature": _number(above=0),
    "log_details": _flag,
    "ratio": _number(above=0, most=1),
    "beta": _number(least=0, most=1),
    "patch_bins": _either(_whole(1), _list_of(_whole(1))),
    "patch_frames": _whole(1),
    "band_edges_hz": _either(_null, _band_edges),
    "floor_db": _number(least=-120, most=0),
    # SpeechBrain's run options
    "device": _either(_null, _device),
    "precision": _one_of("fp32", "fp16", "bf16"),
    "eval_precision": _one_of("fp32", "fp16", "bf16"),
    "distributed_backend": _one_of("nccl", "gloo", "mpi"),
    "compile_mode": _one_of("default", "reduce-overhead", "max-autotune"),
    "max_grad_norm": _number(),
    "grad_accumulation_factor": _whole(1),
    "nonfinite_patience": _whole(0),
    "optimizer_step_limit": _step_limit,
    "ckpt_interval_minutes": _number(),
    "ckpt_interval_steps": _number(),
    "debug_batches": _whole(1),
    "debug_epochs": _number(),
    "profile_warmup": _whole(0),
    "profile_steps": _whole(1),
}


def find_problems(settings: Mapping[str, Any]) -> list[str]:
    """Checks all settings of a recipe.

    Arguments
    ---------
    settings : Mapping
        Values by key, those inside blocks by their path. What is no plain
        value is an object, and left to itself.

    Returns
    -------
    list of str
        One sentence for each that is wrong, naming key, value and what is
        allowed.

    Example
    -------
    >>> find_problems({"lr": 0.1, "workers": 0, "teacher_delay": -1})
    ['workers is 0: give null, or a whole number, 1 or more.',
     'teacher_delay is -1: give a whole number, 0 or more.']
    """
    problems, seen = [], set()
    for key, value in settings.items():
        if key not in CHECKS or not is_plain(value):
            continue
        wrong = CHECKS[key](value)
        same = key.rpartition(".")[2], repr(value)  # by reference, as a rule
        if wrong and same not in seen:
            shown = "null" if value is None else repr(value)
            problems.append(f"{key} is {shown}: give {wrong}.")
            seen.add(same)
    return [*problems, *_contradictions(settings)]


def is_plain(value: Any) -> bool:
    """Whether a value is what YAML can write without tags.

    Arguments
    ---------
    value : Any
        A value.

    Returns
    -------
    bool
        Whether it is a number, a text, null, or a list or mapping of these.

    Example
    -------
    >>> is_plain([1, {"a": None}]), is_plain(object())
    (True, False)
    """
    if isinstance(value, Mapping):
        return all(map(is_plain, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(is_plain, value))
    return isinstance(value, PLAIN)


def _contradictions(settings: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with settings that are right each by itself."""
    get = settings.get
    if _on_cpu(get("device")):
        for key in ("precision", "eval_precision"):
            if get(key) == "fp16":
                yield f"{key} is 'fp16' on a CPU: give bf16 or fp32."
        if get("data_parallel_backend"):
            yield "data_parallel_backend is True without a GPU: leave it out."
    if get("data_parallel_backend") and "LOCAL_RANK" in os.environ:
        yield "data_parallel_backend is True under torchrun: leave it out."
    minutes, steps = get("ckpt_interval_minutes"), get("ckpt_interval_steps")
    if all(_is_number(x) and x > 0 for x in (minutes, steps)):
        yield (
            f"ckpt_interval_minutes is {minutes} and ckpt_interval_steps is "
            f"{steps}: give one of the two."
        )
    if get("clean_folders") and get("segment_seconds", 1) is None:
        yield (
            "segment_seconds is null, but mixtures of clean_folders need a "
            "length: give a number of seconds."
        )
    weight, share = get("distillation_weight"), get("distillation_share")
    if "distillation_weight" in settings and weight is share is None:
        yield (
            "distillation_weight and distillation_share are null: give one of "
            "the two."
        )
    if weight is not None and share is not None:
        yield (
            f"distillation_weight is {weight} and distillation_share is "
            f"{share}: give one of the two, and null for the other."
        )
    modules = _names_in(settings, "modules")
    for key in ("compile_module_keys", "jit_module_keys"):
        for name in get(key) or ():
            if modules and name not in modules:
                yield f"{key} names {name!r}: give {', '.join(modules)}."
    for key, block in (("host", "hosts"), ("selection", "selections")):
        names, name = _names_in(settings, block), get(key)
        if names and isinstance(name, str) and name not in names:
            yield f"{key} is {name!r}: give one of {', '.join(names)}."


def _names_in(settings: Mapping[str, Any], block: str) -> list[str]:
    """The keys of a block, in its order."""
    paths = (key.split(".") for key in settings)
    inside = (path[1] for path in paths if path[0] == block and path[1:])
    return list(dict.fromkeys(inside))


def _is_number(value: Any) -> bool:
    """Whether it is a finite number, True and False left out."""
    right = isinstance(value, (int, float)) and not isinstance(value, bool)
    return right and math.isfinite(value)


def _on_cpu(name: Any) -> bool:
    """Whether training would run on the CPU."""
    return name == "cpu" or (
        name is None and not torch.accelerator.is_available()
    )


def _gpu(index: int) -> str | None:
    """What to give instead of an NVIDIA GPU that torch does not see."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if index < count:
        return None
    if count:
        return f"a GPU below {count}, for torch sees {count} (cuda:0 is first)"
    built = torch.version.cuda
    why = f"built for CUDA {built}" if built else "built without CUDA"
    return (
        f"cpu, or leave it out: torch {torch.__version__}, {why}, sees no GPU "
        "here (`nvidia-smi` shows whether there is one; `dispatch-sb doctor` "
        "shows the installation)"
    )
