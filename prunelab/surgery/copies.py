"""Copies of a network that are ready for surgery."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn


def light(net: nn.Module, instead: Mapping[int, Tensor] | None = None) -> nn.Module:
    """A copy with its own modules and buffers but the same parameters, which are not copied.

    ``instead`` gives, by the id of a parameter or buffer, what the copy has in its place.
    """
    memo: dict[int, Any] = {id(p): p for p in net.parameters()}
    memo |= instead or {}
    return copy.deepcopy(net, memo)


def state(net: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Every parameter and buffer by name, tied ones once."""
    yield from net.named_parameters()
    yield from net.named_buffers()
