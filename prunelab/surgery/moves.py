"""Operations that only move data: what they do to the axes of their tensors.

Numbers written in the code of a network (a slice, a padding, sizes of pieces) do not shrink with
it: the axis they meet is fixed, or its pieces are tied so that a wrong number shows in the probe.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from prunelab.surgery.joins import aligned, dims_of
from prunelab.surgery.lines import JOINED, Axes, Axis, Lines

if TYPE_CHECKING:
    from prunelab.surgery.trace import Trace


def permute(t: Trace, args: Sequence[Any], out: Any) -> Axes:
    """The axes in a new order."""
    return tuple(t.of(args[0])[d] for d in args[1])


def transpose(t: Trace, args: Sequence[Any], out: Any) -> Axes:
    """Two axes change places; ``t`` is the case of a matrix."""
    axes = list(t.of(args[0]))
    if axes:
        one, other = args[1:] or (0, -1)
        axes[one], axes[other] = axes[other], axes[one]
    return tuple(axes)


def unsqueeze(t: Trace, args: Sequence[Any], out: Any) -> Axes:
    """A new axis of size 1."""
    axes = list(t.of(args[0]))
    axes.insert(args[1] % out.ndim, None)
    return tuple(axes)


def squeeze(t: Trace, args: Sequence[Any], out: Any) -> Axes:
    """Axes of size 1 go."""
    x = args[0]
    dims = dims_of(args[1] if len(args) > 1 else None, x.ndim)
    return tuple(a for d, a in enumerate(t.of(x)) if d not in dims or x.shape[d] != 1)


def expand(t: Trace, args: Sequence[Any], out: Any) -> Axes:
    """A repeated axis has the size that is written in the code, or in a number a module keeps."""
    x, new = args[0], out.ndim - args[0].ndim
    axes: list[Axis] = [None] * new
    for d, axis in enumerate(t.of(x)):
        size = out.shape[new + d]
        repeated = x.shape[d] == 1 and size > 1
        axes.append(t.lines.fresh(size) if repeated else axis)
        if repeated:
            t.number(axes[-1], size)
    return tuple(axes)


def narrow(t: Trace, args: Sequence[Any], out: Tensor) -> Axes:
    """A slice; only one that takes everything leaves its axis free."""
    d = args[1] if len(args) > 1 else 0
    axes = list(t.of(args[0]))
    if out.shape[d] != args[0].shape[d]:
        t.lines.freeze(axes[d], "it is sliced by numbers in the code")
        axes[d] = None
    return tuple(axes)


def select(t: Trace, args: Sequence[Any], out: Any) -> Axes:
    """One position of an axis, chosen by a number in the code."""
    axes = list(t.of(args[0]))
    t.lines.freeze(axes.pop(args[1]), "it is indexed by numbers in the code")
    return tuple(axes)


def unbind(t: Trace, args: Sequence[Any], out: Any) -> list[Axes]:
    """Every position of an axis as a tensor of its own."""
    d = args[1] if len(args) > 1 else 0
    return [select(t, (args[0], d), None)] * len(out)


def split(t: Trace, args: Sequence[Any], out: Any) -> list[Axes]:
    """Pieces of one size are tied: each loses the same positions, so cutting evenly stays right."""
    d = (args[2] if len(args) > 2 else 0) % args[0].ndim
    axes = t.of(args[0])
    size = out[0].shape[d]
    piece = None
    if any(each.shape[d] != size for each in out):
        t.lines.freeze(axes[d], "it is split by numbers in the code")
    else:
        rows, piece = t.lines.split(axes[d], len(out), size)
        t.lines.freeze(rows, "it is split by a number in the code")
        t.number(piece, size)
    return [(*axes[:d], piece, *axes[d + 1 :])] * len(out)


def cat(t: Trace, args: Sequence[Any], out: Tensor) -> Axes:
    """The positions of several axes one after the other."""
    tensors = [x for x in args[0] if x.shape != (0,)]
    d = (args[1] if len(args) > 1 else 0) % out.ndim
    axes = list(t.of(tensors[0]))
    for x in tensors[1:]:
        for e, axis in enumerate(t.of(x)):
            if e != d:
                t.lines.equate(axes[e], axis, JOINED)
    axes[d] = t.lines.chain([t.of(x)[d] for x in tensors], [x.shape[d] for x in tensors])
    return tuple(axes)


def stack(t: Trace, args: Sequence[Any], out: Tensor) -> Axes:
    """Tensors of one shape along a new axis."""
    axes = list(aligned(t, args[0], args[0][0].shape))
    axes.insert((args[1] if len(args) > 1 else 0) % out.ndim, None)
    return tuple(axes)


def pad(t: Trace, args: Sequence[Any], out: Tensor) -> Axes:
    """Positions that padding adds to a channel axis are fixed: their number is in the code."""
    axes = list(t.of(args[0]))
    for i in range(len(args[1]) // 2):
        low, high = args[1][2 * i : 2 * i + 2]
        d = len(axes) - 1 - i
        if axes[d] and min(low, high) < 0:
            t.lines.freeze(axes[d], "it is cut by numbers in the code")
            axes[d] = None
        else:
            axes[d] = t.lines.chain((None, axes[d], None), (low, args[0].shape[d], high))
    return tuple(axes)


def index(t: Trace, args: Sequence[Any], out: Tensor) -> Axes | None:
    """Only an axis indexed by one vector is understood: it is fixed, the others pass."""
    indices = [(d, i) for d, i in enumerate(args[1]) if i is not None]
    if len(indices) != 1 or indices[0][1].ndim != 1:
        return None
    axes = list(t.of(args[0]))
    t.freeze([indices[0][1]], "it holds indices")
    t.lines.freeze(axes[indices[0][0]], "it is indexed by numbers in the code")
    axes[indices[0][0]] = None
    return tuple(axes)


def channel_shuffle(t: Trace, args: Sequence[Any], out: Tensor) -> Axes:
    """The table of groups and their channels, transposed."""
    axes, groups = t.of(args[0]), args[1]
    each_size = out.shape[1] // groups
    group, each = t.lines.split(axes[1], groups, each_size)
    return (axes[0], t.lines.join(each_size, each, groups, group), *axes[2:])


def view(t: Trace, args: Sequence[Any], out: Tensor) -> Axes | None:
    """Axes become tables, tables become axes."""
    axes: list[Axis] = []
    if out.numel() == 0:
        return None
    for old, new in _runs(args[0].shape, out.shape):
        if len(old) == len(new) == 1:
            axes.append(t.of(args[0])[old[0]])
        else:
            flat = _flat(t.lines, [(args[0].shape[d], t.of(args[0])[d]) for d in old])
            cut = _cut(t.lines, flat, [out.shape[d] for d in new])
            for axis, d in zip(cut, new, strict=True):
                t.number(axis, out.shape[d])
            axes += cut
    return tuple(axes)


def _runs(old: Sequence[int], new: Sequence[int]) -> Iterator[tuple[list[int], list[int]]]:
    """The shortest runs of old and new dimensions that hold as many elements."""
    i = j = 0
    while i < len(old) or j < len(new):
        a, b = i, j
        i, j = min(i + 1, len(old)), min(j + 1, len(new))
        while math.prod(old[a:i]) != math.prod(new[b:j]):
            if math.prod(old[a:i]) < math.prod(new[b:j]):
                i += 1
            else:
                j += 1
        yield list(range(a, i)), list(range(b, j))


def _flat(lines: Lines, axes: Sequence[tuple[int, Axis]]) -> Axis:
    total, flat = 1, None
    for size, axis in axes:
        flat = lines.join(total, flat, size, axis)
        total *= size
    return flat


def _cut(lines: Lines, axis: Axis, sizes: Sequence[int]) -> list[Axis]:
    axes: list[Axis] = []
    for i, size in enumerate(sizes[:-1]):
        first, axis = lines.split(axis, size, math.prod(sizes[i + 1 :]))
        axes.append(first)
    return [*axes, axis] if sizes else []
