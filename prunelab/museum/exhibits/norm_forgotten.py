"""Filters become zero, their batch normalisation does not."""

from __future__ import annotations

import copy

from torch import nn

from prunelab.museum import bench
from prunelab.museum.exhibit import Exhibit, Shown


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
    """Right answers of the network with zeros, and of the small one that is shipped."""
    data, dense = bench.digits(), bench.cnn()
    bench.train(dense, data.x, data.y)
    shares, said, true = [0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75], [], []
    for share in shares:
        masked, small = copy.deepcopy(dense), copy.deepcopy(dense)
        broken(masked, share)
        mended(small, share)  # a filter that is not there puts out nothing
        said.append(bench.right(masked, data.x_validation, data.y_validation))
        true.append(bench.right(small, data.x_validation, data.y_validation))
    return Shown(shares, said, true, at=3)


EXHIBIT = Exhibit(
    title="The filter that is gone and still speaks",
    scene=(
        "A tool sets the smallest filters to zero, measures how good the network still is, and "
        "then builds the small network without them. The small one is what people get."
    ),
    says="With {x} of the filters at zero, {printed} of the answers are right.",
    is_true="The small network without those filters gets {true} right.",
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
    axes=("filters removed from each layer", "right answers, not retrained"),
    unit="%",
    broken=broken,
    mended=mended,
    show=show,
    link="lab",
)
