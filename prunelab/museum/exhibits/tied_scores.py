"""A threshold where many scores are equal."""

from __future__ import annotations

import torch
from torch import Tensor

from prunelab.museum import bench
from prunelab.museum.exhibit import Exhibit, Shown

STEPS = 8  # levels on either side of nought, as in weights of four bits


def broken(weights: Tensor, sparsity: float) -> Tensor:
    """The mask: True stays."""
    scores = weights.abs().flatten()
    gone = round(sparsity * len(scores))
    line = scores.sort().values[gone - 1]
    mask = scores > line
    return mask.view_as(weights)


def mended(weights: Tensor, sparsity: float) -> Tensor:
    """The mask: True stays."""
    scores = weights.abs().flatten()
    gone = round(sparsity * len(scores))
    order = scores.sort(stable=True).indices
    mask = torch.ones_like(scores, dtype=torch.bool).index_fill(0, order[:gone], False)
    return mask.view_as(weights)


def show() -> Shown:
    """Sparsity got against sparsity asked, on weights rounded to few levels."""
    data, net = bench.digits(), bench.mlp()
    bench.train(net, data.x, data.y)
    weight = bench.matrices(net)[0]
    levels = (weight / weight.abs().max() * STEPS).round()
    asked = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    got = [1 - float(broken(levels, s).double().mean()) for s in asked]
    return Shown(asked, list(asked), got, at=2)


EXHIBIT = Exhibit(
    title="Asked for half, got more",
    scene=(
        "The weights of a network were rounded to seventeen levels, to save memory. A tool looks "
        "for the score of the last weight that has to go, and keeps what is above it."
    ),
    says="{printed} of the weights are removed, as asked.",
    is_true="{true} of them are.",
    options=(
        "Sorting floating-point numbers is not exact",
        "Rounding made some weights zero before anything was pruned",
        "The absolute value was taken",
        "Many weights share the score at the line, and all of them went",
    ),
    answer=3,
    why=(
        "A threshold cannot cut through equal scores. With rounded weights, units that answered "
        "nothing, or scores that are zero, whole crowds stand on the line."
    ),
    instead=(
        "Here units are counted, not compared with a line: exactly so many go, of equals the last "
        "ones, and every result shows asked, got and of how many."
    ),
    axes=("sparsity asked for", "sparsity got"),
    unit="%",
    broken=broken,
    mended=mended,
    show=show,
    link="lab",
)
