"""Tries a removal on a copy: the small network must answer as the one with zeros instead."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from prunelab.surgery.cut import Class, apply_indices, cover, keep_indices
from prunelab.surgery.trace import call, quietly, state

TOLERANCE = 1e-9  # in float64, relative to the largest answer from 1 on


def failures(net: nn.Module, example: Any, candidates: Sequence[Class]) -> dict[str, str]:
    """Why some classes cannot be removed, by name.

    They are tried together and in halves, so that each is tried without any other one; only if
    that fails are they tried one by one.
    """
    tried, example = _disturbed(net), _uneven(example)
    if not any(_probe(tried, example, half) for half in _halves(candidates)):
        return {}
    good: list[Class] = []
    failed = {}
    for one in candidates:
        reason = _probe(tried, example, [one]) or _probe(tried, example, [*good, one])
        if reason:
            failed[one.name] = reason
        else:
            good.append(one)
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


def _halves(classes: Sequence[Class]) -> Iterator[Sequence[Class]]:
    """All, then those whose number has a binary digit and those whose has not, digit by digit."""
    yield classes
    for digit in range((len(classes) - 1).bit_length()):
        for value in (0, 1):
            yield [one for i, one in enumerate(classes) if i >> digit & 1 == value]


def _probe(tried: nn.Module, example: Any, classes: Sequence[Class]) -> str:
    """Why these classes cannot be removed together, or nothing."""
    masks, masked = _some(classes), copy.deepcopy(tried)
    zero(masked, cover(classes, masked, masks))
    try:
        small = apply_indices(tried, keep_indices(classes, masks))
        with quietly():
            error = _differ(call(masked, example), call(small, example))
    except Exception as problem:  # noqa: BLE001 - however foreign code fails, it cannot shrink
        first = str(problem).strip().partition("\n")[0]
        return f"the small network does not run ({type(problem).__name__}: {first})"
    return "" if error <= TOLERANCE else f"the small network differs by {error:.1e}"


def _disturbed(net: nn.Module) -> nn.Module:
    """A copy with other weights: a fresh normalisation or a zero would hide a mistake."""
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


def _some(classes: Sequence[Class]) -> dict[str, Tensor]:
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
