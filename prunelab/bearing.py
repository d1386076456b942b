"""From a scan to shares: what each layer bears to lose, and a sparsity shared out by that."""

from __future__ import annotations

from collections.abc import Mapping

Accuracies = Mapping[str, Mapping[float, float]]  # by layer and by the share of it that is gone


def bearable(
    dense: float, accuracies: Accuracies, units: Mapping[str, int], sparsity: float
) -> dict[str, float]:
    """Shares of each layer so that a share of all units goes: each loses what it bears.

    One drop of accuracy is allowed for all layers, alone, as small as reaches the sparsity; between
    two drops that were measured the shares are drawn straight.

    >>> bearable(0.9, {"a": {0.5: 0.9}, "b": {0.5: 0.1}}, {"a": 10, "b": 10}, 0.25)
    {'a': 0.5, 'b': 0.0}
    """
    total = sum(units.values())

    def gone(shares: Mapping[str, float]) -> float:
        return sum(share * units[name] for name, share in shares.items()) / total

    before = dict.fromkeys(units, 0.0)
    drops = sorted({max(0.0, dense - a) for found in accuracies.values() for a in found.values()})
    steps = [borne(dense, accuracies, drop) for drop in drops] + [dict.fromkeys(units, 1.0)]
    for shares in steps:
        if gone(shares) >= sparsity:
            part = (sparsity - gone(before)) / max(1e-12, gone(shares) - gone(before))
            return {n: before[n] + part * (shares[n] - before[n]) for n in units}
        before = shares
    return before


def borne(dense: float, accuracies: Accuracies, drop: float) -> dict[str, float]:
    """The most that each layer can lose alone for at most so much accuracy; 0 if nothing.

    A layer counts up to the first sparsity that costs more.

    >>> borne(0.9, {"a": {0.1: 0.9, 0.5: 0.5, 0.9: 0.9}}, 0.02)
    {'a': 0.1}
    """
    most = {}
    for name, found in accuracies.items():
        most[name] = 0.0
        for sparsity in sorted(found):
            if found[sparsity] < dense - drop - 1e-12:
                break
            most[name] = sparsity
    return most
