"""The mask is taken off before retraining."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.utils import prune

from prunelab.museum import bench
from prunelab.museum.exhibit import Exhibit, Shown

EPOCHS = 6
Data = tuple[torch.Tensor, torch.Tensor]


def broken(net: nn.Module, train: Data, sparsity: float) -> float:
    """Prune, make it permanent, train on."""
    layers = [(m, "weight") for m in net.modules() if isinstance(m, nn.Linear)]
    prune.global_unstructured(layers, prune.L1Unstructured, amount=sparsity)
    for layer, name in layers:
        prune.remove(layer, name)
    bench.train(net, *train, EPOCHS)
    return sparsity


def mended(net: nn.Module, train: Data, sparsity: float) -> float:
    """Prune, train on, make it permanent."""
    layers = [(m, "weight") for m in net.modules() if isinstance(m, nn.Linear)]
    prune.global_unstructured(layers, prune.L1Unstructured, amount=sparsity)
    bench.train(net, *train, EPOCHS)
    for layer, name in layers:
        prune.remove(layer, name)
    return sparsity


def show() -> Shown:
    """At several sparsities: what is told after training, and the zeros that are left."""
    data, dense = bench.digits(), bench.mlp()
    bench.train(dense, data.x, data.y)
    asked, said, left = [0.5, 0.8, 0.9, 0.95], [], []
    for sparsity in asked:
        net = copy.deepcopy(dense)
        said.append(broken(net, (data.x, data.y), sparsity))
        left.append(bench.zeros(net))
    return Shown(asked, said, left, at=3)


EXHIBIT = Exhibit(
    title="The zeros that came back",
    scene=(
        "A tool removes the smallest weights of a trained network and trains on, so that the "
        "network recovers. Then it reports how sparse the network is."
    ),
    says="{printed} of the weights are zero.",
    is_true="After training, {true} of the weights are zero: the others woke up.",
    options=(
        "The weights were ranked over the whole network instead of layer by layer",
        "The masks were taken off before the training, so every weight could grow again",
        "The network was trained for too few epochs",
        "The learning rate was too high",
    ),
    answer=1,
    why=(
        "`prune.remove` multiplies the mask in and forgets it. What follows is the training of a "
        "dense network that starts with many zeros, and the first step moves all "
        "that have a gradient."
    ),
    instead=(
        "Here masks belong to the training: they are applied after every step, to weights, "
        "gradients and the optimiser's memory, and counted in every epoch."
    ),
    axes=("sparsity asked for", "zeros in the network one gets"),
    unit="%",
    broken=broken,
    mended=mended,
    show=show,
    link="lab",
)
