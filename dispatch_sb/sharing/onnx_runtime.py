"""Runs a file of `dispatch-sb onnx`: needs numpy and onnxruntime only, so
this one file can be copied into other people's programs.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import os
from typing import NamedTuple

import numpy as np
import onnxruntime

# Of full scale, -200 dB: less becomes zero, since numbers of 1e-38 and below,
# which squares and powers of it are, take a processor twice the time.
INAUDIBLE = 1e-10


class OnnxState(NamedTuple):
    """All that a stream remembers between two calls.

    Arguments
    ---------
    waiting : np.ndarray
        Samples that are not a whole hop yet, ``[less than hop]``.
    tensors : tuple of np.ndarray
        The network's states, in the order of the file.
    lead : int
        Samples of output still to drop: they precede the stream.
    pending : int
        Samples that came in and have not come out.
    """

    waiting: np.ndarray
    tensors: tuple
    lead: int
    pending: int


class OnnxEnhancer:
    """Enhances a stream, or a whole recording, with an ONNX file.

    What it has to know, it reads from the file's metadata. Nothing is kept
    between calls but the state that the caller holds.

    Arguments
    ---------
    path : str, os.PathLike or bytes
        A file that `dispatch-sb onnx` wrote, or its content.
    threads : int
        Of onnxruntime. One hop is too little work to share: leave it at 1.
    keep : float, optional
        How much of the noise stays, in dB, 0 or less; minus infinity: nothing
        of it. Default: what the file says, else nothing. What the network
        takes away comes back so much quieter.

    Attributes
    ----------
    metadata : dict
        Everything that the file says of itself, as text.
    sample_rate : int
        In Hz.
    hop : int
        Samples of one run of the network.
    latency : int
        A sample comes out at most so many samples after it came in.
    gain : float
        Of what the network takes away, from 0 to 1: ``keep`` as a factor.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no such file, or ``keep`` is above 0 dB.

    Example
    -------
    >>> OnnxEnhancer("no/such/file.onnx")
    Traceback (most recent call last):
    ...
    FileNotFoundError: no/such/file.onnx does not exist: ...
    """

    def __init__(
        self,
        path: str | os.PathLike | bytes,
        threads: int = 1,
        keep: float | None = None,
    ):
        self._session = open_session(path, threads)
        try:
            meta = self._session.get_modelmeta().custom_metadata_map
            self.sample_rate = int(meta["sample_rate"])
            self.hop = int(meta["hop"])
            self.latency = int(meta["latency"])
            self._shapes = json.loads(meta["states"])
            said = float(meta.get("keep", "-inf"))
            self._try_out(said)
        except Exception as error:  # onnxruntime's own classes, by version
            raise ValueError(
                f"{_name(path)} has no metadata of dispatch-sb, or does not "
                f"run as they say ({error!r}): write it with "
                "`dispatch-sb onnx`."
            ) from error
        self.metadata = dict(meta)
        keep = said if keep is None else keep
        if not keep <= 0:  # nor NaN
            raise ValueError(f"keep is {keep}: give dB, 0 or less, as in -12.")
        self.gain = 10 ** (keep / 20)

    def _try_out(self, keep: float) -> None:
        """Raises an error unless one hop runs as the metadata say."""
        self.gain = 10 ** (keep / 20)
        if not (0 < self.hop <= self.latency and self.sample_rate > 0):
            raise ValueError("numbers that no stream has")
        state = self.initial_state()
        silence = np.zeros((1, self.hop), np.float32)
        after = self.step(silence, *state.tensors)
        shapes = [silence.shape, *(x.shape for x in state.tensors)]
        if [x.shape for x in after] != shapes or not keep <= 0:
            raise ValueError(f"it gives {[x.shape for x in after]}")

    def initial_state(self) -> OnnxState:
        """The state before the first sample.

        Returns
        -------
        OnnxState
            Zeros.
        """
        zeros = [np.zeros(shape, np.float32) for shape in self._shapes.values()]
        nothing = np.zeros(0, np.float32)
        return OnnxState(nothing, tuple(zeros), self.latency - self.hop, 0)

    def __call__(
        self, samples: np.ndarray, state: OnnxState
    ) -> tuple[np.ndarray, OnnxState]:
        """Takes the next samples of a stream.

        Arguments
        ---------
        samples : np.ndarray
            ``[any number]``. NaN and infinite samples count as zero: in the
            network's memory they would spoil all that follows. So do those
            below 1e-10, which only take time.
        state : OnnxState
            From `initial_state` or the previous call; not changed.

        Returns
        -------
        np.ndarray
            ``[ready]``, float32: the next enhanced samples, perhaps none.
        OnnxState
            For the next call.

        Raises
        ------
        ValueError
            If the samples have more than one dimension.
        """
        samples = np.asarray(samples, dtype=np.float32)
        if samples.ndim != 1:
            raise ValueError(
                f"A block must be [samples], got {list(samples.shape)}: give "
                "every channel a stream of its own."
            )
        heard = np.isfinite(samples) & (np.abs(samples) > INAUDIBLE)
        if not heard.all():
            samples = np.where(heard, samples, np.float32(0))
        waiting = np.concatenate([state.waiting, samples])
        hops, tensors = [waiting[:0]], state.tensors
        whole = len(waiting) // self.hop * self.hop
        for start in range(0, whole, self.hop):
            hop, *tensors = self.step(
                waiting[None, start : start + self.hop], *tensors
            )
            hops.append(hop[0])
        ready = np.concatenate(hops)
        lead = min(state.lead, len(ready))
        pending = state.pending + len(samples) - (len(ready) - lead)
        left = waiting[whole:].copy()
        state = OnnxState(left, tuple(tensors), state.lead - lead, pending)
        return ready[lead:], state

    def step(
        self, samples: np.ndarray, *tensors: np.ndarray
    ) -> list[np.ndarray]:
        """Runs the network on one hop.

        Arguments
        ---------
        samples : np.ndarray
            ``[1, hop]``, float32.
        *tensors : np.ndarray
            The states, in the order of the file.

        Returns
        -------
        list of np.ndarray
            The enhanced hop ``[1, hop]``, ``latency - hop`` samples late, and
            the next states.
        """
        states = dict(zip(self._shapes, tensors))
        hop, *after = self._session.run(None, {"samples": samples, **states})
        if self.gain:  # the input of the same moment, as late as the output
            frame = np.concatenate([states["history"], samples], axis=1)
            hop += np.float32(self.gain) * (frame[:, : self.hop] - hop)
        return [hop, *after]

    def finish(self, state: OnnxState) -> np.ndarray:
        """What is still inside when the stream ends.

        Arguments
        ---------
        state : OnnxState
            After the last samples.

        Returns
        -------
        np.ndarray
            ``[pending]``, float32.
        """
        ready, _ = self(np.zeros(self.latency, np.float32), state)
        return ready[: state.pending]

    def enhance(self, samples: np.ndarray) -> np.ndarray:
        """Enhances a whole recording.

        Arguments
        ---------
        samples : np.ndarray
            ``[samples]``, at ``sample_rate``, full scale 1.0.

        Returns
        -------
        np.ndarray
            ``[samples]``, float32, aligned with the input.
        """
        ready, state = self(samples, self.initial_state())
        return np.concatenate([ready, self.finish(state)])


def open_session(
    path: str | os.PathLike | bytes, threads: int = 1
) -> onnxruntime.InferenceSession:
    """Opens a file on the CPU.

    Arguments
    ---------
    path : str, os.PathLike or bytes
        An ONNX file or its content.
    threads : int
        How many onnxruntime may use.

    Returns
    -------
    onnxruntime.InferenceSession
        Ready to run.
    """
    if not isinstance(path, bytes):
        path = os.fspath(path)
        if not os.path.isfile(path):
            raise FileNotFoundError(
                f"{path} does not exist: write it with `dispatch-sb onnx`."
            )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Weights that were stored in 8 bits become floats once, not in every run.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    try:
        return onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's own classes, by version
        raise ValueError(
            f"{_name(path)} is no ONNX file that this onnxruntime reads "
            f"({type(error).__name__}: {error})."
        ) from error


def _name(path: str | os.PathLike | bytes) -> str:
    """What messages call a file."""
    return "the content" if isinstance(path, bytes) else os.fspath(path)
