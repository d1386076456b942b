"""What can be removed from a network for real, and why the rest cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from prunelab.surgery.classes import axes_of, classes_of, named, reasons
from prunelab.surgery.cut import Class
from prunelab.surgery.probe import failures
from prunelab.surgery.trace import trace


@dataclass(frozen=True)
class Plan:
    """The classes of a network, and by layer name the reason why others are fixed."""

    classes: tuple[Class, ...]
    frozen: dict[str, str]


def plan(net: nn.Module, example: Any) -> Plan:
    """Find what can be removed from a network, and try each removal once on a copy.

    Args:
        net: any network whose forward is ordinary PyTorch; it is left as it was.
        example: an input of a few examples: a tensor, or a tuple of arguments.
    """
    seen = trace(net, example)
    axes = axes_of(seen)
    candidates = named([c for c in classes_of(seen, net, axes) if c.size > 1])
    failed = failures(net, example, candidates)
    offered = named([c for c in candidates if c.name not in failed])
    removable = {name for c in offered for name in c.producers}
    frozen = reasons(seen, net, axes, offered)
    for c in candidates:
        if c.name in failed:
            own = [name for name in c.producers if name not in removable] or [f"{c.name} in groups"]
            frozen |= dict.fromkeys(own, failed[c.name])
    return Plan(tuple(offered), frozen)
