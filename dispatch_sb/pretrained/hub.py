"""A teacher from a local folder or the Hugging Face hub, frozen.

Authors
 * The dispatch-sb contributors, 2026
"""

import os

from speechbrain.utils.logger import get_logger
from torch import nn

from dispatch_sb.pretrained import deepfilternet
from dispatch_sb.pretrained.clean import CleanTeacher
from dispatch_sb.pretrained.frozen import FrozenTeacher
from dispatch_sb.pretrained.loading import load_model
from dispatch_sb.pretrained.onnx_teacher import OnnxTeacher
from dispatch_sb.pretrained.probe import estimate_delay, forgets_level
from dispatch_sb.pretrained.recorded import RecordedTeacher, is_recording
from dispatch_sb.pretrained.sources import open_source

logger = get_logger(__name__)


def load_teacher(
    source: str | os.PathLike,
    revision: str | None = None,
    savedir: str | os.PathLike | None = None,
    device: str | None = None,
    sample_rate: int = 16000,
    resample: bool = False,
    delay: int = 0,
    match_level: bool | None = None,
) -> nn.Module:
    """Loads a pretrained enhancement network as a frozen teacher.

    A folder of enhanced files is a teacher too, a recorded one.

    A folder of SpeechBrain's format executes its ``hyperparams.yaml``, which
    may run any code: load only what you trust, and pin the revision. Our own
    models execute nothing.

    Arguments
    ---------
    source : str or path
        A local folder, or a hub id such as
        ``"speechbrain/metricgan-plus-voicebank"``; a folder of enhanced files
        with the names of the noisy ones; an ONNX file;
        ``"deepfilternet3"``; or ``"clean"``, the clean speech itself, a
        control.
    revision : str, optional
        Of a hub id: the commit (best: nothing changes under you, and a
        downloaded teacher needs no network), a tag or a branch. Without it the
        newest commit is taken and named in a warning.
    savedir : str or path, optional
        Where downloads are kept, by source and commit; by default
        ``huggingface_hub``'s cache.
    device : str, optional
        Where to put the teacher, such as ``"cuda"``.
    sample_rate : int
        Of the data, in Hz.
    resample : bool
        Whether a teacher of another rate is resampled rather than refused.
    delay : int
        Samples by which the teacher's output lags behind its input.
    match_level : bool, optional
        Whether the level of the input is restored by a least-squares gain. By
        default it is measured whether the teacher needs that.

    Returns
    -------
    FrozenTeacher, CleanTeacher or RecordedTeacher
        Waveforms [batch, samples] in and out; or what finds recordings. Its
        ``origin`` says where it came from:
        ``{"source": ..., "revision": commit or None}``.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or hub id, or files are missing from it.
    ConnectionError
        If the hub cannot be reached and the files are not there yet.
    ImportError
        If the package that a source needs is not installed.
    ValueError
        If the folder cannot be used, or the sample rate is another.

    Example
    -------
    >>> load_teacher("no/such/folder")
    Traceback (most recent call last):
    ...
    FileNotFoundError: There is no folder no/such/folder, ...
    """
    if source == "clean":
        return CleanTeacher(sample_rate)
    if is_recording(source):
        return RecordedTeacher(source, delay, sample_rate)
    model, commit = third_party(source, sample_rate), None
    if model is None:
        find, commit = open_source(source, revision, savedir)
        model = load_model(find, str(source))
    normalises = try_out(model, sample_rate, source)
    if match_level is None:
        match_level = normalises
        if normalises:
            logger.info("Teacher %s normalises its level: undone", source)
    teacher = FrozenTeacher(
        model,
        sample_rate=sample_rate,
        delay=delay,
        match_level=match_level,
        resample=resample,
    )
    teacher.origin = {"source": str(source), "revision": commit}
    return teacher if device is None else teacher.to(device)


def third_party(
    source: str | os.PathLike, sample_rate: int = 16000
) -> nn.Module | None:
    """Opens a source that is no folder and no model of the hub.

    Arguments
    ---------
    source : str or path
        ``"deepfilternet3"``, or a file ``*.onnx``.
    sample_rate : int
        Of the data, in Hz.

    Returns
    -------
    torch.nn.Module or None
        Waveforms [batch, samples] in and out; None for another source.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If the package that the source needs is not installed.
    ValueError
        If the file cannot be used.

    Example
    -------
    >>> third_party("a/folder") is None
    True
    """
    if str(source).lower() == deepfilternet.SOURCE:
        return deepfilternet.DeepFilterNet3(sample_rate)
    if str(source).lower().endswith(".onnx"):
        return open_onnx(source, sample_rate)
    return None


def open_onnx(source: str | os.PathLike, sample_rate: int) -> OnnxTeacher:
    """Opens an ONNX file, and measures its delay if nothing states it.

    Arguments
    ---------
    source : str or path
        The file.
    sample_rate : int
        In Hz, if nothing states it.

    Returns
    -------
    OnnxTeacher
        Aligned.
    """
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


def try_out(model: nn.Module, sample_rate: int, source) -> bool:
    """Runs a model once, so that what cannot run fails early.

    Arguments
    ---------
    model : torch.nn.Module
        Waveforms [batch, samples] in and out.
    sample_rate : int
        In Hz, where the model states none.
    source : str or path
        Where it comes from, for the message.

    Returns
    -------
    bool
        Whether it forgets the level of its input, see ``forgets_level``.

    Raises
    ------
    ValueError
        If it cannot enhance a waveform.

    Example
    -------
    >>> try_out(nn.Identity(), 16000, "here")
    False
    """
    try:
        return forgets_level(model, getattr(model, "sample_rate", sample_rate))
    except Exception as error:  # a foreign network raises anything
        raise ValueError(
            f"Teacher {source} cannot enhance a waveform "
            f"({type(error).__name__}: {error}): check that the "
            "speechbrain_interface in its config.json is the right one."
        ) from error
