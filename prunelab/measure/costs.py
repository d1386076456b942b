"""What a network costs as it was, with zeros in it, and as one ships it: counted and timed."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from prunelab.measure.effort import effort
from prunelab.measure.latency import latency
from prunelab.measure.macs import ideal_macs, macs
from prunelab.measure.memory import memory
from prunelab.measure.size import size

LARGE, SMALLER = 256, 64  # examples of a large batch; fewer of a heavy network
HEAVY = 2e9  # multiply-adds of a batch, above which it is one


def costs(
    dense: nn.Module, masked: nn.Module, shipped: nn.Module, zeros: int, x: Tensor
) -> dict[str, dict[str, Any]]:
    """By stage (dense, pruned, recovered): parameters, bytes, multiply-adds, memory, time.

    ``zeros`` are the weights that the masks remove, ``x`` at least one example. The dense, the
    masked and the shipped network take turns on the clock, one example at a time and many.
    """
    total = sum(p.numel() for p in dense.parameters())
    full = sum(macs(dense, x[:1]).values())
    ideal = ideal_macs(masked, x[:1])
    small = sum(macs(shipped, x[:1]).values())
    left = total - zeros
    found: dict[str, dict[str, Any]] = {
        "dense": {
            "params": total,
            "nonzero": total,
            "macs": {"dense": full, "ideal": full, "shipped": full},
            "bytes": size(dense, dense),
        },
        "pruned": {
            "params": total,
            "nonzero": left,
            "macs": {"dense": full, "ideal": ideal, "shipped": full},
            "bytes": size(masked, masked),
        },
        "recovered": {
            "params": sum(p.numel() for p in shipped.parameters()),
            "nonzero": left,
            "macs": {"dense": full, "ideal": ideal, "shipped": small},
            "bytes": size(masked, shipped),
        },
    }
    nets = {"dense": dense, "pruned": masked, "recovered": shipped}
    found["dense"]["training"] = effort(dense, x)
    found["recovered"]["training"] = effort(shipped, x)
    batch = batches(x, LARGE if full * LARGE <= HEAVY else SMALLER)
    one, many = timed(nets, batch[:1]), timed(nets, batch)
    for stage, net in nets.items():
        taken = {"latency_ms": many[stage], "single_ms": one[stage], "memory": memory(net, batch)}
        found[stage] |= taken
    return found


def timed(nets: Mapping[str, nn.Module], x: Tensor) -> dict[str, dict[str, Any]]:
    """Milliseconds of each network for one batch; the same network twice is timed once."""

    def call(net: nn.Module) -> Any:
        with torch.inference_mode():
            return net(x)

    names = {id(net): name for name, net in nets.items()}
    found = latency({names[id(n)]: functools.partial(call, n) for n in nets.values()})
    about = {"batch": len(x), "threads": torch.get_num_threads()}
    return {name: found[names[id(net)]] | about for name, net in nets.items()}


def batches(x: Tensor, number: int) -> Tensor:
    """So many examples: those given, again and again."""
    return x.repeat(-(-number // len(x)), *[1] * (x.ndim - 1))[:number].contiguous()
