"""Copies of a network that are ready for surgery."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from types import BuiltinFunctionType, FunctionType
from typing import Any

import torch
from torch import Tensor, nn

# What never changes and so need not be copied, then what is made anew where it is empty.
FIXED = {int, float, str, bool, type(None), type, FunctionType, BuiltinFunctionType, torch.dtype}
PLAIN = {dict, OrderedDict, set, list}
OWN = ("__reduce__", "__reduce_ex__", "__getstate__")  # how a class may say how it is copied


def light(net: nn.Module, instead: Mapping[int, Tensor] | None = None) -> nn.Module:
    """A copy with its own modules and buffers but the same parameters, which are not copied.

    ``instead`` gives, by the id of a parameter or buffer, what the copy has in its place.
    """
    memo: dict[int, Any] = {id(p): p for p in net.parameters()}
    for buffer in net.buffers():
        memo[id(buffer)] = buffer.detach().clone()
    return _module(net, {**memo, **(instead or {})})


def state(net: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Every parameter and buffer by name, tied ones once."""
    yield from net.named_parameters()
    yield from net.named_buffers()


def _module(module: nn.Module, memo: dict[int, Any]) -> nn.Module:
    """As ``copy.deepcopy``, which is slow for the many small dicts of modules."""
    if id(module) in memo:
        known: nn.Module = memo[id(module)]
        return known
    kind = type(module)
    special = hasattr(kind, "__deepcopy__")
    if special or any(getattr(kind, name) is not getattr(nn.Module, name) for name in OWN):
        copied: nn.Module = copy.deepcopy(module, memo)
        return copied
    made = memo[id(module)] = kind.__new__(kind)
    own = made.__dict__
    for name, value in vars(module).items():
        own[name] = value if type(value) in FIXED else _value(value, memo)
    return made


def _value(value: Any, memo: dict[int, Any]) -> Any:
    if type(value) is tuple and all(type(v) in FIXED for v in value):
        return value
    if type(value) in PLAIN and not value:
        return type(value)()
    if id(value) in memo:
        return memo[id(value)]
    if isinstance(value, nn.Module):
        return _module(value, memo)
    if type(value) is dict and all(type(key) is str for key in value):
        return {k: v if type(v) in FIXED else _value(v, memo) for k, v in value.items()}
    return copy.deepcopy(value, memo)
