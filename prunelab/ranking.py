"""The units of highest score over any number of tensors, without sorting or joining.

A sample puts the cut between two scores; one pass marks what is above them and holds what is
between, which nearly always has the cut (Floyd and Rivest 1975) and is partly sorted. Where it has
not, or is much, as with many ties, the cut is found by halving: floating-point numbers of one sign
are in the order of their bits, so 32 or 64 counts of what is above a number are enough. A piece of
a tensor is read at a time, so little memory is used beside the mask.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SMALL = 1 << 13  # units that are partly sorted together: too few for a sample
PIECE = 1 << 18  # units read at a time: what a processor's cache holds
SAMPLE = 1 << 18  # units that are looked at first,
STEP = 16  # but of so many at most one
APART = 4  # deviations of a share of the sample, to either side of the cut
HELD = 32  # of so many units at most one is held
WIDE = (torch.float64, torch.int64, torch.int32)
WHOLE = {torch.float32: torch.int32, torch.float64: torch.int64}  # of as many bits
Scores = Mapping[str, Tensor]
Masks = dict[str, Tensor]
Parts = Mapping[str, Callable[..., Iterator[tuple[Any, Any, Any]]]]


class Each(Mapping[str, Tensor]):
    """A function of every element of some tensors, worked out when it is read, and not kept.

    >>> Each({"a": torch.tensor([-2.0])}, torch.abs)["a"]
    tensor([2.])
    """

    def __init__(self, tensors: Scores, function: Callable[[Tensor], Tensor]) -> None:
        self.tensors, self.function = tensors, function

    def __getitem__(self, name: str) -> Tensor:
        return self.function(self.tensors[name].detach())

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)


def like(scores: Scores) -> Scores:
    """Tensors of the shapes, dtypes and devices of the scores, with nothing worked out."""
    return scores.tensors if isinstance(scores, Each) else scores


def highest(
    scores: Scores, keep: int, within: Scores | None = None, only: str | None = None
) -> Masks:
    """The masks of the ``keep`` highest scores over all tensors together.

    Of equal scores those in earlier tensors stay, then those of lower index.

    >>> highest({"a": torch.tensor([1.0, 3.0]), "b": torch.tensor([3.0])}, 1)
    {'a': tensor([False,  True]), 'b': tensor([False])}

    Args:
        scores: any shapes and real dtypes; 64-bit integers count as float64.
        keep: units to keep; all of them where there are fewer.
        within: bool masks as the scores; units that are False do not stay.
        only: look at this tensor alone.

    Raises:
        ValueError: a NaN or infinite score.
    """
    tensors = {n: s for n, s in like(scores).items() if only in (None, n)}
    units = sum(count(within[n]) if within else s.numel() for n, s in tensors.items())
    keep = min(keep, units)
    if keep <= 0:
        return {n: _empty(s).zero_() for n, s in tensors.items()}
    dtype = torch.float64 if {s.dtype for s in tensors.values()} & set(WIDE) else torch.float32
    parts = {n: functools.partial(_pieces, scores, n, within, dtype) for n in tensors}
    masks = {n: _empty(s) for n, s in tensors.items()}
    low, high = _between(parts, masks, keep / units)
    if not _narrow(parts, masks, keep, low, high):
        _mark(parts, masks, *_search(parts, keep, low, high, dtype))
    return masks


def count(mask: Tensor) -> int:
    """How many are True."""
    library, plain = _plain(mask)
    return int(library.count_nonzero(plain))


def _empty(score: Tensor) -> Tensor:
    """A mask like the scores, with nothing in it."""
    if score.device.type == "cpu":  # numpy asks for huge pages: fewer faults at the first touch
        return torch.from_numpy(np.empty(score.shape, dtype=bool))
    return torch.empty(score.shape, dtype=torch.bool, device=score.device)


def _pieces(
    scores: Scores, name: str, within: Scores | None, dtype: torch.dtype, step: int = 1
) -> Iterator[tuple[Any, Any, Any]]:
    """The scores of a tensor piece by piece, flat, with the same pieces of ``within``.

    Plain, after what works with them.
    """
    flat = like(scores)[name].detach().flatten()[::step]
    size = PIECE if flat.device.type == "cpu" else max(PIECE, flat.numel())
    left = torch.split(within[name].flatten()[::step], size) if within else itertools.repeat(None)
    for raw, there in zip(torch.split(flat, size), left, strict=False):
        part = (scores.function(raw) if isinstance(scores, Each) else raw).to(dtype)
        if not math.isfinite(part.sum()) and not torch.isfinite(part).all():
            raise ValueError(f"The scores of {name} must be finite, got NaN or infinity.")
        yield *_plain(part), None if there is None else _plain(there)[1]


def _between(parts: Parts, masks: Masks, share: float) -> tuple[float, float]:
    """Two scores that the cut is between, as far as a sample can tell; all there are, if few."""
    units = sum(mask.numel() for mask in masks.values())
    if units <= SMALL:
        return -math.inf, math.inf
    step = max(STEP, units // SAMPLE) | 1  # odd, for most rows are of even length
    looked = [
        _home(score if there is None else score[there])
        for pieces in parts.values()
        for _, score, there in pieces(step=step)
    ]
    found = np.concatenate(looked)
    apart = APART * math.sqrt(share * (1 - share) * len(found)) + 1
    lower, upper = (int((1 - share) * len(found) + far) for far in (-apart, apart))
    places = [max(0, lower), min(upper, len(found) - 1)]
    low, high = np.partition(found, places)[places] if len(found) else (-math.inf, math.inf)
    return (
        float(low) if lower >= 0 else -math.inf,
        float(high) if upper < len(found) else math.inf,
    )


def _narrow(parts: Parts, masks: Masks, keep: int, low: float, high: float) -> bool:
    """Fill the masks where the cut is between two scores and not much else; tell whether it is."""
    most = max(SMALL, SAMPLE, sum(mask.numel() for mask in masks.values()) // HELD)
    near, found, left = [], [], keep
    for piece, above, places, values in _split(parts, masks, low, high):
        left -= above
        most -= len(places)
        if left <= 0 or most < 0:
            return False
        near.append((piece, places))
        found.append(values)
    among = np.concatenate(found)
    if left > len(among):
        return False
    place = len(among) - left
    value = np.partition(among, place)[place]  # 20 times as fast as torch's kthvalue
    stay = among > value
    stay[np.flatnonzero(among == value)[: left - np.count_nonzero(stay)]] = True
    for piece, places in near:
        mine, stay = stay[: len(places)], stay[len(places) :]
        piece[places[mine]] = True
    return True


def _mark(parts: Parts, masks: Masks, value: float, ties: int) -> None:
    """Fill the masks with what is above a score and the first few at it."""
    for piece, _, places, _ in _split(parts, masks, value, value):
        piece[places[:ties]] = True
        ties -= min(ties, len(places))


def _split(
    parts: Parts, masks: Masks, low: float, high: float
) -> Iterator[tuple[Any, int, Any, NDArray[Any]]]:
    """Write what is above ``high`` into the masks, piece by piece, and find what is between.

    Yields the piece of the mask, how many are above, and the places and scores of those between.
    """
    for name, pieces in parts.items():
        flat, at = _plain(masks[name].view(-1))[1], 0
        for library, score, there in pieces():
            piece = flat[at : at + len(score)]
            at += len(score)
            library.greater(score, high, out=piece)
            near = score >= low
            near ^= piece
            if there is not None:
                near &= there
                piece &= there
            places = library.where(near)[0]
            yield piece, int(library.count_nonzero(piece)), places, _home(score[places])


def _plain(tensor: Tensor) -> tuple[Any, Any]:
    """What works with a tensor, and the tensor for it: numpy, which compares faster, or torch."""
    return (np, tensor.numpy()) if tensor.device.type == "cpu" else (torch, tensor)


def _home(values: Any) -> NDArray[Any]:
    """Plain values where numpy has them."""
    return values if isinstance(values, np.ndarray) else values.cpu().numpy()


def _search(
    parts: Parts, keep: int, low: float, high: float, dtype: torch.dtype
) -> tuple[float, int]:
    """The score of the last that stays, and how many at it stay, by halving what it may be.

    Where two scores are the bounds of a sample they are tried first.
    """
    ends = torch.finfo(dtype)
    least, most = _place(ends.min, dtype), _place(ends.max, dtype)
    guesses, ties = [_place(low, dtype) - 1, _place(high, dtype)], keep
    while least < most:
        guess = guesses.pop() if guesses else (least + most) // 2
        guess = min(max(guess, least), most - 1)
        higher = _higher(parts, _number(guess, dtype))
        if higher < keep:
            most, ties = guess, keep - higher
        else:
            least = guess + 1
    return _number(least, dtype), ties


def _higher(parts: Parts, value: float) -> int:
    """How many scores are above a value."""
    higher = 0
    for pieces in parts.values():
        for library, score, there in pieces():
            more = score > value
            if there is not None:
                more &= there
            higher += int(library.count_nonzero(more))
    return higher


def _place(number: float, dtype: torch.dtype) -> int:
    """The place of a number in the order of all numbers of its dtype, counted from zero."""
    bits = int(torch.tensor(abs(number), dtype=dtype).view(WHOLE[dtype]))
    return bits if number >= 0 else -bits


def _number(place: int, dtype: torch.dtype) -> float:
    """The number at a place in that order."""
    size = float(torch.tensor(abs(place), dtype=WHOLE[dtype]).view(dtype))
    return size if place >= 0 else -size
