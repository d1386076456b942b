"""Weights and scores binned where the tensors are, so that a page never receives them raw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from prunelab.events import Histogram
from prunelab.masks import Masks, Scores
from prunelab.probes import weights

BINS = 80
WIDE = 1e3  # scores that span more than this ratio are binned by their logarithm


def weights_histogram(
    net: nn.Module,
    stage: Literal["start", "dense", "pruned", "recovered"],
    stays: Mapping[str, Tensor] | None = None,
) -> Histogram:
    """The weights of each layer; with ``stays`` (parameter name: bool) also those that are kept."""
    names = {id(p): name for name, p in net.named_parameters()}
    layers = []
    for layer, weight in weights(net).items():
        mask = (stays or {}).get(names[id(weight)])
        if stage == "recovered" and mask is not None:
            layers.append(_row(layer, weight.detach()[mask], None, symmetric=True))
        else:
            layers.append(_row(layer, weight.detach(), mask, symmetric=True))
    return Histogram(quantity="weights", label="weight", stage=stage, layers=layers)


def scores_histogram(label: str, scores: Scores, mask: Masks) -> Histogram:
    """The scores of each group, those that stay, and the lowest score that stays."""
    layers = []
    wide = all(float(s.min()) > 0 and float(s.max() / s.min()) > WIDE for s in scores.values())
    for name, score in scores.items():
        shown = score.double().log10() if wide else score
        layers.append({**_row(name, shown, mask[name]), "threshold": lowest(shown, mask[name])})
    label = f"log10 {label}" if wide else label
    return Histogram(quantity="scores", label=label, stage="pruned", layers=layers)


def lowest(score: Tensor, mask: Tensor) -> float | None:
    """The lowest score that stays: the threshold of the group; None if nothing stays."""
    stays = score.detach()[mask.to(score.device)]
    return float(stays.min()) if stays.numel() else None


def _row(name: str, values: Tensor, mask: Tensor | None, symmetric: bool = False) -> dict[str, Any]:
    low, high = _range(values, symmetric)
    row = {"name": name, "low": low, "high": high, "counts": _counts(values, low, high)}
    if mask is not None:
        row["kept"] = _counts(values[mask.to(values.device)], low, high)
    return row


def _range(values: Tensor, symmetric: bool) -> tuple[float, float]:
    if not values.numel():
        return -1.0, 1.0
    low, high = float(values.min()), float(values.max())
    if symmetric:
        low, high = -max(-low, high, 1e-12), max(-low, high, 1e-12)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _counts(values: Tensor, low: float, high: float) -> list[int]:
    flat = values.detach().float().flatten().cpu()
    return [int(n) for n in torch.histc(flat, BINS, low, high)]
