"""A plain multilayer perceptron."""

from __future__ import annotations

import math
from collections import OrderedDict
from itertools import pairwise
from typing import Annotated, Literal

from torch import nn

from prunelab.registry import Range, model
from prunelab.spec import SpecError

Activation = Literal["relu", "tanh", "gelu", "sigmoid"]
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "sigmoid": nn.Sigmoid,
}
WIDEST = 8192


@model(traits={"network"}, lr=0.1, batch_size=50, momentum=0.9, weight_decay=5e-4)
def mlp(
    shape: tuple[int, ...],
    classes: int,
    *,
    widths: Annotated[str, "neurons of each hidden layer, such as 64-32"] = "64-32",
    activation: Annotated[Activation, "after each hidden layer"] = "relu",
    share: Annotated[
        float, Range(1e-4, 1, 0.01), "of the weights, by narrowing every hidden layer alike"
    ] = 1.0,
) -> nn.Module:
    """A multilayer perceptron with hidden layers of your choice.

    Layers are called fc1, fc2, ... and start with PyTorch's default (Kaiming uniform).
    """
    return perceptron(
        shape, classes, narrowed(math.prod(shape), _parsed(widths), classes, share), activation
    )


def narrowed(inputs: int, widths: list[int], classes: int, share: float) -> list[int]:
    """The widest layers in the same proportions with at most a share of the weights.

    At least one neuron a layer; so small that one is too many, it is one.

    >>> narrowed(64, [300, 100], 10, 0.1)
    [58, 19]
    """
    limit = share * _units([inputs, *widths, classes])
    most = max(widths, default=0)
    sizes = ([max(1, n * w // most) for w in widths] for n in range(most, 0, -1))
    fitting = (s for s in sizes if _units([inputs, *s, classes]) <= limit)
    return next(fitting, [1] * len(widths))


def _units(sizes: list[int]) -> int:
    return sum(a * b for a, b in pairwise(sizes))


def perceptron(
    shape: tuple[int, ...], classes: int, widths: list[int], activation: str
) -> nn.Sequential:
    """Flatten, then fully connected layers fc1, fc2, ... with an activation between them."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    sizes = [math.prod(shape), *widths, classes]
    for i, (size, following) in enumerate(pairwise(sizes), 1):
        layers[f"fc{i}"] = nn.Linear(size, following)
        if i <= len(widths):
            layers[f"act{i}"] = ACTIVATIONS[activation]()
    return nn.Sequential(layers)


def _parsed(widths: str) -> list[int]:
    words = [word.strip() for word in widths.split("-")] if widths.strip() else []
    for word in words:
        if not (word.isascii() and word.isdigit() and 1 <= int(word) <= WIDEST):
            raise SpecError(
                f"widths must be whole numbers from 1 to {WIDEST} joined by '-', such as 64-32, "
                f"got {widths!r}."
            )
    return [int(word) for word in words]
