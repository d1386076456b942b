"""A small VGG: stages of convolution, batch normalisation and ReLU."""

from __future__ import annotations

from collections import OrderedDict
from typing import Annotated

from torch import nn

from prunelab.registry import Range, model


@model(
    traits={"network", "convolutional", "batch-normalised network"},
    needs={"images"},
    lr=0.05,
    batch_size=64,
    optimizer="sgd",
    momentum=0.9,
    weight_decay=5e-4,
)
def vgg_small(
    shape: tuple[int, ...],
    classes: int,
    *,
    width: Annotated[int, Range(4, 64, 4), "filters of the first stage, doubled each stage"] = 16,
    depth: Annotated[int, Range(1, 3, 1), "convolutions in a stage"] = 1,
) -> nn.Module:
    """A small VGG: three stages of 3 x 3 convolution, batch normalisation and ReLU.

    Each stage doubles the filters and, while more than 3 pixels are left, halves the image. Starts
    with PyTorch's default (Kaiming uniform).
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels, side = shape[0], min(shape[1:])
    for stage in range(1, 4):
        for i in range(1, depth + 1):
            filters = width * 2 ** (stage - 1)
            layers[f"conv{stage}_{i}"] = nn.Conv2d(channels, filters, 3, padding=1, bias=False)
            layers[f"bn{stage}_{i}"] = nn.BatchNorm2d(filters)
            layers[f"relu{stage}_{i}"] = nn.ReLU()
            channels = filters
        if side > 3:
            layers[f"pool{stage}"] = nn.MaxPool2d(2)
            side //= 2
    layers["mean"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(channels, classes)
    return nn.Sequential(layers)
