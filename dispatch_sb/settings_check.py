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

from dispatch_sb.metrics.catalogue import ALL, GROUPS, chosen_metrics
from dispatch_sb.models.fast_enhancer import SIZES
from dispatch_sb.recognition.settings import word_error_settings

# Takes a plain value; says what to give instead, or None if it may stay.
Check = Callable[[Any], str | None]

LONGEST_SEED = 2**32 - 1  # numpy's
PLAIN = (type(None), bool, int, float, str)


def number(
    least: float = -math.inf,
    most: float = math.inf,
    above: float | None = None,
    below: float | None = None,
) -> Check:
    """Makes the check of a finite number.

    Arguments
    ---------
    least, most : float
        Bounds that are allowed themselves.
    above, below : float, optional
        Bounds that are not.

    Returns
    -------
    Callable
        The check.

    Example
    -------
    >>> number(above=0, most=1)(1.5)
    'a number above 0, 1 or less'
    """
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


def whole(least: int, most: float = math.inf) -> Check:
    """Makes the check of a whole number.

    Arguments
    ---------
    least, most : int
        Bounds, allowed themselves.

    Returns
    -------
    Callable
        The check.

    Example
    -------
    >>> whole(1)(0)
    'a whole number, 1 or more'
    """
    end = "" if most == math.inf else f" and {most} or less"
    allowed = f"a whole number, {least} or more{end}"

    def check(value: Any) -> str | None:
        fits = isinstance(value, int) and not isinstance(value, bool)
        return None if fits and least <= value <= most else allowed

    return check


def one_of(*choices: str) -> Check:
    """Makes the check of a choice among texts.

    Arguments
    ---------
    *choices : str
        What is allowed.

    Returns
    -------
    Callable
        The check.

    Example
    -------
    >>> one_of("fp32", "bf16")("fp8")
    'one of fp32, bf16'
    """

    def check(value: Any) -> str | None:
        fits = isinstance(value, str) and value in choices
        return None if fits else f"one of {', '.join(choices)}"

    return check


def list_of(check: Check, least: int = 1) -> Check:
    """Makes the check of a list or tuple.

    Arguments
    ---------
    check : Callable
        Of every item.
    least : int
        How many items there must be.

    Returns
    -------
    Callable
        The check.

    Example
    -------
    >>> list_of(whole(1))([10, 0])
    'a list; in it, a whole number, 1 or more'
    """

    def check_all(value: Any) -> str | None:
        if not isinstance(value, (list, tuple)):
            return "a list, such as [a, b]"
        if len(value) < least:
            return f"a list of {least} or more"
        wrong = next(filter(None, map(check, value)), None)
        return f"a list; in it, {wrong}" if wrong else None

    return check_all


def pair_of(check: Check, rising: bool = False) -> Check:
    """Makes the check of two values.

    Arguments
    ---------
    check : Callable
        Of both.
    rising : bool
        Whether the second may not be the smaller one.

    Returns
    -------
    Callable
        The check.

    Example
    -------
    >>> pair_of(number(), rising=True)([5, -5])
    'two, the lower first'
    """

    def check_both(value: Any) -> str | None:
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            return "two, such as [1, 2]"
        wrong = next(filter(None, map(check, value)), None)
        if wrong:
            return f"two; each of them, {wrong}"
        falls = rising and value[0] > value[1]
        return "two, the lower first" if falls else None

    return check_both


def either(first: Check, second: Check) -> Check:
    """Makes the check of what may be of two kinds.

    Arguments
    ---------
    first, second : Callable
        Checks, of which one must hold.

    Returns
    -------
    Callable
        The check.

    Example
    -------
    >>> either(null, whole(1))(0)
    'null, or a whole number, 1 or more'
    """

    def check(value: Any) -> str | None:
        wrong = [first(value), second(value)]
        return ", or ".join(wrong) if all(wrong) else None

    return check


def null(value: Any) -> str | None:
    """The check of what is not set.

    Arguments
    ---------
    value : Any
        A value.

    Returns
    -------
    str or None
        "null" unless it is.
    """
    return None if value is None else "null"


def unless_null(check: Check) -> Check:
    """Makes the check of what may also be left out.

    Arguments
    ---------
    check : Callable
        Of anything but null.

    Returns
    -------
    Callable
        The check.

    Example
    -------
    >>> unless_null(number(least=0))(None), unless_null(number(least=0))(-1)
    (None, 'a number 0 or more')
    """
    return lambda value: None if value is None else check(value)


def text(value: Any) -> str | None:
    """The check of a name, or of a path.

    Arguments
    ---------
    value : Any
        A value.

    Returns
    -------
    str or None
        What to give instead.

    Example
    -------
    >>> text(1234567)
    'a text; in quotes, if it looks like a number'
    """
    if isinstance(value, str) and value.strip():
        return None
    return "a text; in quotes, if it looks like a number"


def flag(value: Any) -> str | None:
    """The check of a switch.

    Arguments
    ---------
    value : Any
        A value.

    Returns
    -------
    str or None
        What to give instead.
    """
    return None if isinstance(value, bool) else "True or False"


def block(value: Any) -> str | None:
    """The check of a block of keys.

    Arguments
    ---------
    value : Any
        A value.

    Returns
    -------
    str or None
        What to give instead.
    """
    return None if isinstance(value, Mapping) else "a block of keys and values"


def band_edges(value: Any) -> str | None:
    """The check of borders between frequency bands.

    Arguments
    ---------
    value : Any
        A value.

    Returns
    -------
    str or None
        What to give instead.

    Example
    -------
    >>> band_edges([2000, 1000])
    'rising frequencies in Hz, such as [1000, 3000]'
    """
    allowed = "rising frequencies in Hz, such as [1000, 3000]"
    if list_of(number(above=0))(value):
        return allowed
    falls = any(low >= high for low, high in zip(value, value[1:]))
    return allowed if falls else None


def metrics(value: Any) -> str | None:
    """The check of which metrics are wanted.

    Arguments
    ---------
    value : Any
        A value.

    Returns
    -------
    str or None
        What to give instead.
    """
    names = f"null, or a list of {', '.join((*ALL, *GROUPS))}"
    if value is not None and text(value) and list_of(text)(value):
        return names
    try:
        chosen_metrics(value)
    except ValueError:
        return names
    return None


def word_errors(value: Any) -> str | None:
    """The check of the word error rate's block.

    Arguments
    ---------
    value : Any
        A value.

    Returns
    -------
    str or None
        What to give instead.
    """
    try:
        word_error_settings(value)
    except ValueError as error:
        return f"what it can be ({str(error).rstrip('.')})"
    return None


def device(value: Any) -> str | None:
    """The check of where torch is to work.

    Arguments
    ---------
    value : Any
        Such as ``cpu`` or ``cuda:0``.

    Returns
    -------
    str or None
        What to give instead.
    """
    if text(value):
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


def step_limit(value: Any) -> str | None:
    """The check of the number of steps after which training ends.

    Arguments
    ---------
    value : Any
        A value.

    Returns
    -------
    str or None
        What to give instead.
    """
    if isinstance(value, str):
        return (
            "it as a key of the YAML file: on the command line, SpeechBrain "
            "reads it as a text"
        )
    return either(null, whole(1))(value)


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
        text,
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
        either(null, text),
    ),
    **dict.fromkeys(
        ("clean_folders", "noise_folders"), either(null, list_of(text, 0))
    ),
    "valid_speakers": either(text, list_of(either(whole(0), text))),
    "skip_prep": flag,
    # Training
    "seed": whole(0, LONGEST_SEED),
    "number_of_epochs": whole(1),
    "batch_size": whole(1),
    "num_workers": whole(0),
    "train_loader_kwargs": block,
    "train_loader_kwargs.batch_size": whole(1),
    "train_loader_kwargs.num_workers": whole(0),
    "train_loader_kwargs.shuffle": flag,
    "train_loader_kwargs.drop_last": flag,
    "valid_loader_kwargs": block,
    "valid_loader_kwargs.batch_size": whole(1),
    "lr": number(above=0),
    "schedule.warmup": number(least=0, below=1),
    "schedule.final": number(least=0, most=1),
    "opt_class.betas": pair_of(number(least=0, below=1)),
    "opt_class.weight_decay": number(least=0),
    "segment_seconds": either(null, number(least=0.1)),
    "own_pairs": whole(1),
    "mixtures_per_epoch": either(null, whole(1)),
    "mixing_snr_db": pair_of(number(least=-100, most=100), rising=True),
    "mixing_level_db": pair_of(number(least=-100, most=0), rising=True),
    "student_size": one_of(*SIZES),
    # Scores
    "pesq_every": whole(1),
    "workers": either(null, whole(1)),
    "examples": whole(0),
    "metrics": metrics,
    "scores_cache": either(null, text),
    "wer": word_errors,
    # Distillation
    "distillation_weight": unless_null(number(least=0)),
    "distillation_share": either(null, number(above=0, below=1)),
    "teacher_delay": whole(0),
    "record_teacher": flag,
    "host": text,
    "selection": text,
    "temperature": number(above=0),
    "log_details": flag,
    "ratio": number(above=0, most=1),
    "beta": number(least=0, most=1),
    "patch_bins": either(whole(1), list_of(whole(1))),
    "patch_frames": whole(1),
    "band_edges_hz": either(null, band_edges),
    "floor_db": number(least=-120, most=0),
    # SpeechBrain's run options
    "device": unless_null(device),
    "precision": one_of("fp32", "fp16", "bf16"),
    "eval_precision": one_of("fp32", "fp16", "bf16"),
    "distributed_backend": one_of("nccl", "gloo", "mpi"),
    "compile_mode": one_of("default", "reduce-overhead", "max-autotune"),
    "max_grad_norm": number(),
    "grad_accumulation_factor": whole(1),
    "nonfinite_patience": whole(0),
    "optimizer_step_limit": step_limit,
    "ckpt_interval_minutes": number(),
    "ckpt_interval_steps": number(),
    "debug_batches": whole(1),
    "debug_epochs": number(),
    "profile_warmup": whole(0),
    "profile_steps": whole(1),
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
        yield "distillation_weight is null: give a number, 0 or more."
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
