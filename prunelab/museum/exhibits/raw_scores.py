"""Sums of absolute weights are compared between layers of different size."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from prunelab.museum import bench
from prunelab.museum.exhibit import Exhibit, Shown


def broken(filters: list[Tensor]) -> list[Tensor]:
    """A score for each filter of each layer."""
    scores = []
    for weight in filters:
        norms = weight.abs().flatten(1).sum(1)
        scores.append(norms)
    return scores


def mended(filters: list[Tensor]) -> list[Tensor]:
    """A score for each filter of each layer, in units of its layer."""
    scores = []
    for weight in filters:
        norms = weight.abs().flatten(1).sum(1)
        scores.append(norms / norms.mean())
    return scores


def _cut(net: nn.Module, scores: list[Tensor], sparsity: float) -> None:
    """The lowest scores of all layers go, with their batch normalisation."""
    every = torch.cat(scores)
    line = every.sort().values[round(sparsity * len(every))]
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    for weight, norm, score in zip(_filters(net), norms, scores, strict=True):
        for tensor in (weight, norm.weight.data, norm.bias.data):
            tensor[score < line] = 0


def _filters(net: nn.Module) -> list[Tensor]:
    return [m.weight.data for m in net.modules() if isinstance(m, nn.Conv2d)]


def show() -> Shown:
    """Accuracy by the share of filters that goes: with the tool's scores, and with fair ones."""
    data, dense = bench.digits(), bench.cnn()
    bench.train(dense, data.x, data.y)
    shares = [0.0, 0.1, 0.2, 0.3, 0.4]
    found: list[list[float]] = []
    for score in (broken, mended):
        found.append([])
        for share in shares:
            net = copy.deepcopy(dense)
            _cut(net, score(_filters(net)), share)
            found[-1].append(bench.right(net, data.x_validation, data.y_validation))
    return Shown(shares, found[0], found[1], at=2)


EXHIBIT = Exhibit(
    title="The first layer that always loses",
    scene=(
        "A tool gives every filter the sum of its absolute weights as a score, puts the scores of "
        "all layers into one list, and removes the lowest ones. Nothing is trained afterwards."
    ),
    says="With {x} of the filters removed, {printed} of the answers are right: pruning hurts.",
    is_true="With scores in units of their own layer, {true} are right at the same sparsity.",
    options=(
        "Absolute weights say nothing about filters",
        "The network was not trained for long enough before",
        "Sums over filters of different size were compared, so small filters went first",
        "Batch normalisation was removed along with the filters",
    ),
    answer=2,
    why=(
        "A filter of the first layer has 9 weights, one of the last 288. Its sum is smaller for "
        "having fewer terms, not for mattering less: the whole first layer dies."
    ),
    instead=(
        "Here every method says in which unit its scores are, filters share by layer unless told "
        "otherwise, and a layer never loses its last filter."
    ),
    axes=("filters removed", "right answers, not retrained"),
    unit="%",
    broken=broken,
    mended=mended,
    show=show,
    link="lab",
)
