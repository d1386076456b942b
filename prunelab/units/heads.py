"""Heads of attention: whole ones are removed, with their queries, keys, values and outputs."""

from __future__ import annotations

from torch import Tensor, nn

from prunelab.parts import Parts
from prunelab.registry import Unit, unit
from prunelab.surgery import Plan
from prunelab.units.planning import cut_by, offered, whole


@unit(needs={"network", "attention network"}, noun="heads", structured=True)
def heads() -> Unit:
    """Whole heads of attention, or whole groups of heads that share keys and values.

    A layer keeps at least one of its heads: allocate with ``floor=1``.
    """
    return cut_by(planned, "heads")


def planned(net: nn.Module, data: Parts | Tensor | None) -> Plan:
    """Which heads can be removed from a network: where they share keys and values, whole groups.

    A plan also has one head of every such group; each head would then be counted twice.

    Raises:
        ValueError: no data to run the network on, or nothing can be removed.
    """
    found = [set(group.producers) for group in whole(net, data).classes if group.heads]
    return offered(
        net,
        data,
        "heads",
        lambda _, group: group.heads and not any(set(group.producers) < more for more in found),
    )
