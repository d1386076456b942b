"""LeNet-300-100, the fully connected network of the pruning literature."""

from __future__ import annotations

from typing import Annotated

from torch import nn

from prunelab.models.mlp import Activation, perceptron
from prunelab.registry import model


@model(traits={"network"}, lr=1.2e-3, batch_size=60, optimizer="adam", weight_decay=0.0)
def lenet_300_100(
    shape: tuple[int, ...],
    classes: int,
    *,
    activation: Annotated[Activation, "after fc1 and fc2"] = "relu",
) -> nn.Module:
    """LeNet-300-100: two hidden layers of 300 and 100 neurons (LeCun et al. 1998).

    Layers fc1, fc2, fc3; 266,200 prunable weights on 28 x 28 images. Starts with PyTorch's default
    (Kaiming uniform); Adam at 0.0012 is the recipe of the lottery ticket paper.
    """
    return perceptron(shape, classes, [300, 100], activation)
