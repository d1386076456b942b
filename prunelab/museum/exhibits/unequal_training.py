"""The pruned network had more training than the dense one it is compared with."""

from __future__ import annotations

import copy
import statistics

import torch
from torch import nn

from prunelab.museum import bench
from prunelab.museum.exhibit import Exhibit, Shown

SPARSITY, SEEDS, FIRST, FEW = 0.5, 5, 10, 300
Data = tuple[torch.Tensor, torch.Tensor]


def broken(dense: nn.Module, pruned: nn.Module, train: Data, fresh: Data, epochs: int) -> float:
    """What pruning gains, in right answers."""
    masked_training(pruned, train, epochs)
    return bench.right(pruned, *fresh) - bench.right(dense, *fresh)


def mended(dense: nn.Module, pruned: nn.Module, train: Data, fresh: Data, epochs: int) -> float:
    """What pruning gains, in right answers."""
    masked_training(pruned, train, epochs)
    masked_training(dense, train, epochs)
    return bench.right(pruned, *fresh) - bench.right(dense, *fresh)


def masked_training(net: nn.Module, train: Data, epochs: int) -> None:
    """Zeros stay zero; a dense network has none."""
    masks = [weight != 0 for weight in bench.matrices(net)]
    for epoch in range(epochs):
        bench.train(net, *train, 1, lr=0.05, seed=100 + epoch)
        for weight, mask in zip(bench.matrices(net), masks, strict=True):
            weight.mul_(mask)


def show() -> Shown:
    """The gain by epochs of fine-tuning, over several seeds."""
    data, counts = bench.digits(), [0, 2, 5, 10, 20]
    train, fresh = (data.x[:FEW], data.y[:FEW]), (data.x_test, data.y_test)
    found: list[list[list[float]]] = [[[] for _ in counts], [[] for _ in counts]]
    for seed in range(SEEDS):
        dense = bench.mlp(seed)
        bench.train(dense, *train, FIRST, lr=0.05, seed=seed)
        pruned = copy.deepcopy(dense)
        for weight in bench.matrices(pruned):
            line = weight.abs().flatten().kthvalue(round(SPARSITY * weight.numel())).values
            weight.mul_(weight.abs() > line)
        for gains, way in zip(found, (broken, mended), strict=True):
            for gain, epochs in zip(gains, counts, strict=True):
                nets = copy.deepcopy(dense), copy.deepcopy(pruned)
                gain.append(way(*nets, train, fresh, epochs))
    printed, true = [[statistics.mean(gain) for gain in gains] for gains in found]
    return Shown([float(n) for n in counts], printed, true, at=4)


EXHIBIT = Exhibit(
    title="Pruning makes it better",
    scene=(
        "Half of the weights are removed, the network is fine-tuned, and it is better than the "
        "dense network it came from. The abstract says that pruning improves accuracy."
    ),
    says="After {x} epochs of fine-tuning pruning gains {printed}.",
    is_true="Beside a dense network that was trained on as long, it gains {true}.",
    options=(
        "The pruned network was trained on, the dense one was not",
        "Too few weights were removed",
        "The learning rate of fine-tuning was too small",
        "Fine-tuning used other data",
    ),
    answer=0,
    why=(
        "What is measured is the gain of more epochs. The dense network would have gained from "
        "them as well, and nobody gave it any."
    ),
    instead=(
        "Here a comparison with unequal training gets a lower grade, with the reason, and the "
        "dense network trained as long is one click away."
    ),
    axes=("epochs of fine-tuning", "gain in right answers"),
    unit="points",
    broken=broken,
    mended=mended,
    show=show,
    link="compare",
)
