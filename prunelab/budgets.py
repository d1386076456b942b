"""Budgets: as few units go as a cost allows, counted or timed on the network without them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from prunelab.masks import Masks
from prunelab.measure.latency import latency
from prunelab.measure.macs import macs
from prunelab.spec import SpecError
from prunelab.speech import mark

WORDS = {
    "params": mark("parameters"),
    "macs": mark("multiply-adds"),
    "bytes": mark("bytes"),
    "latency": mark("time for a batch"),
}


class Met(NamedTuple):
    """The masks that meet a budget, and the share of the cost that is left."""

    mask: Masks
    after: float


def meet(
    kind: str,
    sparsity: float,
    units: int,
    choose: Callable[[float], Masks],
    shrink: Callable[[Masks], nn.Module],
    example: Tensor,
) -> Met:
    """The fewest units to remove so that at most 1 − sparsity of the dense cost is left.

    Args:
        kind: "params", "macs", "bytes" or "latency".
        sparsity: share of the cost that is to go.
        units: how many there are.
        choose: the masks at a sparsity of units.
        shrink: the network without what a mask removes.
        example: inputs to count or time the network on.

    Raises:
        SpecError: not even the smallest network meets the budget.
    """
    dense = shrink(choose(0.0)).eval()
    cost = functools.partial(_cost, kind, dense, example)
    before, low, high = cost(dense), 0, units - 1
    goal = (1 - sparsity) * before
    found: dict[int, Masks] = {}

    def at(gone: int) -> float:
        found[gone] = choose(gone / units)
        return cost(shrink(found[gone]))

    least = at(high)
    if least > goal:
        raise SpecError(
            f"The budget cannot be met: at most {1 - least / before:.1%} of the {WORDS[kind]} can "
            f"go, {sparsity:.1%} were asked for; ask for less."
        )
    costs = {high: least}
    while low < high:
        middle = (low + high) // 2
        costs[middle] = at(middle)
        low, high = (low, middle) if costs[middle] <= goal else (middle + 1, high)
    return Met(found[high], costs[high] / before)


def rounded(keep: Mapping[str, int], sizes: Mapping[str, int], multiple: int) -> dict[str, int]:
    """Counts of what stays, up to the next multiple; never more than there is.

    >>> rounded({"a": 5, "b": 9}, {"a": 16, "b": 10}, 8)
    {'a': 8, 'b': 10}
    """
    return {name: min(sizes[name], -(-n // multiple) * multiple) for name, n in keep.items()}


def _cost(kind: str, dense: nn.Module, example: Tensor, net: nn.Module) -> float:
    if kind == "params":
        return float(sum(p.numel() for p in net.parameters()))
    if kind == "macs":
        return float(sum(macs(net, example[:1]).values()))
    if kind == "bytes":
        return float(sum(t.numel() * t.element_size() for t in net.state_dict().values()))
    return _relative(dense, net.eval(), example)


def _relative(dense: nn.Module, net: nn.Module, example: Tensor) -> float:
    """The time of a network for a batch, as a share of that of the dense one, timed in turn."""

    def call(one: nn.Module) -> Any:
        with torch.inference_mode():
            return one(example)

    if net is dense:
        return 1.0
    timed = latency({"dense": lambda: call(dense), "net": lambda: call(net)})
    return float(timed["net"]["median"] / timed["dense"]["median"])
