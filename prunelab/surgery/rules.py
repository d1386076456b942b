"""What each operation does to the axes of its tensors; an operation without a rule fixes them.

A rule is ``rule(trace, args, out)`` and returns the axes of the result: a tuple for one tensor, or
for all of its number of dimensions; a list of tuples for several; None if it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from prunelab.surgery import moves
from prunelab.surgery.cut import SUMMED
from prunelab.surgery.joins import aligned, dims_of
from prunelab.surgery.lines import JOINED, Axes

if TYPE_CHECKING:
    from prunelab.surgery.trace import Trace

Rule = Callable[["Trace", Sequence[Any], Any], Axes | list[Axes] | None]


def rule_of(func: Any) -> Rule | None:
    """The rule of an operation of PyTorch's core set."""
    if func not in _KNOWN:
        name = func._schema.name.removeprefix("aten::")
        pointwise = _pointwise if torch.Tag.pointwise in func.tags else None
        _KNOWN[func] = _RULES.get(name, pointwise)
    return _KNOWN[func]


def _pointwise(t: Trace, args: Sequence[Any], out: Any) -> Axes | None:
    """Broadcast: equal positions of aligned axes belong together."""
    tensors = [arg for arg in args if isinstance(arg, Tensor)]
    return aligned(t, tensors, out.shape) if isinstance(out, Tensor) else None


def _first(t: Trace, args: Sequence[Any], out: Any) -> Axes:
    return t.of(args[0])


def _convolution(t: Trace, args: Sequence[Any], out: Tensor) -> Axes | None:
    x, weight, bias = args[:3]
    transposed, groups = args[6], args[8]
    if transposed and groups > 1:
        return None
    ins, (rows, columns, *kernel) = t.of(x)[1], t.of(weight)
    for axis in (*kernel, *t.of(x)[2:]):
        t.lines.freeze(axis, "it is a spatial axis of a convolution")
    if groups > 1:
        group, each = t.lines.split(ins, groups, x.shape[1] // groups)
        own, _ = t.lines.split(rows, groups, weight.shape[0] // groups)
        t.lines.equate(group, own, JOINED)
        t.lines.equate(each, columns, JOINED)
        t.group(weight, "groups", own)
    else:
        t.lines.equate(ins, rows if transposed else columns, JOINED)
    outs = columns if transposed else rows
    if bias is not None:
        t.lines.equate(outs, t.of(bias)[0], JOINED)
    return (t.of(x)[0], outs, *(None,) * (out.ndim - 2))


def _mm(t: Trace, args: Sequence[Any], out: Tensor) -> Axes:
    *batch, rows, one = t.of(args[0])
    *others, other, columns = t.of(args[1])
    for a, b in zip((*batch, one), (*others, other), strict=True):
        t.lines.equate(a, b, JOINED)
    return (*batch, rows, columns)


def _addmm(t: Trace, args: Sequence[Any], out: Tensor) -> Axes:
    t.set(out, _mm(t, args[1:], out))
    return aligned(t, (out, args[0]), out.shape)


def _attention(t: Trace, args: Sequence[Any], out: Any) -> Axes:
    query, key, value = (t.of(x) for x in args[:3])
    for d in (0, 1):
        t.lines.equate(query[d], key[d], JOINED)
        t.lines.equate(query[d], value[d], JOINED)
    for axis in (query[-1], key[-1]):
        t.doubt(axis, "attention scales by the size of a head")
    t.lines.equate(query[-1], key[-1], JOINED)
    for axis in (query[2], key[2], value[2]):
        t.lines.freeze(axis, "attention compares its positions")
    t.compared(query[:2])
    return (*query[:3], value[-1])


def _batch_norm(t: Trace, args: Sequence[Any], out: Any) -> Axes:
    for each in args[1:5]:
        if each is not None:
            t.lines.equate(t.of(args[0])[1], t.of(each)[0], JOINED)
    return t.of(args[0])


def _layer_norm(t: Trace, args: Sequence[Any], out: Any) -> Axes:
    x, normal = args[0], len(args[1])
    for axis in t.of(x)[-normal:]:
        t.doubt(axis, "LayerNorm mixes all its positions, so a smaller one would differ")
    held = [each for each in args[2:4] if isinstance(each, Tensor)]
    return aligned(t, (x, *held), x.shape)


def _group_norm(t: Trace, args: Sequence[Any], out: Any) -> Axes:
    x, weight, bias = args[:3]
    axes, groups = t.of(x), args[6]
    group, each = t.lines.split(axes[1], groups, x.shape[1] // groups)
    t.doubt(each, "GroupNorm mixes the channels of a group, so a smaller one would differ")
    if weight is None:
        t.lines.freeze(axes[1], "GroupNorm has its number of groups in the code")
        return axes
    t.group(weight, "num_groups", group)
    for held in (weight, bias):
        t.lines.equate(axes[1], t.of(held)[0], JOINED)
    return axes


def _embedding(t: Trace, args: Sequence[Any], out: Tensor) -> Axes:
    t.lines.freeze(t.of(args[0])[0], "an embedding looks its rows up")
    return (*t.of(args[1]), t.of(args[0])[1])


def _pool(spatial: int) -> Rule:
    def rule(t: Trace, args: Sequence[Any], out: Any) -> Axes:
        axes = t.of(args[0])
        for axis in axes[-spatial:]:
            t.lines.freeze(axis, "it is a spatial axis that is pooled")
        return (*axes[:-spatial], *(None,) * spatial)

    return rule


def _reduce(t: Trace, args: Sequence[Any], out: Any) -> Axes:
    x = args[0]
    dims = dims_of(args[1] if len(args) > 1 else None, x.ndim)
    for d in dims:
        t.doubt(t.of(x)[d], SUMMED)
    if out.ndim == x.ndim:
        return tuple(None if d in dims else axis for d, axis in enumerate(t.of(x)))
    return tuple(axis for d, axis in enumerate(t.of(x)) if d not in dims)


def _norm(t: Trace, args: Sequence[Any], out: Any) -> Axes:
    return _reduce(t, (args[0], *args[2:]), out)  # after the tensor comes the order


def _softmax(t: Trace, args: Sequence[Any], out: Any) -> Axes:
    t.doubt(t.of(args[0])[args[1]], "softmax mixes all its positions")
    t.compared(axis for d, axis in enumerate(t.of(args[0])) if d != args[1] % out.ndim)
    return t.of(args[0])


def _glu(t: Trace, args: Sequence[Any], out: Tensor) -> Axes:
    return moves.split(t, (args[0], 0, args[1] if len(args) > 1 else -1), (out, out))[0]


_KNOWN: dict[Any, Rule | None] = {}  # by operation, as asked for
_RULES: dict[str, Rule] = {
    "convolution": _convolution,
    **dict.fromkeys(("mm", "bmm"), _mm),
    "addmm": _addmm,
    "native_batch_norm": _batch_norm,
    "_native_batch_norm_legit_no_training": _batch_norm,
    "cudnn_batch_norm": _batch_norm,
    "linalg_vector_norm": _norm,
    "native_layer_norm": _layer_norm,
    "native_group_norm": _group_norm,
    "_prelu_kernel": _pointwise,
    "glu": _glu,
    "embedding": _embedding,
    **dict.fromkeys(("_softmax", "_log_softmax"), _softmax),
    **dict.fromkeys(
        (
            "_scaled_dot_product_flash_attention_for_cpu",
            "_scaled_dot_product_flash_attention",
            "_scaled_dot_product_efficient_attention",
        ),
        _attention,
    ),
    **dict.fromkeys(("mean", "sum", "amax", "amin", "var", "std", "var_mean"), _reduce),
    **dict.fromkeys(
        (
            "max_pool2d_with_indices",
            "avg_pool2d",
            "_adaptive_avg_pool2d",
            "adaptive_max_pool2d",
            "upsample_nearest2d",
            "upsample_bilinear2d",
            "upsample_bicubic2d",
            "reflection_pad2d",
            "replication_pad2d",
        ),
        _pool(2),
    ),
    **dict.fromkeys(("max_pool3d_with_indices", "avg_pool3d", "upsample_nearest3d"), _pool(3)),
    **dict.fromkeys(("upsample_nearest1d", "upsample_linear1d"), _pool(1)),
    **dict.fromkeys(
        ("detach", "alias", "lift_fresh", "_to_copy", "hardswish", "hardswish_"), _first
    ),
    **dict.fromkeys(("zeros_like", "ones_like", "empty_like", "full_like"), _first),
    **dict.fromkeys(("fill_", "zero_"), _first),
    "clone": _first,
    "copy_": _pointwise,
    "permute": moves.permute,
    **dict.fromkeys(("t", "transpose"), moves.transpose),
    "unsqueeze": moves.unsqueeze,
    "squeeze": moves.squeeze,
    "expand": moves.expand,
    "slice": moves.narrow,
    "select": moves.select,
    "unbind": moves.unbind,
    **dict.fromkeys(("split", "split_with_sizes"), moves.split),
    "cat": moves.cat,
    "stack": moves.stack,
    "constant_pad_nd": moves.pad,
    "index": moves.index,
    "channel_shuffle": moves.channel_shuffle,
    **dict.fromkeys(("view", "_unsafe_view"), moves.view),
}
