"""The layers of a chain, for all networks of a stack at once.

Each remembers what went in, and knows its slopes. Gradients are written where those of the last
step were, and activations over what goes into them, so that little memory is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

NARROW = 16  # outputs: below, a product is faster with its factors exchanged
_aten = torch.ops.aten

# What may be written over what goes in: slopes that need only what comes out.
OVER: dict[type[nn.Module], Callable[[Tensor], Tensor]] = {
    nn.ReLU: torch.relu_,
    nn.Tanh: torch.tanh_,
    nn.Sigmoid: torch.sigmoid_,
}
# The slope before an activation, of the one after it, what went in and what came out.
SLOPES: dict[type[nn.Module], Callable[[Any, Tensor, Tensor, Tensor], Tensor]] = {
    nn.ReLU: lambda _, slope, x, out: _aten.threshold_backward.grad_input(
        slope, out, 0, grad_input=slope
    ),
    nn.Tanh: lambda _, slope, x, out: _aten.tanh_backward(slope, out),
    nn.GELU: lambda gelu, slope, x, out: _aten.gelu_backward(
        slope, x, approximate=gelu.approximate
    ),
    nn.Sigmoid: lambda _, slope, x, out: _aten.sigmoid_backward(slope, out),
}


class Link:
    """A layer of all networks.

    ``own`` are its stacked parameters; ``fresh`` whether what goes in may be written over; ``deep``
    whether a layer before it learns, so that slopes go on; ``images`` whether the examples come
    last where it stands.
    """

    deep = images = False

    def __init__(self, layer: Any, own: Sequence[Tensor], fresh: bool) -> None:
        self.layer, self.own, self.fresh = layer, own, fresh
        for values in own:
            values.grad = torch.empty_like(values)

    @staticmethod
    def fits(layer: Any) -> bool:
        """Whether a layer of this type is one of these."""
        return True

    def forward(self, x: Tensor) -> Tensor:
        """What comes out."""
        raise NotImplementedError

    def backward(self, slope: Tensor) -> Tensor:
        """The slope at what went in, where it is ``deep``; those of its own stay in ``grad``."""
        raise NotImplementedError


class Linear(Link):
    """x (networks, examples, inputs) to (networks, examples, outputs)."""

    def __init__(self, layer: Any, own: Sequence[Tensor], fresh: bool) -> None:
        super().__init__(layer, own, fresh)
        self.weight, bias = (values.detach() for values in own)
        self.slopes: Any = [values.grad for values in own]
        self.narrow = bias.shape[1] < NARROW
        self.bias = bias.unsqueeze(2 if self.narrow else 1)

    @staticmethod
    def fits(layer: Any) -> bool:
        """With a bias."""
        return layer.bias is not None

    def forward(self, x: Tensor) -> Tensor:
        """One product."""
        self.x = x
        if self.narrow:
            return torch.baddbmm(self.bias, self.weight, x.mT).mT
        return torch.baddbmm(self.bias, x, self.weight.mT)

    def backward(self, slope: Tensor) -> Tensor:
        """Two more."""
        weight, bias = self.slopes
        torch.bmm(slope.mT, self.x, out=weight)
        torch.sum(slope, 1, out=bias)
        return torch.bmm(slope, self.weight) if self.deep else slope


class Activation(Link):
    """Each number for itself."""

    def __init__(self, layer: Any, own: Sequence[Tensor], fresh: bool) -> None:
        super().__init__(layer, own, fresh)
        self.call: Callable[[Tensor], Tensor] = OVER.get(type(layer), layer) if fresh else layer
        self.slope = SLOPES[type(layer)]

    def forward(self, x: Tensor) -> Tensor:
        """Written over x where that may be."""
        self.x, self.out = x, self.call(x)
        return self.out

    def backward(self, slope: Tensor) -> Tensor:
        """Times the derivative."""
        return self.slope(self.layer, slope, self.x, self.out)


class Flatten(Link):
    """All numbers of an example in a row; of images the examples come last before it."""

    @staticmethod
    def fits(layer: Any) -> bool:
        """Of whole examples."""
        return (layer.start_dim, layer.end_dim) == (1, -1)

    def forward(self, x: Tensor) -> Tensor:
        """To (networks, examples, numbers)."""
        self.shape = x.shape
        return x.flatten(1, -2).mT if self.images else x.flatten(2)

    def backward(self, slope: Tensor) -> Tensor:
        """As they were."""
        return slope.mT.reshape(self.shape) if self.images else slope


LINKS: dict[type[nn.Module], type[Link]] = {
    nn.Linear: Linear,
    nn.Flatten: Flatten,
    **dict.fromkeys(SLOPES, Activation),
}
