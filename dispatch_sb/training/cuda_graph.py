"""A training step that is recorded once, as a CUDA graph, and then replayed.

A small student's step is about a thousand short kernels; at a small batch the
GPU waits for the host that launches them. A graph launches all of them at
once. See https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import speechbrain as sb
import torch
from speechbrain.dataio.batch import PaddedData
from speechbrain.utils.logger import get_logger

from dispatch_sb.training.distillation_mixin import TermAverages

logger = get_logger(__name__)

# Steps that are made as usual first: what torch plans at its first calls must
# not become part of the graph.
WARM_UP = 3
AVERAGES = ("averages", "distillation_averages")
# Numbers that a graph would repeat as they were when it was recorded.
NUMBERS = ("distillation_weight", "distillation_share", "supervised_weight")


class CudaGraphStep:
    """Makes the steps of a Brain; the same computation as its ``fit_batch``,
    on batches of one shape. A batch of another shape takes a usual step.

    Arguments
    ---------
    brain : DistillationBrain
        Trains on one CUDA device, in float32 or bfloat16, with an optimizer
        that takes ``capturable``, and without schedules but that of the
        learning rate.

    Raises
    ------
    ValueError
        If the Brain's step cannot be a graph.
    """

    def __init__(self, brain: sb.Brain):
        check_recordable(brain)
        self.brain = brain
        self.steps = 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.rates = make_capturable(brain.optimizer)

    def __call__(self, batch: Any) -> torch.Tensor:
        """Makes a step.

        Arguments
        ---------
        batch : PaddedBatch
            Of which the signals are used.

        Returns
        -------
        torch.Tensor
            The loss, detached, on the CPU.
        """
        brain, batch = self.brain, batch.to(self.brain.device)
        signals = _signals(batch)
        brain.on_fit_batch_start(batch, True)
        self._take_rates()
        self.steps += 1
        if self.steps <= WARM_UP:
            return self._usual_step(batch)
        if self.graph is None:
            self._record(signals)
        if not self._takes(signals):
            return self._usual_step(batch)
        for name, signal in signals.items():
            for kept, given in zip(self.inputs[name], signal):
                kept.copy_(given)
        self.graph.replay()
        brain.check_loss_isfinite(self.loss)
        for name, terms in self.terms.items():
            getattr(brain, name).add(terms)
        brain.optimizer_step += 1
        brain.on_fit_batch_end(batch, self.outputs, self.loss, True)
        return self.loss.detach().cpu()

    def _take_rates(self) -> None:
        """Moves the rates that a schedule has set to where the graph reads
        them."""
        for group, kept in zip(self.brain.optimizer.param_groups, self.rates):
            if group["lr"] is not kept:
                kept.fill_(group["lr"])
                group["lr"] = kept

    def _usual_step(self, batch) -> torch.Tensor:
        """A step as a Brain makes it, beside the stream that will record."""
        stream, now = torch.cuda.Stream(), torch.cuda.current_stream()
        stream.wait_stream(now)
        with torch.cuda.stream(stream):
            loss, outputs = self._forward(batch)
            self.brain.check_loss_isfinite(loss)
            self._backward(loss)
        now.wait_stream(stream)
        self.brain.optimizer.zero_grad(set_to_none=True)
        self.brain.optimizer_step += 1
        self.brain.on_fit_batch_end(batch, outputs, loss, True)
        return loss.detach().cpu()

    def _forward(self, batch) -> tuple:
        """Loss and outputs."""
        brain = self.brain
        with brain.training_ctx:
            outputs = brain.compute_forward(batch, sb.Stage.TRAIN)
            loss = brain.compute_objectives(outputs, batch, sb.Stage.TRAIN)
        return loss, outputs

    def _backward(self, loss: torch.Tensor) -> None:
        """Gradients, clipped as SpeechBrain does, and the optimizer's step."""
        loss.backward()
        optimizer = self.brain.optimizer
        torch.nn.utils.clip_grad_norm_(
            optimizer.param_groups[0]["params"], self.brain.max_grad_norm
        )
        optimizer.step()

    def _record(self, signals: Mapping) -> None:
        """Records a step, which does not make it."""
        brain = self.brain
        self.inputs = {
            name: PaddedData(*(tensor.clone() for tensor in signal))
            for name, signal in signals.items()
        }
        batch = SimpleNamespace(**self.inputs, to=lambda device: batch)
        followed = {name: getattr(brain, name) for name in AVERAGES}
        for name in AVERAGES:
            setattr(brain, name, TermAverages())
        brain.optimizer.zero_grad(set_to_none=True)
        torch.cuda.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(self.graph):
                self.loss, self.outputs = self._forward(batch)
                self._backward(self.loss)
            self.terms = {n: getattr(brain, n).sums for n in AVERAGES}
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0]
            raise ValueError(
                "cuda_graph: True, but the step cannot be recorded, since "
                f"something in it needs the host ({reason}): give "
                "cuda_graph: False."
            ) from error
        finally:
            for name, averages in followed.items():
                setattr(brain, name, averages)
        logger.info("The training step is recorded as a CUDA graph.")

    def _takes(self, signals: Mapping) -> bool:
        """Whether a batch has the shape of the recorded one."""
        shapes = [
            {name: signal.data.shape for name, signal in found.items()}
            for found in (signals, self.inputs)
        ]
        return shapes[0] == shapes[1]


def check_recordable(brain: sb.Brain) -> None:
    """Raises ValueError unless a Brain's step can be a CUDA graph.

    Arguments
    ---------
    brain : DistillationBrain
        With its optimizer.

    Example
    -------
    >>> check_recordable(SimpleNamespace(device="cpu"))
    Traceback (most recent call last):
    ValueError: cuda_graph: True needs a GPU of CUDA, but device is cpu.
    """
    if torch.device(brain.device).type != "cuda":
        raise ValueError(
            "cuda_graph: True needs a GPU of CUDA, but device is "
            f"{brain.device}."
        )
    selection = getattr(
        getattr(brain.hparams, "distillation_loss", None), "selection", None
    )
    numbers = {name: getattr(brain.hparams, name, None) for name in NUMBERS}
    numbers["the ratio of selection"] = getattr(selection, "schedule", None)
    wrong = [name for name, value in numbers.items() if callable(value)]
    if wrong:
        raise ValueError(
            "cuda_graph: True repeats its numbers, but "
            f"{' and '.join(wrong)} changes with the training: give a number, "
            "or cuda_graph: False."
        )
    reasons = {
        "several processes": brain.distributed_launch,
        "precision fp16": brain.scaler.is_enabled(),
        "grad_accumulation_factor": brain.grad_accumulation_factor > 1,
        "an optimizer without capturable": "capturable"
        not in brain.optimizer.defaults,
    }
    for reason, holds in reasons.items():
        if holds:
            raise ValueError(
                f"cuda_graph: True does not go with {reason}: give "
                "cuda_graph: False."
            )


def make_capturable(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    """Lets a CUDA graph make the steps of an optimizer, whose checkpoints stay
    those of an ordinary one.

    Arguments
    ---------
    optimizer : torch.optim.Optimizer
        With the option ``capturable``, such as AdamW.

    Returns
    -------
    list of torch.Tensor
        For every group the scalar, on its device, that holds its rate.
    """
    rates = []
    for group in optimizer.param_groups:
        device = group["params"][0].device
        rates.append(torch.tensor(float(group["lr"]), device=device))
        group.update(capturable=True, lr=rates[-1])
        for parameter in group["params"]:
            state = optimizer.state.get(parameter, {})
            if "step" in state:
                state["step"] = state["step"].to(device)
    optimizer.register_state_dict_post_hook(_make_ordinary)
    return rates


def _make_ordinary(optimizer, state_dict: dict) -> dict:
    """What an optimizer saves, without what only a graph needs."""
    groups = [
        {**group, "lr": float(group["lr"]), "capturable": False}
        for group in state_dict["param_groups"]
    ]
    state = {
        key: {**kept, "step": kept["step"].cpu()}
        for key, kept in state_dict["state"].items()
    }
    return {**state_dict, "param_groups": groups, "state": state}


def _signals(batch) -> dict[str, PaddedData]:
    """The signals of a batch, by name."""
    names = ("noisy_sig", "clean_sig", "teacher_sig")
    return {n: getattr(batch, n) for n in names if hasattr(batch, n)}
