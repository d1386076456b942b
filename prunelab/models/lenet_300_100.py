"""LeNet-300-100, the fully connected network of the pruning literature."""

from __future__ import annotations

from typing import Annotated

from torch import nn

from prunelab.models.mlp import Activation, perceptron
from prunelab.registry import model


@model(traits={"network"}, lr=0.1, batch_size=50, momentum=0.9, weight_decay=5e-4)
def lenet_300_100(
    shape: tuple[int, ...],
    classes: int,
    *,
    activation: Annotated[Activation, "after fc1 and fc2"] = "relu",
) -> nn.Module:
    """LeNet-300-100: two hidden layers of 300 and 100 neurons (LeCun et al. 1998).

    Layers fc1, fc2, fc3; 266,200 prunable weights on 28 x 28 images. Starts with PyTorch's default
    (Kaiming uniform).
    """
    return perceptron(shape, classes, [300, 100], activation)
