"""The global mask of a large model: ours, torch.nn.utils.prune, and a sort of all scores joined.

The ways take turns in one process, with one thread; their masks are compared before the times.
Memory is what each way adds at its peak to a process of its own that holds the weights.

    python benchmarks/selection.py [--millions 100] [--rounds 5] [--dtype float32]
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence

import psutil
import torch
from claims import Claim, clock, in_turns
from resident import asked, most
from torch import Tensor, nn
from torch.nn.utils import prune as peer

from prunelab.job import device
from prunelab.masks import Masks, highest, removed
from prunelab.methods.magnitude import magnitude

SIDE = 2048  # of each square layer
SPARSITY = 0.9


def model(millions: int, dtype: torch.dtype) -> nn.Sequential:
    """Square layers of random weights, at least so many millions together."""
    torch.manual_seed(0)
    many = -(-millions * 10**6 // SIDE**2)
    layers = [nn.Linear(SIDE, SIDE, bias=False, device="meta", dtype=dtype) for _ in range(many)]
    for layer in layers:
        layer.weight = nn.Parameter(torch.randn(SIDE, SIDE).to(device(), dtype))
    return nn.Sequential(*layers)


def units(net: nn.Sequential) -> int:
    """How many weights."""
    return sum(p.numel() for p in net.parameters())


def kept(net: nn.Sequential) -> int:
    """How many stay."""
    return units(net) - removed(SPARSITY, units(net))


def ours(net: nn.Sequential) -> Masks:
    """Scores and masks as ``pl.prune`` makes them."""
    return highest(magnitude(net, None), kept(net))


def hooks(net: nn.Sequential) -> Masks:
    """torch.nn.utils.prune.global_unstructured; the masks are its own, taken off again after."""
    layers = [(layer, "weight") for layer in net]
    gone = removed(SPARSITY, units(net))
    peer.global_unstructured(layers, pruning_method=peer.L1Unstructured, amount=gone)
    masks = {str(i): layer.weight_mask.bool() for i, layer in enumerate(net)}
    for layer in net:
        weight = layer.weight_orig
        del layer._forward_pre_hooks[next(iter(layer._forward_pre_hooks))]
        del layer._parameters["weight_orig"], layer._buffers["weight_mask"]
        del layer.weight
        layer.weight = weight
    return masks


def kthvalue(net: nn.Sequential) -> Masks:
    """torch.kthvalue of all scores joined, and a threshold."""
    joined = torch.cat([w.detach().abs().flatten() for w in net.parameters()])
    value = joined.kthvalue(removed(SPARSITY, len(joined))).values
    return {str(i): w.detach().abs() > value for i, w in enumerate(net.parameters())}


def one_pass(net: nn.Sequential) -> Tensor:
    """The sum of every weight: what reading them once costs."""
    return torch.stack([w.detach().sum() for w in net.parameters()]).sum()


WAYS: dict[str, Callable[[nn.Sequential], Masks]] = {
    "ours": ours,
    "kthvalue": kthvalue,
    "torch.nn.utils.prune": hooks,
}

# Bytes a weight that there must be: the weights, and what the peer takes beside them.
NEEDED = {"torch.nn.utils.prune": 64, "kthvalue": 24}


def extra(name: str, millions: int, dtype: torch.dtype) -> int:
    """Bytes of memory a way adds at its peak, masks included."""
    small, net = model(8, dtype), model(millions, dtype)
    WAYS[name](small)  # loads what is loaded once
    return most(lambda: WAYS[name](net))


def claims(rounds: int) -> list[Claim]:
    """Sizes and dtypes, each beside one peer, as far as the memory of this machine goes."""
    wanted = [
        (100, "float32", "torch.nn.utils.prune", 40),
        (400, "float32", "kthvalue", 10),
        (30, "bfloat16", "kthvalue", 10),
    ]
    free = psutil.virtual_memory().available
    if torch.cuda.is_available():
        free = torch.cuda.mem_get_info()[0]
    fitting = [one for one in wanted if one[0] * 10**6 * NEEDED[one[2]] < free]
    for millions, dtype, *_ in (one for one in wanted if one not in fitting):
        print(f"Left out: {millions} M weights of {dtype}; memory is short.", file=sys.stderr)
    return [_claim(*one, rounds) for one in fitting]


def _claim(millions: int, dtype: str, other: str, goal: float, rounds: int) -> Claim:
    memory = weighed(["ours", other], millions, dtype)
    found = timed(millions, dtype, other, goal, rounds)
    extra = f"{memory['ours']:.2f} extra bytes a weight, the peer {memory[other]:.1f}"
    return found._replace(note=f"{found.note}; {extra}")


def timed(millions: int, dtype: str, other: str, goal: float, rounds: int) -> Claim:
    """Both ways in turn, after their masks were compared."""
    net = model(millions, getattr(torch, dtype))
    masks, others = ours(net), WAYS[other](net)
    same = all(torch.equal(others[name], masks[name]) for name in others)
    stay = sum(int(m.sum()) for m in others.values())
    note = "the same masks" if same else f"of {kept(net):,} asked for the peer keeps {stay:,}"
    del masks, others
    ratios = in_turns(lambda: WAYS[other](net), lambda: ours(net), rounds)
    passes = statistics.median(in_turns(lambda: ours(net), lambda: one_pass(net), rounds))
    note += f"; the time of {passes:.1f} sums of all weights"
    return Claim(f"global mask over {millions} M weights, {dtype}", other, goal, ratios, note)


def weighed(ways: Sequence[str], millions: int, dtype: str) -> dict[str, float]:
    """The extra bytes of each way per weight, each in a process of its own."""
    there = -(-millions * 10**6 // SIDE**2) * SIDE**2
    return {name: asked(__file__, name, str(millions), dtype) / there for name in ways}


def main() -> None:
    """Compare the masks, then time, then weigh."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--without", nargs="*", default=[], help="ways to leave out")
    words = ("WAY", "MILLIONS", "DTYPE")
    parser.add_argument("--extra", nargs=3, metavar=words, help="only its memory, in bytes")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.extra:
        name, millions, kind = given.extra
        print(extra(name, int(millions), getattr(torch, kind)))
        return
    dtype = getattr(torch, given.dtype)
    ways = {name: way for name, way in WAYS.items() if name not in given.without}
    memory = weighed(list(ways), given.millions, given.dtype)
    net = model(given.millions, dtype)
    found = {name: way(net) for name, way in ways.items()}
    counts = {name: sum(int(m.sum()) for m in masks.values()) for name, masks in found.items()}
    equal = {
        name: all(torch.equal(masks[n], found["ours"][n]) for n in masks)
        for name, masks in found.items()
    }
    del found
    seconds: dict[str, list[float]] = {name: [] for name in [*ways, "one pass"]}
    for _ in range(given.rounds):
        for name, way in {**ways, "one pass": one_pass}.items():
            start = clock()
            way(net)
            seconds[name].append(clock() - start)
    print(f"{units(net):,} weights of {given.dtype}, {kept(net):,} stay, 1 thread\n")
    print("| way | seconds (median) | × ours | extra bytes a weight | kept | the same masks |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, times in seconds.items():
        tail = f"{memory[name]:.2f} | {counts[name]:,} | {equal[name]}" if name in ways else "| | "
        print(f"| {name} | {_spread(times, seconds['ours'])} | {tail} |")


def _spread(times: Sequence[float], own: Sequence[float]) -> str:
    ratios = sorted(t / o for t, o in zip(times, own, strict=True))
    return (
        f"{statistics.median(times):.3f} | "
        f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
    )


if __name__ == "__main__":
    main()
