"""What can be removed from a network for real, and why the rest cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from prunelab.surgery.classes import classes_of, layouts_of, named, reasons
from prunelab.surgery.cut import Class
from prunelab.surgery.probe import Tried, tried
from prunelab.surgery.trace import trace


@dataclass(frozen=True)
class Plan:
    """What of a network can go, said before anything is removed.

    ``classes`` can go exactly. ``inexact`` gives, by the name of a class, why the network would
    run without some of its units but answer something else; ``frozen``, by the name of a layer,
    why none of it can go.
    """

    classes: tuple[Class, ...]
    inexact: dict[str, str]
    frozen: dict[str, str]


def plan(net: nn.Module, example: Any) -> Plan:
    """Find what can be removed from a network, and try each removal once on a copy.

    Args:
        net: any network whose forward is ordinary PyTorch; it is left as it was.
        example: an input of a few examples: a tensor, a tuple of arguments, or a dict of them by
            name.

    Raises:
        Untraceable: the network does not run on the example, or what it does depends on its data.
    """
    seen = trace(net, example)
    layouts = layouts_of(seen)
    candidates = named([c for c in classes_of(seen, net, layouts) if c.size > 1])
    found = tried(net, example, candidates)
    every = named([*found.exact, *(c for c, _ in found.inexact)])
    offered, others = every[: len(found.exact)], every[len(found.exact) :]
    inexact = {c.name: why for c, (_, why) in zip(others, found.inexact, strict=True)}
    frozen = reasons(seen, net, layouts, every)
    return Plan(tuple(offered), inexact, frozen | _failed(found, every))


def _failed(found: Tried, every: Sequence[Class]) -> dict[str, str]:
    """Why classes cannot go, by layer, or by class of a layer of which something else can."""
    taken = {name for c in every for name in c.producers}
    failed: dict[str, str] = {}
    for c, why in found.failed:
        own = [name for name in c.producers if name not in taken] or [f"{c.name} in groups"]
        failed |= dict.fromkeys(own, why)
    return failed
