"""What of a recorded step can be seen without a GPU."""

import copy

import torch

from dispatch_sb.training.cuda_graph import make_capturable


def steps(optimizer, parameter, count=3):
    """A few steps down a bowl."""
    for _ in range(count):
        optimizer.zero_grad()
        parameter.square().sum().backward()
        optimizer.step()


def test_what_is_saved_is_an_ordinary_optimizer():
    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([parameter], lr=0.1)
    steps(optimizer, parameter)
    before = copy.deepcopy(optimizer.state_dict())
    (rate,) = make_capturable(optimizer)
    (group,) = optimizer.param_groups
    assert group["capturable"] and group["lr"] is rate and rate == 0.1
    saved = optimizer.state_dict()
    assert (
        saved["param_groups"][0].items()
        >= {"capturable": False, "betas": (0.9, 0.999)}.items()
    )
    assert abs(saved["param_groups"][0]["lr"] - 0.1) < 1e-7
    for name, value in before["state"][0].items():
        assert saved["state"][0][name].equal(value), name
    again = torch.optim.AdamW([parameter], lr=0.5)
    again.load_state_dict(saved)
    steps(again, parameter)
