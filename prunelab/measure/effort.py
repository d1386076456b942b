"""What training costs: floating-point operations of one example, there and back."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from prunelab.surgery.trace import quietly


def effort(net: nn.Module, example: Tensor) -> int:
    """FLOPs (two a multiply-add) of one example forward and backward, by torch's own counter.

    Zeros count: a masked network is multiplied as it is. The optimiser's step is not counted.
    """
    twin = copy.deepcopy(net).eval()
    for parameter in twin.parameters():
        parameter.requires_grad_(True)
    counter = FlopCounterMode(display=False)
    with quietly(), sdpa_kernel(SDPBackend.MATH), torch.enable_grad(), counter:
        twin(example[:1]).sum().backward()
    return int(counter.get_total_flops())
