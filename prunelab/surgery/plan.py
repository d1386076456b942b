"""What can be removed from a network for real, and why the rest cannot."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from prunelab.surgery.classes import axes_of, classes_of, named, reasons
from prunelab.surgery.cut import Class, apply_indices, cover, keep_indices
from prunelab.surgery.trace import call, quietly, state, trace

TOLERANCE = 1e-9  # the probe computes in float64


@dataclass(frozen=True)
class Plan:
    """The classes of a network, and by layer name the reason why others are fixed."""

    classes: tuple[Class, ...]
    frozen: dict[str, str]


def plan(net: nn.Module, example: Any) -> Plan:
    """Find what can be removed from a network, and try each removal once on a copy.

    Args:
        net: any network whose forward is ordinary PyTorch; it is left as it was.
        example: an input of a few examples: a tensor, or a tuple of arguments.
    """
    seen = trace(net, example)
    axes = axes_of(seen)
    candidates = named([c for c in classes_of(seen, net, axes) if c.size > 1])
    failed = _failed(net, example, candidates)
    offered = named([c for c in candidates if c.name not in failed])
    removable = {name for c in offered for name in c.producers}
    frozen = reasons(seen, net, axes, offered)
    for c in candidates:
        if c.name in failed:
            own = [name for name in c.producers if name not in removable] or [f"{c.name} in groups"]
            frozen |= dict.fromkeys(own, failed[c.name])
    return Plan(tuple(offered), frozen)


def _failed(net: nn.Module, example: Any, candidates: list[Class]) -> dict[str, str]:
    """Why some cannot be removed, by name; they are tried together, singly only if that fails."""
    if not candidates or not _probe(net, example, candidates):
        return {}
    good: list[Class] = []
    failed = {}
    for candidate in candidates:
        if reason := _probe(net, example, [*good, candidate]):
            failed[candidate.name] = reason
        else:
            good.append(candidate)
    return failed


def apart(net: nn.Module, small: nn.Module, example: Any) -> float:
    """How far the answers of two networks to an example are from each other, in float64."""
    one, other = (copy.deepcopy(each).eval().double() for each in (net, small))
    with quietly():
        return _differ(call(one, _double(example)), call(other, _double(example)))


def _differ(one: Any, other: Any) -> float:
    """The largest difference between two answers, relative to the largest entry from 1 on."""
    largest, error = 1.0, 0.0
    for a, b in zip(_numbers(one), _numbers(other), strict=True):
        if a.shape != b.shape or not (a.isfinite().all() and b.isfinite().all()):
            return math.inf
        largest = max(largest, float(a.abs().max()))
        error = max(error, float((a - b).abs().max()))
    return error / largest


def _probe(net: nn.Module, example: Any, classes: list[Class]) -> str:
    """Why these classes cannot be removed together, or nothing.

    The weights of the copy are disturbed: a fresh normalisation or a zero would hide a mistake.
    """
    tried, masks = _disturbed(net), _some(classes)
    try:
        small = apply_indices(tried, keep_indices(classes, masks))
        zero(tried, cover(classes, tried, masks))
        error = apart(tried, small, _uneven(example))
    except Exception as problem:  # noqa: BLE001 - however foreign code fails, it cannot shrink
        first = str(problem).strip().partition("\n")[0]
        return f"the small network does not run ({type(problem).__name__}: {first})"
    return "" if error <= TOLERANCE else f"the small network differs by {error:.1e}"


def _disturbed(net: nn.Module) -> nn.Module:
    copied = copy.deepcopy(net).eval().double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _, tensor in state(copied):
            if tensor.is_floating_point():
                noise = _noise(tensor, generator)
                tensor.mul_(1 + noise / 2).add_(noise / 10)
    return copied


def _uneven(example: Any) -> Any:
    """The example as float64 and with noise: a blank one would say nothing."""
    if isinstance(example, tuple):
        return tuple(_uneven(x) for x in example)
    if isinstance(example, Tensor) and example.is_floating_point():
        return example.double() + _noise(example, torch.Generator().manual_seed(1))
    return example


def _noise(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(like.shape, generator=generator, dtype=torch.float64).to(like.device)


def _double(example: Any) -> Any:
    if isinstance(example, tuple):
        return tuple(_double(x) for x in example)
    floats = isinstance(example, Tensor) and example.is_floating_point()
    return example.double() if floats else example


def _some(classes: list[Class]) -> dict[str, Tensor]:
    """Masks that remove different numbers of units, at least one and about half at most."""
    generator = torch.Generator().manual_seed(0)
    masks = {}
    for c in classes:
        out = int(torch.randint(1, max(2, c.size // 2 + 1), (), generator=generator))
        masks[c.name] = torch.ones(c.size, dtype=torch.bool)
        masks[c.name][torch.randperm(c.size, generator=generator)[:out]] = False
    return masks


@torch.no_grad()
def zero(net: nn.Module, covered: Mapping[str, Tensor]) -> None:
    """Set what is covered to zero, in place."""
    parameters = dict(net.named_parameters())
    for name, mask in covered.items():
        parameters[name].masked_fill_(~mask, 0.0)


def _numbers(tree: Any) -> list[Tensor]:
    return [x.double() for x in tree_leaves(tree) if isinstance(x, Tensor)]
