"""How large a network may be: counted before it takes any memory."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from prunelab.limits import NAMES, limits
from prunelab.spec import SpecError


def affordable(build: functools.partial[nn.Module]) -> None:
    """Refuse a network that is too large, before it takes any memory.

    Raises:
        SpecError: more parameters than the limit; it says how many.
    """
    count = _parameters(build.func, build.args, tuple(sorted(build.keywords.items())))
    most = limits().parameters
    if most and count > most:
        raise SpecError(
            f"The model would have {count:,} parameters; the limit is {most:,.0f}. "
            f"Choose fewer or narrower layers, or raise {NAMES['parameters']}."
        )


@functools.lru_cache(maxsize=64)  # the runs of a sweep build the same network again and again
def _parameters(
    make: Callable[..., nn.Module], shape: tuple[Any, ...], knobs: tuple[tuple[str, Any], ...]
) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in make(*shape, **dict(knobs)).parameters())
