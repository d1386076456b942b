"""How a network does in the middle of its training."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

from prunelab.cover import Cover, zeros_kept
from prunelab.measure.quality import quality
from prunelab.parts import Parts


class Standing(NamedTuple):
    """On the validation part, and whether what is pruned is zero."""

    loss: float
    accuracy: float
    zeros_kept: bool


def standing_of(net: nn.Module, parts: Parts, cover: Cover) -> Standing:
    """Measured on the whole validation part; the test part is not touched."""
    measured = quality(net, parts.validation, len(parts.classes))
    return Standing(measured["loss"], measured["accuracy"], zeros_kept(net, cover))
