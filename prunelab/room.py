"""How large a network may be: counted before it takes any memory."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from prunelab.limits import NAMES, limits
from prunelab.spec import SpecError


def affordable(build: Callable[[], nn.Module]) -> None:
    """Refuse a network that is too large, before it takes any memory.

    Raises:
        SpecError: more parameters than the limit; it says how many.
    """
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in build().parameters())
    most = limits().parameters
    if most and count > most:
        raise SpecError(
            f"The model would have {count:,} parameters; the limit is {most:,.0f}. "
            f"Choose fewer or narrower layers, or raise {NAMES['parameters']}."
        )
