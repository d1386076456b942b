"""Watches a training that prunes: stills to replay it by, and at its end where the weights went.

What is kept is bounded: at most ``FRAMES`` stills, and masks of ``BITS`` in all, one bit a weight.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from prunelab.course import Course
from prunelab.cover import Cover
from prunelab.events import Event, Frame, Moved
from prunelab.packing import pack_mask, pack_values
from prunelab.probes import parameter_names, weights

FRAMES = 49
BITS = 16 << 20
BINS = 48
POINTS = 6000  # of the sample of weights, over all layers
WAYS = ("away", "toward", "across")  # from zero, to it, past it to the other sign


class Watch:
    """Looks at one network while it trains; changes nothing, draws no random numbers."""

    def __init__(
        self, net: nn.Module, shape: tuple[int, ...], cover: Cover, course: Course, phase: str
    ) -> None:
        self.net, self.shape, self.cover, self.course, self.phase = net, shape, cover, course, phase
        self.before = {name: w.detach().clone() for name, w in weights(net).items()}

    def __call__(self, epoch: int, epochs: int) -> list[Event]:
        """A still, if it is time for one."""
        units = sum(w.numel() for w in self.before.values())
        most = min(FRAMES, BITS // max(1, units))
        if most < 2:
            return []
        apart = math.ceil(epochs / (most - 1))
        return [self._frame(epoch)] if epoch % apart == 0 or epoch == epochs else []

    @torch.no_grad()
    def _frame(self, epoch: int) -> Frame:
        values, stays = self._values(), self._stays()
        rows = []
        for name, w in values.items():
            mask = stays.get(name, torch.ones_like(w, dtype=torch.bool))
            packed = {"shape": list(w.shape), "mask": pack_mask(mask.cpu().numpy())}
            rows.append({"name": name, **packed, **_binned(w[mask])})
        return Frame(
            phase=self.phase, epoch=epoch, shape=list(self.shape), layers=rows, gates=self._gates()
        )

    def _values(self) -> dict[str, Tensor]:
        shown = self.course.shown() if self.course.shown else {}
        return {n: shown.get(n, w).detach() for n, w in weights(self.net).items()}

    def _stays(self) -> dict[str, Tensor]:
        """The mask by layer; before there is one, what the method itself would let through."""
        if not self.cover.parameters and self.course.shown:
            return {n: w.detach() != 0 for n, w in self.course.shown().items()}
        names = parameter_names(self.net)
        covered = self.cover.parameters
        return {layer: covered[n] for layer, n in names.items() if n in covered}

    def _gates(self) -> dict[str, Any]:
        gates = self.course.gates
        if gates is None:
            return {}
        rows = [{"name": n, **_binned(v.detach())} for n, v in gates.values().items()]
        about = {"label": gates.label, "threshold": gates.threshold, "shut": gates.shut}
        return {**about, "layers": rows}

    @torch.no_grad()
    def moved(self, start: Any) -> Moved:
        """From the values at the beginning to those now, before what is covered is zeroed."""
        stays = self._stays()
        each = max(50, POINTS // max(1, 2 * len(self.before)))
        rows = []
        for name, after in weights(self.net).items():
            before = self.before[name]
            mask = stays.get(name, torch.ones_like(after, dtype=torch.bool))
            sides = {"kept": mask, "removed": ~mask}
            points = {k: _points(before[m], after[m], each) for k, m in sides.items()}
            counts = [_ways(before[m], after[m]) for m in sides.values()]
            ways = {way: [side[way] for side in counts] for way in counts[0]}
            rows.append({"name": name, **points, **ways})
        return Moved(before=start, layers=rows)


def _binned(values: Tensor) -> dict[str, Any]:
    flat = values.float().flatten().cpu()
    flat = flat[flat.isfinite()]
    if not flat.numel():
        return {"low": -1.0, "high": 1.0, "counts": [0] * BINS}
    low, high = float(flat.min()), float(flat.max())
    low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
    return {
        "low": low,
        "high": high,
        "counts": [int(n) for n in torch.histc(flat, BINS, low, high)],
    }


def _points(before: Tensor, after: Tensor, most: int) -> str:
    """Evenly spread over the layer, so that a sample needs no random numbers."""
    apart = max(1, math.ceil(before.numel() / most))
    pairs = torch.stack([before[::apart], after[::apart]], dim=1)
    return pack_values(pairs.cpu().numpy())


def _ways(before: Tensor, after: Tensor) -> dict[str, int]:
    """How many went away from zero, towards it, or across it to the other sign."""
    across = before * after < 0
    away = ~across & (after.abs() > before.abs())
    counts = {"away": int(away.sum()), "across": int(across.sum())}
    return counts | {"toward": before.numel() - sum(counts.values())}
