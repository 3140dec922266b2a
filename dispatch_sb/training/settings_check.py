"""What the settings of a recipe may be: one check per key, so that whatever is
wrong is said at once, before anything is built.

Authors
 * The dispatch-sb contributors, 2026
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from dispatch_sb.data.value_checks import (
    AT_LEAST_0,
    BLOCK,
    COUNT,
    FLAG,
    FROM_0,
    POSITIVE,
    TEXT,
    Check,
    block_of,
    either,
    list_of,
    number,
    one_of,
    or_null,
    when,
)
from dispatch_sb.models.families import FAMILIES, SIZES
from dispatch_sb.scoring.catalogue import ALL, GROUPS, chosen_metrics
from dispatch_sb.scoring.word_settings import word_error_settings

PLAIN = (type(None), bool, int, float, str)


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


# Keys outside blocks that hold a path, and need no line of their own.
PATH = re.compile(r"\w+_(folder|manifest)")

# No plain value is one, and others are not checked.
OBJECT = when(lambda value: False, "an object, such as !new:package.Class")

# Of keys in blocks, the path: block.key. A key that is missing, or that is an
# object (`!new:...`), needs no check: an object checks its own arguments.
ALIKE: dict[Check, str] = {
    OBJECT: """checkpointer enhancement_loss epoch_counter opt_class schedule
        student train_logger""",
    or_null(OBJECT): "distillation_loss teacher",
    block_of(OBJECT): "modules",
    BLOCK: "taps train_loader_kwargs valid_loader_kwargs",
    TEXT: "method host selection",
    or_null(TEXT): """data_folder train_pairs valid_pairs test_pairs
        train_shards scores_cache teacher_savedir""",
    or_null(list_of(TEXT, 0)): "clean_folders noise_folders",
    FLAG: """skip_prep score train_loader_kwargs.shuffle
        train_loader_kwargs.drop_last trust_remote_code record_teacher
        log_details""",
    COUNT: """number_of_epochs batch_size train_loader_kwargs.batch_size
        valid_loader_kwargs.batch_size own_pairs pesq_every patch_frames
        grad_accumulation_factor debug_batches profile_steps""",
    or_null(COUNT): "mixtures_per_epoch workers",
    FROM_0: """shuffle_buffer num_workers train_loader_kwargs.num_workers
        examples nonfinite_patience profile_warmup""",
    POSITIVE: "lr temperature",
    AT_LEAST_0: """opt_class.weight_decay supervised_weight
        supervised_weight.before supervised_weight.after
        distillation_weight.before distillation_weight.after""",
}
CHECKS: dict[str, Check] = {
    **{key: check for check, keys in ALIKE.items() for key in keys.split()},
    "valid_speakers": either(TEXT, list_of(either(FROM_0, TEXT))),
    # Training
    "seed": number(f"[0, {2**32})", whole=True),  # numpy's
    "audio_in_memory": either(FLAG, one_of("auto")),
    "schedule.warmup": number("[0, 1)"),
    "schedule.final": number("[0, 1]"),
    "opt_class.betas": list_of(number("[0, 1)"), 2, 2),
    "segment_seconds": or_null(number("[0.1, 3600]")),
    "mixing_snr_db": list_of(number("[-100, 100]"), 2, 2, rising=True),
    "mixing_level_db": list_of(number("[-100, 0]"), 2, 2, rising=True),
    "student_model": one_of(*FAMILIES),
    "student_size": one_of(*SIZES),
    # Scores
    "metrics": _taken_by(
        chosen_metrics, f"null, or a list of {', '.join((*ALL, *GROUPS))}"
    ),
    "wer": _taken_by(word_error_settings, "what it can be ({error})"),
    # Distillation
    "teacher_source": either(TEXT, list_of(TEXT)),
    "teacher_revision": or_null(either(TEXT, list_of(or_null(TEXT)))),
    "teacher_delay": either(FROM_0, list_of(FROM_0)),
    "distillation_weight": or_null(AT_LEAST_0),
    "distillation_share": or_null(number("(0, 1)")),
    "first_step": number("(0, 1)"),
    "similarity_axis": one_of("time", "frequency", "both"),
    "ratio": number("(0, 1]"),
    "beta": number("[0, 1]"),
    "patch_bins": either(COUNT, list_of(COUNT)),
    "band_edges_hz": or_null(list_of(POSITIVE, rising=True)),
    "floor_db": number("[-120, 0]"),
    # SpeechBrain's run options that it does not check itself
    "device": or_null(_device),
    "compile_mode": one_of("default", "reduce-overhead", "max-autotune"),
    "max_grad_norm": number(),
    "optimizer_step_limit": or_null(
        when(
            lambda value: not COUNT(value),
            "a whole number above 0 as a key of the YAML file: on the command "
            "line, SpeechBrain reads it as a text",
        )
    ),
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
