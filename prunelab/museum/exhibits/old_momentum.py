"""Gradients are masked, the optimiser's memory is not."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from prunelab.museum import bench
from prunelab.museum.exhibit import Exhibit, Shown

SPARSITY, BEFORE, STEPS, LR = 0.9, 20, 12, 0.05
Batch = tuple[Tensor, Tensor]


def broken(net: nn.Module, masks: list[Tensor], optimiser: torch.optim.SGD, batch: Batch) -> None:
    """A step that leaves pruned weights alone."""
    optimiser.zero_grad()
    cross_entropy(net(batch[0]), batch[1]).backward()
    for weight, mask in zip(_weights(net), masks, strict=True):
        weight.grad *= mask
    optimiser.step()


def mended(net: nn.Module, masks: list[Tensor], optimiser: torch.optim.SGD, batch: Batch) -> None:
    """A step that leaves pruned weights alone."""
    optimiser.zero_grad()
    cross_entropy(net(batch[0]), batch[1]).backward()
    for weight, mask in zip(_weights(net), masks, strict=True):
        weight.grad *= mask
        optimiser.state[weight]["momentum_buffer"] *= mask
    optimiser.step()


def _weights(net: nn.Module) -> list[nn.Parameter]:
    return [m.weight for m in net.modules() if isinstance(m, nn.Linear)]


def _trained(net: nn.Module, optimiser: torch.optim.SGD, batches: list[Batch]) -> None:
    for x, y in batches:
        optimiser.zero_grad()
        cross_entropy(net(x), y).backward()
        optimiser.step()


def show() -> Shown:
    """Zeros left after each step of one optimiser that goes on from before the pruning."""
    data, net = bench.digits(), bench.mlp()
    optimiser = torch.optim.SGD(net.parameters(), LR, momentum=0.9)
    batches = list(zip(data.x.split(32), data.y.split(32), strict=True))
    _trained(net, optimiser, batches[:BEFORE])
    masks = []
    for weight in _weights(net):
        line = weight.detach().abs().flatten().kthvalue(round(SPARSITY * weight.numel())).values
        masks.append((weight.detach().abs() > line).float())
        weight.data *= masks[-1]
    told = bench.zeros(net)
    left = [told]
    for batch in batches[BEFORE : BEFORE + STEPS]:
        broken(net, masks, optimiser, batch)
        left.append(bench.zeros(net))
    steps = [float(n) for n in range(len(left))]
    return Shown(steps, [told] * len(left), left, at=len(left) - 1)


EXHIBIT = Exhibit(
    title="Moved by its past",
    scene=(
        "In the middle of training a tool sets 90 % of the weights to zero and multiplies their "
        "gradients by the mask, so that they stay there. The training goes on."
    ),
    says="{printed} of the weights are zero and have no gradient.",
    is_true="{x} steps later {true} are zero.",
    options=(
        "Multiplying gradients makes them too small",
        "The masks were computed from the wrong batch",
        "The optimiser still carries the momentum from before, and moves the weights by it",
        "Rounding errors add up to small weights",
    ),
    answer=2,
    why=(
        "Momentum is a running sum of earlier gradients. With no gradient it shrinks by a tenth "
        "each step, and every step moves the weight by it. Adam's averages do the same, and "
        "weight decay cannot bring a weight back to exactly zero."
    ),
    instead=(
        "Here a mask is applied to weights, gradients and every buffer of the optimiser; the zeros "
        "are counted in every epoch."
    ),
    axes=("steps after pruning", "zeros"),
    unit="%",
    broken=broken,
    mended=mended,
    show=show,
    link="training",
)
