"""Any enhancement model in an ONNX file as a module: waveform to waveform.

Authors
 * The dispatch-sb contributors, 2026
"""

import functools
import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn
from torch.nn import functional as F

from dispatch_sb.pretrained.onnx_data import check_external_data
from dispatch_sb.pretrained.onnx_signature import (
    AXES,
    WINDOWS,
    find_signature,
    read_description,
)

LONGEST = 60.0  # s that a first run may take: of one block, or of a second
GPU = "CUDAExecutionProvider"
TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}


class OnnxTeacher(nn.Module):
    """Enhances waveforms with an ONNX file, whole or block by block.

    A model whose input may have any length is given the whole waveform, one
    that takes a fixed number of samples or frames is run as a stream, its
    states beginning with zeros in every utterance. onnxruntime uses one
    thread, and the GPU if the waveforms are on it and it can. There are no
    parameters in torch's sense; the buffer ``file_hash`` stands for them.

    Arguments
    ---------
    path : str or path
        ``model.onnx``; what it does not tell stands in ``model.yaml`` beside
        it, see ``Signature``.
    sample_rate : int
        In Hz, if neither of them states it.

    Attributes
    ----------
    delay : int or None
        Samples by which the model's output is late: removed. None if nothing
        states it; measure it with ``estimate_delay`` and set it.
    recommended_keep : str or None
        How much of the noise is to stay, in dB, as the file says: for who
        enhances with it. Its answers are without.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged or ambiguous, or the YAML does not fit it.

    Example
    -------
    >>> OnnxTeacher("no/such/model.onnx")
    Traceback (most recent call last):
    ...
    FileNotFoundError: There is no file no/such/model.onnx: check the path.
    """

    def __init__(self, path: str | os.PathLike, sample_rate: int = 16000):
        super().__init__()
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f"There is no file {path}: check the path.")
        check_external_data(self.path)
        digest = hashlib.sha256(self.path.read_bytes()).digest()
        self.register_buffer("file_hash", torch.tensor(list(digest)).byte())
        self._sessions = {}  # by kind of device; not pickled
        session = self._session("cpu")
        try:
            metadata = session.get_modelmeta().custom_metadata_map
        except ValueError as error:  # no UTF-8
            raise ValueError(
                f"{path} is damaged (its metadata: {error}): download or "
                "export it again."
            ) from error
        said = read_description(self.path, metadata)
        try:
            ports = session.get_inputs()
            self.signature = find_signature(ports, session.get_outputs(), said)
            self._ports = {p.name: (_sizes(p), TYPES[p.type]) for p in ports}
            # Samples or frames that a run takes, None for all of an utterance;
            # and samples that it gives.
            self.block = self._block()
            self.hop = self._hop()
        except (ValueError, KeyError) as error:
            yaml = self.path.with_suffix(".yaml")
            raise ValueError(
                f"{self.path} cannot be used as it is: {error}; a file {yaml} "
                "beside it says what it does not, see An ONNX file as teacher "
                "in the documentation."
            ) from error
        self.sample_rate = self.signature.sample_rate or sample_rate
        self.delay = self.signature.delay
        ours = "dispatch_sb_version" in metadata
        self.recommended_keep = metadata.get("keep") if ours else None

    def __getstate__(self) -> dict:
        """All but the sessions, which are opened again where it arrives."""
        return {**self.__dict__, "_sessions": {}}

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        """Enhances a batch.

        Arguments
        ---------
        noisy : torch.Tensor
            Waveforms [batch, samples] at ``sample_rate``.

        Returns
        -------
        torch.Tensor
            Float32 [batch, samples]; no gradient goes through it.
        """
        delay, samples = self.delay or 0, noisy.shape[1]
        session = self._session(noisy.device.type)
        waiting = F.pad(noisy.detach().float().cpu(), (0, delay))
        rows = waiting.split(len(waiting) if self._takes_batches() else 1)
        run = self._spectra if self.signature.spectral else self._samples
        enhanced = torch.cat([run(session.run, row) for row in rows])
        enhanced = enhanced[:, delay : delay + samples]
        short = samples - enhanced.shape[1]
        return F.pad(enhanced, (0, short)).to(noisy.device)

    def _samples(self, ask: Callable, noisy: torch.Tensor) -> torch.Tensor:
        """Waveforms [batch, samples] through a model of waveforms."""
        batch, samples = noisy.shape
        block, hop = self.block or samples, self.hop or samples
        noisy = F.pad(noisy, (block - hop, -samples % hop))
        axes = len(self._ports[self.signature.audio_input][0])
        lead = [batch, 1, 1, 1][: axes - 1]
        blocks = noisy.unfold(1, block, hop).unbind(1)  # of (B, block)
        answers = self._run(ask, [x.reshape(*lead, -1) for x in blocks])
        return torch.cat([x.reshape(batch, -1) for x in answers], dim=1)

    def _spectra(self, ask: Callable, noisy: torch.Tensor) -> torch.Tensor:
        """Waveforms [batch, samples] through a model of spectra."""
        spectral, samples = self.signature.spectral, noisy.shape[1]
        settings = {
            "n_fft": spectral.n_fft,
            "hop_length": spectral.hop,
            "window": WINDOWS[spectral.window](spectral.n_fft),
            "center": True,
        }
        # A reflected edge needs more samples than half a window.
        noisy = F.pad(noisy, (0, max(spectral.n_fft - samples, 0)))
        parts = torch.stft(noisy, **settings, return_complex=True)
        parts = torch.view_as_real(parts)  # (B, F, T, 2)
        frames = parts.shape[2]
        size = self.block or frames
        blocks = F.pad(parts, (0, 0, 0, -frames % size)).split(size, dim=2)
        order = [AXES.index(axis) for axis in spectral.layout]
        back = [spectral.layout.index(axis) for axis in AXES]
        answers = self._run(ask, [block.permute(order) for block in blocks])
        enhanced = torch.cat([x.permute(back) for x in answers], dim=2)
        enhanced = torch.view_as_complex(enhanced[:, :, :frames].contiguous())
        return torch.istft(enhanced, **settings, length=samples)

    def _run(self, ask: Callable, blocks: list) -> list[torch.Tensor]:
        """Runs the model from its first state, block by block."""
        said = self.signature
        states = {}
        for name in said.states:
            sizes, kind = self._ports[name]
            states[name] = np.zeros([size or 1 for size in sizes], kind)
        _, kind = self._ports[said.audio_input]
        names = [said.audio_output, *said.states.values()]
        answers = []
        for block in blocks:
            given = {said.audio_input: block.numpy().astype(kind), **states}
            answer, *following = ask(names, given)
            states = dict(zip(said.states, following))
            answers.append(torch.from_numpy(answer.astype(np.float32)))
        return answers

    def _takes_batches(self) -> bool:
        """Whether one run may take several waveforms."""
        sizes, _ = self._ports[self.signature.audio_input]
        layout = self.signature.spectral and self.signature.spectral.layout
        first = layout[0] == "batch" if layout else len(sizes) > 1
        return first and sizes[0] is None and not self.signature.states

    def _block(self) -> int | None:
        """Samples or frames that a run takes, as file and YAML say."""
        said = self.signature
        sizes, _ = self._ports[said.audio_input]
        if said.spectral:
            if len(sizes) != len(AXES):
                raise ValueError(
                    f"{said.audio_input} has {len(sizes)} axes, a spectral "
                    f"input {len(AXES)}"
                )
            return sizes[said.spectral.layout.index("frames")]
        if any(size not in (None, 1) for size in sizes[:-1]):
            raise ValueError(
                f"{said.audio_input} has the shape {sizes}, which is that of "
                "no waveform: describe it under spectral"
            )
        fixed = sizes[-1]
        if fixed is not None and said.window not in (None, fixed):
            raise ValueError(f"window is {said.window}, the file has {fixed}")
        block = fixed or said.window or said.hop
        # A stream of fixed blocks has states, and one with states has blocks.
        if bool(block) != bool(said.states) and not said.hop:
            raise ValueError("nothing says how many samples a run takes: hop")
        return block

    def _hop(self) -> int | None:
        """Samples that a run gives, told by running a block of silence."""
        said, block = self.signature, self.block
        stop = onnxruntime.RunOptions()  # loops may have no end
        timer = threading.Timer(LONGEST, setattr, (stop, "terminate", True))
        timer.start()
        try:
            ask = functools.partial(self._session("cpu").run, run_options=stop)
            if said.spectral:
                self._spectra(ask, torch.zeros(1, 4 * said.spectral.n_fft))
                return None
            self.hop = block
            silence = torch.zeros(1, block or 16000)
            hop = self._samples(ask, silence).shape[1]
        except Exception as error:  # onnxruntime's own classes, by version
            raise ValueError(f"it does not run ({error})") from error
        finally:
            timer.cancel()
        if block and (hop > block or said.hop not in (None, hop)):
            raise ValueError(
                f"a run of {block} samples gives {hop}, but hop is "
                f"{said.hop or block}"
            )
        return hop if block else None

    def _session(self, kind: str) -> onnxruntime.InferenceSession:
        """The session of one thread for tensors of a kind of device."""
        if kind in self._sessions:
            return self._sessions[kind]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors: they also come as exceptions
        providers = ["CPUExecutionProvider"]
        if kind == "cuda" and GPU in onnxruntime.get_available_providers():
            providers.insert(0, GPU)
        try:
            self._sessions[kind] = onnxruntime.InferenceSession(
                str(self.path), options, providers=providers
            )
        except Exception as error:  # onnxruntime's own classes, by version
            raise ValueError(
                f"{self.path} is damaged, or no ONNX file that this "
                f"onnxruntime reads ({error}): download or export it again."
            ) from error
        return self._sessions[kind]


def _sizes(port) -> list[int | None]:
    """A shape, with None for sizes that are free."""
    return [size if isinstance(size, int) else None for size in port.shape]
