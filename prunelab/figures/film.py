"""The stills of a training that prunes, as numbers: masks, connections, what came and went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from prunelab.events import Frame, Result
from prunelab.packing import unpack_mask
from prunelab.speech import _, mark

Mask = NDArray[np.bool_]
NONE = mark(
    "This run has no stills. They are kept while a method prunes as it trains, by this "
    "version of PruneLab: run it again to see them."
)


class Badge(NamedTuple):
    """In how many epochs pruned weights were counted, and in how many all of them were zero."""

    checked: int
    kept: int


class Turnover(NamedTuple):
    """Connections that went and came between two stills, and how many there were after."""

    epoch: int
    dropped: int
    grown: int
    alive: int


def stills(result: Result) -> Sequence[Frame]:
    """All stills of a run.

    Raises:
        ValueError: it has none.
    """
    if not result.frames:
        raise ValueError(_(NONE))
    return result.frames


def moments(result: Result) -> list[int]:
    """The epochs there is a still of; empty for a run without."""
    return [frame.epoch for frame in result.frames]


def still(result: Result, epoch: int | None = None) -> Frame:
    """The last still at or before an epoch, or the last of all.

    Raises:
        ValueError: the run has none.
    """
    found = stills(result)
    before = [f for f in found if epoch is None or f.epoch <= epoch]
    return (before or [found[0]])[-1]


def names(result: Result) -> list[str]:
    """The layers of the stills."""
    return [str(row["name"]) for row in stills(result)[0].layers]


def row_of(frame: Frame, layer: str) -> Mapping[str, Any]:
    """What a still says of a layer.

    Raises:
        ValueError: there is no such layer.
    """
    for row in frame.layers:
        if row["name"] == layer:
            return row
    there = ", ".join(str(row["name"]) for row in frame.layers)
    raise ValueError(f"There is no layer {layer!r}; the layers are {there}.")


def mask(frame: Frame, layer: str) -> Mask:
    """Which weights of a layer are there."""
    row = row_of(frame, layer)
    return unpack_mask(row["mask"], row["shape"])


def fan(alive: Mask, *, out: bool = False) -> NDArray[np.int64]:
    """Connections into each neuron (or filter) of a layer; ``out``: from each of its inputs.

    >>> fan(np.array([[True, True], [False, True]])).tolist()
    [2, 1]
    """
    table = alive.reshape(len(alive), alive.shape[1] if alive.ndim > 1 else 1, -1)
    counted: NDArray[np.int64] = table.sum((0, 2) if out else (1, 2))
    return counted


def pixel_counts(frame: Frame) -> NDArray[np.int64]:
    """Connections from each input into the first layer, as the input's rows and columns.

    Of an image the channels are added up. A first convolution reads every pixel alike: then it is
    the connections at each place of its kernels.
    """
    alive = mask(frame, str(frame.layers[0]["name"]))
    if alive.ndim > 2:
        return np.atleast_2d(alive.sum((0, 1)))
    counts: NDArray[np.int64] = alive.sum(0)
    if len(frame.shape) == 3 and counts.size == np.prod(frame.shape):
        return np.asarray(counts.reshape(tuple(frame.shape)).sum(0))
    return counts.reshape(1, -1)


def is_image(frame: Frame) -> bool:
    """Whether an example is an image that the first layer reads whole."""
    return len(frame.shape) == 3 and len(frame.layers[0]["shape"]) == 2


def turnover(result: Result) -> list[Turnover]:
    """What came and went between each still and the one before."""
    found = []
    before: dict[str, Mask] = {}
    for frame in stills(result):
        now = {str(row["name"]): unpack_mask(row["mask"], row["shape"]) for row in frame.layers}
        if before:
            dropped = sum(int((before[n] & ~m).sum()) for n, m in now.items())
            grown = sum(int((m & ~before[n]).sum()) for n, m in now.items())
            alive = sum(int(m.sum()) for m in now.values())
            found.append(Turnover(frame.epoch, dropped, grown, alive))
        before = now
    return found


def badge(result: Result) -> Badge:
    """Epochs in which weights were pruned, and those in which every one of them was zero."""
    pruned = [epoch for epoch in result.epochs if epoch.sparsity]
    return Badge(len(pruned), sum(epoch.zeros_kept for epoch in pruned))
