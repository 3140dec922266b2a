"""What the settings of a recipe may be: one check per key, so that whatever is
wrong is said at once, before anything is built.

Authors
 * The dispatch-sb contributors, 2026
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from dispatch_sb.models.families import FAMILIES, SIZES
from dispatch_sb.scoring.catalogue import ALL, GROUPS, chosen_metrics
from dispatch_sb.scoring.word_settings import word_error_settings

# Takes a plain value; says what to give instead, or None if it may stay.
Check = Callable[[Any], str | None]

PLAIN = (type(None), bool, int, float, str)


def _when(fits: Callable[[Any], bool], allowed: str) -> Check:
    """Makes the check of a condition."""
    return lambda value: None if fits(value) else allowed


def _number(interval: str = "(-inf, inf)", whole: bool = False) -> Check:
    """Makes the check of a finite number in an interval such as "[0, 1)"."""
    least, most = map(float, interval[1:-1].split(","))
    ends = [least] * (interval[0] == "[") + [most] * (interval[-1] == "]")

    def fits(value: Any) -> bool:
        right = isinstance(value, int if whole else (int, float))
        right = right and not isinstance(value, bool)
        return right and (least < value < most or value in ends)

    return _when(fits, f"a {'whole ' * whole}number in {interval}")


def _one_of(*choices: str) -> Check:
    """Makes the check of a choice among texts."""
    return _when(lambda value: value in choices, f"one of {', '.join(choices)}")


def _list_of(
    check: Check, least: int = 1, most: float = math.inf, rising: bool = False
) -> Check:
    """Makes the check of a list or tuple."""
    size = f"{least}{' or more' if most > least else ''}"

    def check_all(value: Any) -> str | None:
        listed = isinstance(value, (list, tuple))
        if not listed or not least <= len(value) <= most:
            return f"a list of {size}, such as [a, b]"
        wrong = next(filter(None, map(check, value)), None)
        if wrong:
            return f"a list; in it, {wrong}"
        falls = rising and list(value) != sorted(value)
        return "a list that rises" if falls else None

    return check_all


def _or_null(check: Check) -> Check:
    """Makes the check of what may be left unset."""
    return _either(_when(lambda value: value is None, "null"), check)


def _either(first: Check, second: Check) -> Check:
    """Makes the check of what may be of two kinds."""

    def check(value: Any) -> str | None:
        wrong = [first(value), second(value)]
        return ", or ".join(wrong) if all(wrong) else None

    return check


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
    try:
        wanted = torch.device(str(value))
        seen = torch.get_device_module(wanted).device_count()
    except RuntimeError:
        return "a device that torch knows, such as cpu, cuda or cuda:0"
    if (wanted.index or 0) < seen:
        return None
    if seen:
        return f"one below {wanted.type}:{seen}, of which torch sees {seen}"
    built = torch.version.cuda
    why = f"built for CUDA {built}" if built else "built without CUDA"
    return (
        f"cpu, or leave it out: torch {torch.__version__}, {why}, sees no such "
        "device here (`nvidia-smi` shows whether there is one; `dispatch-sb "
        "doctor` shows the installation)"
    )


TEXT = _when(
    lambda value: isinstance(value, str) and value.strip(),
    "a text; in quotes, if it looks like a number",
)
FLAG = _when(lambda value: isinstance(value, bool), "True or False")
BLOCK = _when(
    lambda value: isinstance(value, Mapping), "a block of keys and values"
)
COUNT, FROM_0 = (_number(f"[{least}, inf)", whole=True) for least in (1, 0))
POSITIVE, AT_LEAST_0 = _number("(0, inf)"), _number("[0, inf)")

# Keys outside blocks that hold a path, and need no line of their own.
PATH = re.compile(r"\w+_(folder|manifest)")

# Of keys in blocks, the path: block.key. A key that is missing, or that is an
# object (`!new:...`), needs no check: an object checks its own arguments.
CHECKS: dict[str, Check] = {
    # Folders and files
    "method": TEXT,
    "data_folder": _or_null(TEXT),
    "train_pairs": _or_null(TEXT),
    "valid_pairs": _or_null(TEXT),
    "test_pairs": _or_null(TEXT),
    "train_shards": _or_null(TEXT),
    "shuffle_buffer": FROM_0,
    "clean_folders": _or_null(_list_of(TEXT, 0)),
    "noise_folders": _or_null(_list_of(TEXT, 0)),
    "valid_speakers": _either(TEXT, _list_of(_either(FROM_0, TEXT))),
    "skip_prep": FLAG,
    # Training
    "seed": _number(f"[0, {2**32})", whole=True),  # numpy's
    "number_of_epochs": COUNT,
    "batch_size": COUNT,
    "num_workers": FROM_0,
    **dict.fromkeys(  # nothing that YAML can write without a tag
        "student modules opt_class schedule epoch_counter checkpointer "
        "train_logger enhancement_loss distillation_loss".split(),
        lambda value: "an object, as hparams/baseline.yaml does",
    ),
    "score": FLAG,
    "audio_in_memory": _either(FLAG, _one_of("auto")),
    "train_loader_kwargs": BLOCK,
    "train_loader_kwargs.batch_size": COUNT,
    "train_loader_kwargs.num_workers": FROM_0,
    "train_loader_kwargs.shuffle": FLAG,
    "train_loader_kwargs.drop_last": FLAG,
    "valid_loader_kwargs": BLOCK,
    "valid_loader_kwargs.batch_size": COUNT,
    "lr": POSITIVE,
    "schedule.warmup": _number("[0, 1)"),
    "schedule.final": _number("[0, 1]"),
    "opt_class.betas": _list_of(_number("[0, 1)"), 2, 2),
    "opt_class.weight_decay": AT_LEAST_0,
    "segment_seconds": _or_null(_number("[0.1, inf)")),
    "own_pairs": COUNT,
    "mixtures_per_epoch": _or_null(COUNT),
    "mixing_snr_db": _list_of(_number("[-100, 100]"), 2, 2, rising=True),
    "mixing_level_db": _list_of(_number("[-100, 0]"), 2, 2, rising=True),
    "student_model": _one_of(*FAMILIES),
    "student_size": _one_of(*SIZES),
    # Scores
    "pesq_every": COUNT,
    "workers": _or_null(COUNT),
    "examples": FROM_0,
    "metrics": _taken_by(
        chosen_metrics, f"null, or a list of {', '.join((*ALL, *GROUPS))}"
    ),
    "scores_cache": _or_null(TEXT),
    "wer": _taken_by(word_error_settings, "what it can be ({error})"),
    # Distillation
    "teacher_source": _either(TEXT, _list_of(TEXT)),
    "teacher_revision": _or_null(_either(TEXT, _list_of(_or_null(TEXT)))),
    "teacher_savedir": _or_null(TEXT),
    "teacher_delay": _either(FROM_0, _list_of(FROM_0)),
    "record_teacher": FLAG,
    "distillation_weight": _or_null(AT_LEAST_0),
    "distillation_share": _or_null(_number("(0, 1)")),
    "supervised_weight": AT_LEAST_0,
    "supervised_weight.before": AT_LEAST_0,
    "supervised_weight.after": AT_LEAST_0,
    "distillation_weight.before": AT_LEAST_0,
    "distillation_weight.after": AT_LEAST_0,
    "first_step": _number("(0, 1)"),
    "taps": BLOCK,
    "similarity_axis": _one_of("time", "frequency", "both"),
    "host": TEXT,
    "selection": TEXT,
    "temperature": POSITIVE,
    "log_details": FLAG,
    "ratio": _number("(0, 1]"),
    "beta": _number("[0, 1]"),
    "patch_bins": _either(COUNT, _list_of(COUNT)),
    "patch_frames": COUNT,
    "band_edges_hz": _or_null(_list_of(POSITIVE, rising=True)),
    "floor_db": _number("[-120, 0]"),
    # SpeechBrain's run options that it does not check itself
    "device": _or_null(_device),
    "compile_mode": _one_of("default", "reduce-overhead", "max-autotune"),
    "max_grad_norm": _number(),
    "grad_accumulation_factor": COUNT,
    "nonfinite_patience": FROM_0,
    "optimizer_step_limit": _or_null(
        _when(
            lambda value: not COUNT(value),
            "a whole number above 0 as a key of the YAML file: on the command "
            "line, SpeechBrain reads it as a text",
        )
    ),
    "debug_batches": COUNT,
    "profile_warmup": FROM_0,
    "profile_steps": COUNT,
}

# Keys whose values are names in a block.
NAMES = {
    "host": "hosts",
    "selection": "selections",
    "compile_module_keys": "modules",
    "jit_module_keys": "modules",
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
    >>> find_problems({"lr": 0.1, "workers": 0, "examples": -1})
    ['workers is 0: give null, or a whole number in [1, inf).',
     'examples is -1: give a whole number in [0, inf).']
    """
    problems, seen = [], set()
    for key, value in settings.items():
        check = CHECKS.get(key, TEXT if PATH.fullmatch(key) else None)
        if check is None or not _is_plain(value):
            continue
        wrong = check(value)
        same = key.rpartition(".")[2], repr(value)  # by reference, as a rule
        if wrong and same not in seen:
            shown = "null" if value is None else repr(value)
            problems.append(f"{key} is {shown}: give {wrong}.")
            seen.add(same)
    return [*problems, *_contradictions(settings)]


def _is_plain(value: Any) -> bool:
    """Whether a value is what YAML can write without tags."""
    if isinstance(value, Mapping):
        return all(map(_is_plain, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return isinstance(value, PLAIN)


def _contradictions(settings: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with settings that are right each by itself; SpeechBrain
    itself refuses run options that contradict each other."""
    get = settings.get
    if get("clean_folders") and get("segment_seconds", 1) is None:
        yield (
            "segment_seconds is null, but mixtures of clean_folders need a "
            "length: give a number of seconds."
        )
    for other in ("clean_folders", "train_pairs"):
        if get("train_shards") and get(other):
            yield (
                f"train_shards and {other} are both data to train on: give "
                "null for one of them."
            )
    weight, share = get("distillation_weight"), get("distillation_share")
    if "taps" in settings and get("record_teacher"):
        yield (
            "record_teacher is True, but taps are those of a teacher that "
            "runs: give record_teacher: False."
        )
    if "taps" in settings and share is not None:
        yield (
            f"distillation_share is {share}, but a loss on features (taps) has "
            "no gradient at the student's output to take a share of: give "
            "distillation_share: null, and a distillation_weight."
        )
    elif "distillation_weight" in settings and (weight is None) is (
        share is None
    ):
        yield (
            f"distillation_weight is {weight} and distillation_share is "
            f"{share}: give one of the two, and null for the other."
        )
    model, size = get("student_model"), get("student_size")
    *_, sizes = FAMILIES.get(str(model), [SIZES])
    if size in SIZES and size not in sizes:
        yield (
            f"student_size is {size!r}, which {model} does not have: give one "
            f"of {', '.join(sizes)}."
        )
    for key, block in NAMES.items():
        known = [x.split(".")[1] for x in settings if x.startswith(f"{block}.")]
        chosen = get(key) if isinstance(get(key), list) else [get(key)]
        for name in chosen:
            if known and isinstance(name, str) and name not in known:
                allowed = ", ".join(dict.fromkeys(known))
                yield f"{key} names {name!r}: give one of {allowed}."
