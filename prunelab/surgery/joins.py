"""How axes meet when tensors are broadcast together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from prunelab.surgery.lines import JOINED, Axes, Axis

if TYPE_CHECKING:
    from prunelab.surgery.trace import Trace


def aligned(t: Trace, tensors: Iterable[Tensor], shape: Sequence[int]) -> Axes:
    """The axes of tensors broadcast to a shape: equal positions stay or go together."""
    merged: list[Axis] = [None] * len(shape)
    started = [False] * len(shape)
    for tensor in tensors:
        offset = len(shape) - tensor.ndim
        for d, axis in enumerate(t.of(tensor), offset):
            if tensor.shape[d - offset] != shape[d] or shape[d] == 1:
                continue
            if started[d]:
                t.lines.equate(merged[d], axis, JOINED)
            merged[d] = axis if not started[d] else merged[d]
            started[d] = True
    return tuple(merged)


def dims_of(given: Any, ndim: int) -> set[int]:
    """The dimensions an argument names; none means all."""
    if given is None or given == []:
        return set(range(ndim))
    return {d % ndim for d in (given if isinstance(given, Sequence) else (given,))}
