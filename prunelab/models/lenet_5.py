"""LeNet-5 in the form the pruning literature uses."""

from __future__ import annotations

from collections import OrderedDict
from typing import Annotated

from torch import nn

from prunelab.models.mlp import ACTIVATIONS, Activation
from prunelab.registry import model
from prunelab.spec import SpecError

SMALL = 20  # below so many pixels two unpadded 5 x 5 convolutions leave nothing


@model(
    traits={"network", "convolutional"},
    needs={"images"},
    lr=0.05,
    batch_size=50,
    optimizer="sgd",
    weight_decay=5e-4,
)
def lenet_5(
    shape: tuple[int, ...],
    classes: int,
    *,
    activation: Annotated[Activation, "after each hidden layer"] = "relu",
) -> nn.Module:
    """LeNet-5 as Caffe has it: convolutions of 20 and 50 filters, then 500 neurons.

    430,500 prunable weights on 28 x 28 grey images. Images of less than 20 pixels are padded by 2
    at each convolution, so that something is left of them. Starts with PyTorch's default (Kaiming
    uniform).

    Raises:
        SpecError: images of less than 4 pixels a side.
    """
    channels, *sides = shape
    if min(sides) < 4:
        raise SpecError(f"lenet-5 needs images of at least 4 x 4 pixels, got {sides}.")
    padding = 2 if min(sides) < SMALL else 0
    height, width = (_left(side, padding) for side in sides)
    act = ACTIVATIONS[activation]
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(channels, 20, 5, padding=padding),
            act1=act(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(20, 50, 5, padding=padding),
            act2=act(),
            pool2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            fc1=nn.Linear(50 * height * width, 500),
            act3=act(),
            fc2=nn.Linear(500, classes),
        )
    )


def _left(side: int, padding: int) -> int:
    for _ in range(2):
        side = (side + 2 * padding - 4) // 2
    return side
