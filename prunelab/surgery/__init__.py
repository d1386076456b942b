"""Structured surgery: find what a network can lose for real, and take it away.

``plan`` says what can be removed; ``masks`` give a bool per unit of each class (True stays);
``cover`` is the same removal as zeros; ``shrink`` makes the small network, ``rebuilt`` its
optimiser.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from prunelab.surgery import cut
from prunelab.surgery.compare import TOLERANCE, apart
from prunelab.surgery.cut import Class, Indices, Member, apply_indices, zero
from prunelab.surgery.optimizers import rebuilt
from prunelab.surgery.plan import Plan, plan
from prunelab.surgery.trace import Untraceable

__all__ = [
    "TOLERANCE",
    "Class",
    "Indices",
    "Member",
    "Plan",
    "Untraceable",
    "apart",
    "apply_indices",
    "cover",
    "keep_indices",
    "plan",
    "rebuilt",
    "shrink",
    "zero",
]


def cover(plan: Plan, net: nn.Module, masks: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """By parameter name what of it stays: producers' rows, biases, norms and consumers' columns."""
    return cut.cover(plan.classes, net, masks)


def keep_indices(plan: Plan, masks: Mapping[str, Tensor]) -> Indices:
    """The removal as plain data, for ``apply_indices`` to repeat on the same architecture."""
    return cut.keep_indices(plan.classes, masks)


def shrink(plan: Plan, net: nn.Module, masks: Mapping[str, Tensor]) -> nn.Module:
    """A smaller copy of a network without the units that are False.

    Raises:
        ValueError: an unknown class, a mask of the wrong shape, or one that keeps nothing.
    """
    return apply_indices(net, keep_indices(plan, masks))
