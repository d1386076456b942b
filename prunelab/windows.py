"""Layers that look at images through windows, for all networks of a stack at once.

Images are (networks, channels, height, width, examples): what one weight meets lies together, so a
convolution is one product with copies of whole rows, and its slopes are products too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from prunelab.links import Link

FIT = 2**20  # numbers: so much of what the windows show fits the processor's cache
_aten = torch.ops.aten


class Room:
    """Memory that is used again: new memory takes longer to get than these layers to fill it."""

    def __init__(self) -> None:
        self.held = torch.empty(0)

    def like(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """Of a shape, with anything in it."""
        numbers = math.prod(shape)
        if self.held.numel() < numbers:
            self.held = x.new_empty(numbers)
        return self.held[:numbers].view(shape)


class Convolution(Link):
    """Every window times every filter."""

    def __init__(self, layer: Any, own: Sequence[Tensor], fresh: bool) -> None:
        super().__init__(layer, own, fresh)
        self.filters = own[0].detach().flatten(2)  # (networks, filters, numbers of a window)
        self.bias = own[1].detach().unsqueeze(2)
        self.slopes: Any = [values.grad for values in own]
        self.padded, self.out, self.shown, self.before = (Room() for _ in range(4))

    @staticmethod
    def fits(layer: Any) -> bool:
        """With a bias, all channels in every window, and zeros around."""
        zeros = layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
        return layer.bias is not None and layer.groups == 1 and zeros

    def forward(self, x: Tensor) -> Tensor:
        """As many images as there are filters."""
        high, wide = self.layer.padding
        shape = (*x.shape[:2], x.shape[2] + 2 * high, x.shape[3] + 2 * wide, x.shape[4])
        self.x = self.padded.like(x, shape).zero_()
        self._inside(self.x).copy_(x)
        self.shape = self._windows(self.x).shape
        places = self.shape[4:]
        out = self.out.like(x, (*self.filters.shape[:2], places.numel()))
        for some in self._some():
            columns = self._columns(some)
            torch.baddbmm(self.bias[some], self.filters[some], columns, out=out[some])
        return out.view(*out.shape[:2], *places)

    def backward(self, slope: Tensor) -> Tensor:
        """The windows are shown once more: keeping what they show would take much memory."""
        weight, bias = self.slopes
        slope = slope.flatten(2)
        torch.sum(slope, 2, out=bias)
        before = self.before.like(slope, self.x.shape).zero_() if self.deep else self.x
        for some in self._some():
            columns = self._columns(some)
            torch.bmm(slope[some], columns.mT, out=weight[some].flatten(2))
            if self.deep:
                torch.bmm(self.filters[some].mT, slope[some], out=columns)
                self._give_back(columns, before[some])
        return self._inside(before)

    def _inside(self, padded: Tensor) -> Tensor:
        high, wide = self.layer.padding
        return padded[:, :, high : padded.shape[2] - high, wide : padded.shape[3] - wide]

    def _some(self) -> Iterator[slice]:
        """The networks, so many at a time as fit."""
        at_once = max(1, FIT // self.shape[1:].numel())
        return (slice(i, i + at_once) for i in range(0, self.shape[0], at_once))

    def _windows(self, x: Tensor) -> Tensor:
        """(networks, channels, kernel height and width, places down and across, examples)."""
        kernel, stride, reach = self.layer.kernel_size, self.layer.stride, self.layer.dilation
        sizes = zip(x.shape[2:4], kernel, stride, reach, strict=True)
        places = ((n - far * (k - 1) - 1) // step + 1 for n, k, step, far in sizes)
        shape = (*x.shape[:2], *kernel, *places, x.shape[4])
        network, channel, *along, example = x.stride()
        inside = (a * far for a, far in zip(along, reach, strict=True))
        between = (a * step for a, step in zip(along, stride, strict=True))
        return x.as_strided(shape, (network, channel, *inside, *between, example))

    def _columns(self, some: slice) -> Tensor:
        """What the windows show: (networks, numbers of a window, places and examples)."""
        shown = self._windows(self.x[some])
        return self.shown.like(shown, shown.shape).copy_(shown).flatten(4).flatten(1, 3)

    def _give_back(self, columns: Tensor, x: Tensor) -> None:
        """Add to each number what every window that shows it has for it."""
        windows = self._windows(x)
        rows = zip(windows.unbind(2), columns.view(windows.shape).unbind(2), strict=True)
        for theirs, ours in rows:
            for number, more in zip(theirs.unbind(2), ours.unbind(2), strict=True):
                number.add_(more)


class Pooling(Link):
    """The largest number of each window."""

    def __init__(self, layer: Any, own: Sequence[Tensor], fresh: bool) -> None:
        super().__init__(layer, own, fresh)
        sizes = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
        self.way = (*map(_pair, sizes), layer.ceil_mode)
        self.before, self.shape = Room(), torch.Size()
        self.out, self.where = torch.empty(0), torch.empty(0)

    @staticmethod
    def fits(layer: Any) -> bool:
        """That says nothing else."""
        return not layer.return_indices

    def forward(self, x: Tensor) -> Tensor:
        """Torch's own, for which the examples are channels that come last."""
        self.x = x
        if x.shape == self.shape:  # memory of the last time
            held = {"out": self.out, "indices": self.where}
            _aten.max_pool2d_with_indices.out(_channels(x), *self.way, **held)
        else:
            self.out, self.where = _aten.max_pool2d_with_indices(_channels(x), *self.way)
            self.shape = x.shape
        return self._images(self.out)

    def backward(self, slope: Tensor) -> Tensor:
        """To the largest."""
        x = _channels(self.x)
        before = _channels(self.before.like(slope, self.x.shape))
        _aten.max_pool2d_with_indices_backward.grad_input(
            _channels(slope), x, *self.way, self.where, grad_input=before
        )
        return self._images(before)

    def _images(self, x: Tensor) -> Tensor:
        x = x.permute(0, 2, 3, 1)
        return x.reshape(*self.shape[:2], *x.shape[1:])


def _channels(x: Tensor) -> Tensor:
    """(networks times channels, examples, height, width), as torch has images."""
    return x.flatten(0, 1).permute(0, 3, 1, 2)


def _pair(size: int | tuple[int, int]) -> list[int]:
    return [size, size] if isinstance(size, int) else list(size)


LINKS: dict[type[nn.Module], type[Link]] = {nn.Conv2d: Convolution, nn.MaxPool2d: Pooling}
