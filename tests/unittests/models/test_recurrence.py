"""Our GRU and attention are torch's, forward and backward; convolutions keep
channels adjacent in memory, forward and backward."""

import pytest
import torch
from torch import nn

from dispatch_sb.models import FastEnhancer
from dispatch_sb.models.layers import (
    BinNorm,
    Convolution,
    FrequencyAttention,
    Upsampling,
    beside,
)
from dispatch_sb.models.recurrence import GRU


def outputs_and_gradients(model, inputs, weights):
    """Of a weighted sum of all outputs, to inputs and parameters."""
    outputs = model(*inputs)
    if isinstance(outputs, torch.Tensor):
        outputs = (outputs,)
    total = sum((o * w).sum() for o, w in zip(outputs, weights))
    wanted = [*inputs, *model.parameters()]
    return [*outputs, *torch.autograd.grad(total, wanted)]


@pytest.mark.parametrize("steps", [1, 7])
def test_gru_is_torchs(steps):
    torch.manual_seed(0)
    ours, theirs = GRU(5, 3).double(), nn.GRU(5, 3).double()
    theirs.load_state_dict(ours.state_dict())
    shapes = [(steps, 4, 5), (1, 4, 3)]
    inputs = [torch.randn(*s).double().requires_grad_() for s in shapes]
    weights = torch.randn(steps, 4, 3), torch.randn(1, 4, 3)
    pairs = [outputs_and_gradients(m, inputs, weights) for m in (ours, theirs)]
    for mine, torchs in zip(*pairs):
        torch.testing.assert_close(mine, torchs)
    with torch.no_grad():
        torch.testing.assert_close(ours(*inputs)[0], pairs[0][0])


def test_attention_is_torchs():
    torch.manual_seed(0)
    layer = FrequencyAttention(12, heads=3).double()
    bands = torch.randn(4, 7, 12).double().requires_grad_()
    weights = [torch.randn(4, 7, 12)]
    ours = outputs_and_gradients(layer.train(), [bands], weights)
    torchs = outputs_and_gradients(layer.eval(), [bands], weights)
    for mine, theirs in zip(ours, torchs):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("bias", [False, True])
def test_a_pair_is_as_one_tensor(bias):
    torch.manual_seed(0)
    layer = Convolution(10, 4, 1, bias=bias).double()
    pair = [torch.randn(5, 16, n).double().mT.requires_grad_() for n in (6, 4)]
    weights, results = torch.randn(5, 4, 16).double(), []
    for training in (True, False):
        given = beside(*pair, layer.train(training))
        assert isinstance(given, tuple) == training
        output = layer(given)
        wanted = [*pair, *layer.parameters()]
        total = (output * weights).sum()
        results.append([output, *torch.autograd.grad(total, wanted)])
    for ours, theirs in zip(*results):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    "layer",
    [
        Convolution(6, 4, 3, padding=1),
        Convolution(6, 4, 8, 4, padding=2, bias=False),
        Upsampling(6, 2, 8, 4, padding=2),
        BinNorm(6),
    ],
    ids=str,
)
def test_the_order_in_memory_changes_nothing_else(layer):
    torch.manual_seed(0)
    layer, x = layer.double(), torch.randn(5, 6, 16).double()
    adjacent = x.mT.contiguous().mT
    results = []
    for given in (x.requires_grad_(), adjacent.requires_grad_()):
        weights = torch.linspace(-1, 1, layer(given).numel()).double()
        weights = weights.view_as(layer(given))
        results.append(outputs_and_gradients(layer, [given], [weights]))
    for plain, turned in zip(*results):
        torch.testing.assert_close(plain, turned)
    assert results[1][0].mT.is_contiguous()


def test_channels_stay_adjacent_throughout_the_network():
    torch.manual_seed(0)
    model, apart = FastEnhancer.from_size("T"), []

    def look(name, tensor):
        if not tensor.mT.is_contiguous():
            apart.append(name)

    for name, module in model.named_modules():
        if isinstance(module, (Convolution, BinNorm, nn.SiLU)):
            module.register_forward_hook(
                lambda m, given, out, n=name: look(n, out)
            )
            module.register_full_backward_hook(
                lambda m, to, given, n=name: look(f"{n}, back", given[0])
            )
    noisy = 0.1 * torch.randn(2, 4000)
    noisy.requires_grad_()
    model(noisy).square().sum().backward()
    assert apart == []
