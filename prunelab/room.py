"""How large a network may be: counted before it takes any memory."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from prunelab.spec import SpecError

PARAMETERS = 500_000_000  # of one network: 2 GB, and as much again for each moment it is copied


def affordable(build: Callable[[], nn.Module]) -> None:
    """Refuse a network that is too large, before it takes any memory.

    Raises:
        SpecError: more than ``PARAMETERS`` of them; it says how many.
    """
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in build().parameters())
    if count > PARAMETERS:
        raise SpecError(
            f"The model would have {count:,} parameters; the limit is {PARAMETERS:,}. "
            f"Choose fewer or narrower layers."
        )
