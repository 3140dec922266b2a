"""The one way in: whatever holds an enhancement model becomes that model, or a
frozen teacher.

What one kind of source needs (SpeechBrain, onnxruntime) is imported when a
source is of that kind.

Authors
 * The dispatch-sb contributors, 2026
"""

import logging
import os
from collections.abc import Sequence

from torch import nn

from dispatch_sb.pretrained.folder import load_own, read_config
from dispatch_sb.pretrained.frozen import FrozenTeacher
from dispatch_sb.pretrained.probe import estimate_delay, forgets_level
from dispatch_sb.pretrained.recorded import RecordedTeacher, is_recording
from dispatch_sb.pretrained.sources import naming, open_source
from dispatch_sb.pretrained.teacher import CleanTeacher, Teacher
from dispatch_sb.pretrained.teacher_group import TeacherGroup
from dispatch_sb.runs.run import Run, is_run

logger = logging.getLogger(__name__)


def load(
    source: str | os.PathLike,
    revision: str | None = None,
    device: str | None = None,
    savedir: str | os.PathLike | None = None,
    sample_rate: int = 16000,
    trust_remote_code: bool = False,
) -> nn.Module:
    """Loads an enhancement model from anything that holds one.

    No code that came with it is run.

    Arguments
    ---------
    source : str or path
        The ``output_folder`` of a training (its best student), a model's
        folder, a hub id, or another of ``load_teacher``'s sources.
    revision : str, optional
        Of a hub id: commit, tag or branch.
    device : str, optional
        Where to put the model, such as ``"cuda"``.
    savedir : str or path, optional
        Where downloads are kept; by default ``huggingface_hub``'s cache.
    sample_rate : int
        In Hz, where the source states none.
    trust_remote_code : bool
        Whether the YAML of a run, or of a folder of SpeechBrain's own format,
        may name any code. Otherwise it is built of the networks and transforms
        that `dispatch_sb.runs.allow_list` lists, or refused.

    Returns
    -------
    torch.nn.Module
        Noisy waveforms [batch, samples] in, enhanced ones of the same shape
        out, at ``model.sample_rate`` Hz; in evaluation mode. Our own models
        also have ``hop`` and ``latency``, in samples. ``"clean"`` and
        recordings cannot be run: ``model.live`` is False.

    Raises
    ------
    FileNotFoundError
        If there is no such thing, or files are missing from it.
    ConnectionError
        If the hub cannot be reached and the files are not here yet.
    ImportError
        If the package that a source needs is not installed.
    ValueError
        If what is there cannot be used.

    Example
    -------
    >>> load("no/such/model")
    Traceback (most recent call last):
    ...
    FileNotFoundError: There is no folder no/such/model, ...
    """
    model, _, ours = _opened(
        source, revision, savedir, sample_rate, 0, trust_remote_code
    )
    if not ours:
        rate = getattr(model, "sample_rate", sample_rate)
        forgets = _tried_out(model, rate, source)
        model = FrozenTeacher(model, sample_rate=rate, match_level=forgets)
    return model.eval().to(device or "cpu")


def load_teacher(
    source: str | os.PathLike | Sequence[str | os.PathLike],
    revision: str | Sequence[str | None] | None = None,
    savedir: str | os.PathLike | None = None,
    device: str | None = None,
    sample_rate: int = 16000,
    resample: bool = False,
    delay: int | Sequence[int] = 0,
    match_level: bool | None = None,
    trust_remote_code: bool = False,
) -> Teacher:
    """Loads a pretrained enhancement network as a frozen teacher.

    A folder of enhanced files is a teacher too, a recorded one.

    Arguments
    ---------
    source : str or path
        A local folder, or a hub id such as
        ``"speechbrain/metricgan-plus-voicebank"``; the ``output_folder`` of a
        training; a folder of enhanced files with the names of the noisy ones;
        an ONNX file; ``"deepfilternet3"``; or ``"clean"``, the clean speech
        itself, a control. Or a list of these: several teachers.
    revision : str or list, optional
        Of a hub id: the commit (best: nothing changes under you, and a
        downloaded teacher needs no network), a tag or a branch. Without it the
        newest commit is taken and named in a warning. Of several teachers
        one for all, or a list.
    savedir : str or path, optional
        Where downloads are kept, by source and commit; by default
        ``huggingface_hub``'s cache.
    device : str, optional
        Where to put the teacher, such as ``"cuda"``.
    sample_rate : int
        Of the data, in Hz.
    resample : bool
        Whether a teacher of another rate is resampled rather than refused.
    delay : int or list of int
        Samples by which the teacher's output lags behind its input; of
        several one for all, or a list.
    match_level : bool, optional
        Whether the level of the input is restored by a least-squares gain. By
        default it is measured whether the teacher needs that.
    trust_remote_code : bool
        As for ``load``. Pin the revision of what you trust.

    Returns
    -------
    FrozenTeacher, CleanTeacher, RecordedTeacher or TeacherGroup
        Waveforms [batch, samples] in and out; or what finds recordings; or
        several of these. Its ``origin`` says where it came from:
        ``{"source": ..., "revision": commit or None}``.

    Raises
    ------
    FileNotFoundError, ConnectionError, ImportError, ValueError
        As for ``load``; also ValueError if the sample rate is another.

    Example
    -------
    >>> load_teacher("clean").origin
    {'source': 'clean', 'revision': None}
    """
    if isinstance(source, (list, tuple)):
        options = {"sample_rate": sample_rate, "resample": resample}
        options |= {"match_level": match_level, "device": device}
        options["trust_remote_code"] = trust_remote_code
        teachers = [
            load_teacher(savedir=savedir, **one, **options)
            for one in each_teacher(source, revision, delay)
        ]
        several = len(teachers) > 1
        return TeacherGroup(teachers, sample_rate) if several else teachers[0]
    model, commit, _ = _opened(
        source, revision, savedir, sample_rate, delay, trust_remote_code
    )
    if isinstance(model, Teacher):
        return model
    rate = getattr(model, "sample_rate", sample_rate)
    forgets = _tried_out(model, rate, source)
    if match_level is None and forgets:
        logger.info("Teacher %s normalises its level: undone", source)
    teacher = FrozenTeacher(
        model,
        sample_rate=sample_rate,
        delay=delay,
        match_level=forgets if match_level is None else match_level,
        resample=resample,
    )
    teacher.origin = {"source": str(source), "revision": commit}
    return teacher if device is None else teacher.to(device)


def each_teacher(source, revision=None, delay=0) -> list[dict]:
    """What `load_teacher` is given of each teacher.

    Arguments
    ---------
    source, revision, delay : any
        As for `load_teacher`, of one teacher or of several.

    Returns
    -------
    list of dict
        ``source``, ``revision`` and ``delay`` of each.

    Raises
    ------
    ValueError
        If lists are not of one length.

    Example
    -------
    >>> each_teacher(["a", "b"], delay=[0, 3])[1]
    {'source': 'b', 'revision': None, 'delay': 3}
    """
    sources = source if isinstance(source, (list, tuple)) else [source]
    given = {"source": sources, "revision": revision, "delay": delay}
    for name, values in given.items():
        if not isinstance(values, (list, tuple)):
            given[name] = [values] * len(sources)
        elif len(values) != len(sources):
            raise ValueError(
                f"teacher_{name} lists {len(values)}, teacher_source "
                f"{len(sources)}: give one for each teacher, or one for all."
            )
    return [dict(zip(given, values)) for values in zip(*given.values())]


def _opened(
    source, revision, savedir, sample_rate: int, delay: int, trusted: bool
) -> tuple[nn.Module, str | None, bool]:
    """What a source holds, its commit on the hub, and whether it is ours: with
    outputs as long and as loud as its inputs, or no network at all."""
    name = str(source).lower()
    if source == "clean":
        return CleanTeacher(sample_rate), None, True
    if name == "deepfilternet3":
        from dispatch_sb.pretrained.deepfilternet import DeepFilterNet3

        return DeepFilterNet3(sample_rate), None, False
    if name.endswith(".onnx"):
        return _opened_onnx(source, sample_rate), None, False
    if is_run(source):
        student = Run.open(source, trusted).student
        rate = getattr(student, "sample_rate", sample_rate)
        _tried_out(student, rate, source)
        return student, None, True
    if is_recording(source):
        return RecordedTeacher(source, delay, sample_rate), None, True
    find, commit = open_source(source, revision, savedir)
    with naming(source):
        config = read_config(find("config.json"))
        if "model" in config:
            return load_own(config["model"], find), commit, True
        from dispatch_sb.pretrained.speechbrain_folder import load_speechbrain

        interface = config.get("speechbrain_interface")
        return load_speechbrain(interface, find, trusted), commit, False


def _opened_onnx(source: str | os.PathLike, sample_rate: int) -> nn.Module:
    """An ONNX file's model, its delay measured if nothing states it."""
    from dispatch_sb.pretrained.onnx_teacher import OnnxTeacher

    model = OnnxTeacher(source, sample_rate)
    if model.delay is None:
        model.delay = estimate_delay(model, model.sample_rate)
        logger.info(
            "%s: %d Hz; its output is %d samples late, as measured",
            source,
            model.sample_rate,
            model.delay,
        )
    return model


def _tried_out(model: nn.Module, sample_rate: int, source) -> bool:
    """Runs a model once, so that what cannot run fails early; whether it
    forgets the level of its input."""
    try:
        return forgets_level(model, sample_rate)
    except Exception as error:  # a foreign network raises anything
        raise ValueError(
            f"Model {source} cannot enhance a waveform "
            f"({type(error).__name__}: {error}): check that the "
            "speechbrain_interface in its config.json is the right one."
        ) from error
