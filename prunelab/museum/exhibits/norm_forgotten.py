"""Filters become zero, their batch normalisation does not."""

from __future__ import annotations

import copy

from torch import nn

from prunelab.museum import bench
from prunelab.museum.exhibit import Exhibit, Shown

SEEDS, EPOCHS, SHARE = 6, 5, 0.25


def broken(net: nn.Sequential, sparsity: float) -> None:
    """Zero the smallest filters of each convolution."""
    for conv in net[0:9:3]:
        scores = conv.weight.abs().flatten(1).sum(1)
        gone = scores.argsort()[: round(sparsity * len(scores))]
        conv.weight.data[gone] = 0
        conv.bias.data[gone] = 0


def mended(net: nn.Sequential, sparsity: float) -> None:
    """Zero the smallest filters of each convolution, and what comes after them."""
    for conv, norm in zip(net[0:9:3], net[1:9:3], strict=True):
        scores = conv.weight.abs().flatten(1).sum(1)
        gone = scores.argsort()[: round(sparsity * len(scores))]
        conv.weight.data[gone] = 0
        conv.bias.data[gone] = 0
        norm.weight.data[gone] = 0
        norm.bias.data[gone] = 0


def show() -> Shown:
    """Right answers with zeros, and of the small network that is shipped, network by network."""
    data, said, true = bench.digits(), [], []
    for seed in range(SEEDS):
        dense = bench.cnn(seed)
        bench.train(dense, data.x, data.y, EPOCHS, seed=seed)
        masked, small = copy.deepcopy(dense), copy.deepcopy(dense)
        broken(masked, SHARE)
        mended(small, SHARE)  # a filter that is not there puts out nothing
        said.append(bench.right(masked, data.x_validation, data.y_validation))
        true.append(bench.right(small, data.x_validation, data.y_validation))
    return Shown([seed + 1.0 for seed in range(SEEDS)], said, true, at=1)


EXHIBIT = Exhibit(
    title="The filter that is gone and still speaks",
    scene=(
        "A tool sets the smallest filters to zero, measures how good the network still is, and "
        "then builds the small network without them. The small one is what people get."
    ),
    says="Network {x} with a quarter of its filters at zero: {printed} of the answers are right.",
    is_true=(
        "The small network without those filters gets {true} right. For other networks the number "
        "errs to the other side: it is that of a network nobody gets."
    ),
    options=(
        "The bias of the convolution was set to zero as well",
        "Batch normalisation still adds its own constant where the filter puts out nothing",
        "Different filters were removed from the small network",
        "Accuracy was measured on other examples",
    ),
    answer=1,
    why=(
        "Batch normalisation turns a zero into (0 − mean) / deviation · weight + bias. A zeroed "
        "filter goes on sending that constant to the next layer; a filter that is cut does not."
    ),
    instead=(
        "Here a filter, its normalisation and what reads it are one group. Constants are folded "
        "into the next layer, and a law holds in tests: masked and shrunk networks answer alike."
    ),
    axes=("network", "right answers, not retrained"),
    unit="%",
    broken=broken,
    mended=mended,
    show=show,
    link="lab",
)
