"""How far the answers of a small network are from those of the one with zeros instead."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from prunelab.surgery.copies import light, state
from prunelab.surgery.cut import Class, apply_indices, keep_indices, zeros
from prunelab.surgery.trace import call, quietly, tensors

TOLERANCE = 1e-9  # in float64, relative to the largest answer from 1 on
ROUGH = 1e-4  # the same in any other
DIFFERS = "the small network differs by"


def probe(
    net: nn.Module,
    example: Any,
    classes: Sequence[Class],
    masks: Mapping[str, Tensor],
    wanted: Callable[[], Any] | None = None,
) -> str:
    """Why units of these classes cannot be removed together, or nothing.

    ``wanted`` gives ``with_zeros`` of the same where it is asked more than once.
    """
    try:
        one = wanted() if wanted else with_zeros(net, example, classes, masks)
        small = apply_indices(net, keep_indices(classes, masks), share=True).eval()
        with quietly():
            torch.rand(1)  # a network that draws numbers must not draw the same ones again
            other = call(small, example)
            error = _differ(one, other)
    except Exception as problem:  # noqa: BLE001 - however foreign code fails, it cannot shrink
        first = str(problem).strip().partition("\n")[0]
        return f"the small network does not run ({type(problem).__name__}: {first})"
    double = all(x.dtype == torch.float64 for x in tensors(one) if x.is_floating_point())
    return "" if error <= (TOLERANCE if double else ROUGH) else f"{DIFFERS} {error:.1e}"


def with_zeros(
    net: nn.Module, example: Any, classes: Sequence[Class], masks: Mapping[str, Tensor]
) -> Any:
    """What a network answers with zeros instead of the units that go."""
    masked = light(net, zeros(classes, net, masks)).eval()
    with quietly():
        return call(masked, example)


def apart(net: nn.Module, small: nn.Module, example: Any) -> float:
    """How far the answers of two networks to an example are from each other, in float64."""
    one, other = (copy.deepcopy(each).eval().double() for each in (net, small))
    with quietly():
        return _differ(call(one, _double(example)), call(other, _double(example)))


def disturbed(net: nn.Module) -> nn.Module:
    """A copy with other weights: a fresh normalisation or a zero would hide a mistake.

    Biases rise most: behind a layer of which no unit is active nothing would be seen.
    """
    generator = torch.Generator().manual_seed(0)
    instead: dict[int, Tensor] = {}
    for _, tensor in state(net):
        if tensor.is_floating_point():
            x, noise = tensor.detach().double(), _noise(tensor, generator)
            rise = 0.1 if x.ndim > 1 else 1.0
            other = torch.addcmul(x, x, noise, value=0.5).add_(noise, alpha=rise)
            own = isinstance(tensor, nn.Parameter)
            instead[id(tensor)] = nn.Parameter(other, requires_grad=False) if own else other
    return light(net, instead).eval()


def uneven(example: Any) -> Any:
    """The example as float64 and with noise: a blank one would say nothing."""
    generator = torch.Generator().manual_seed(1)

    def noisy(x: Any) -> Any:
        floats = isinstance(x, Tensor) and x.is_floating_point()
        return x.double() + _noise(x, generator) if floats else x

    return tree_map(noisy, example)


def _differ(one: Any, other: Any) -> float:
    """The largest difference between two answers, relative to the largest entry from 1 on."""
    largest, error = 1.0, 0.0
    for a, b in zip(_numbers(one), _numbers(other), strict=True):
        if a.shape != b.shape or not (a.isfinite().all() and b.isfinite().all()):
            return math.inf
        if a.numel():
            largest = max(largest, float(a.abs().max()))
            error = max(error, float((a - b).abs().max()))
    return error / largest


def _noise(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(like.shape, generator=generator, dtype=torch.float64).to(like.device)


def _double(example: Any) -> Any:
    def double(x: Any) -> Any:
        return x.double() if isinstance(x, Tensor) and x.is_floating_point() else x

    return tree_map(double, example)


def _numbers(tree: Any) -> list[Tensor]:
    return [x.double() for x in tensors(tree)]
