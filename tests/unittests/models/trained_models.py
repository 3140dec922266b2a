"""Networks as after a training, without one.

Authors
 * The dispatch-sb contributors, 2026
"""

import torch
from torch import nn


def trained_like(model):
    """Seeded weights and statistics of norms far from where they begin, so
    that everything in the network matters; in eval mode."""
    torch.manual_seed(0)
    for parameter in model.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter, 0.5, 0.3)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model.eval()
