"""The score of the last unit that stays, over any number of tensors, without sorting or joining.

A sample puts the cut between two scores; one pass counts what is above them and takes what is
between, which holds the cut nearly always (Floyd and Rivest 1975). Where it does not, as with many
ties, a radix search counts: the bits of floating-point numbers, read as integers, are in the order
of the numbers; one pass counts the upper 16 bits and finds the bucket that holds the cut, the next
looks only inside it. A piece of a tensor is read at a time, so little memory is used beside the
mask.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SMALL = 1 << 19  # units that are partly sorted together: where joining them costs little
PIECE = 1 << 17  # units read at a time: what a processor's cache holds
SAMPLE = 1 << 18  # units that are looked at first
APART = 4  # deviations of a share of the sample, to either side of the cut
ALL = 1 << 62  # more than there can be
FAST = {("cpu", torch.float32), ("cpu", torch.float64)}  # numpy compares ten times as fast
WIDE = (torch.float64, torch.int64, torch.int32)
Scores = Mapping[str, Tensor]
Masks = dict[str, Tensor]
Parts = Mapping[str, Callable[[], Iterator[tuple[Tensor, Tensor | None]]]]


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


def cut(
    scores: Scores, keep: int, within: Scores | None = None, only: str | None = None
) -> tuple[float, int]:
    """The score of the last unit that stays, and how many units of just that score stay.

    The number is ``ALL`` where every unit of that score stays.

    Args:
        scores: any shapes and real dtypes; 64-bit integers count as float64.
        only: look at this tensor alone.
        keep: units to keep over all tensors together; all of them where there are fewer.
        within: bool masks as the scores; units that are False are not counted.

    Raises:
        ValueError: a NaN or infinite score.
    """
    names = list(scores) if only is None else [only]
    if keep <= 0 or not names:
        return float("inf"), 0
    wide = {like(scores)[name].dtype for name in names} & set(WIDE)
    dtype = torch.float64 if wide else torch.float32
    parts = {name: functools.partial(_pieces, scores, name, within) for name in names}
    if sum(like(scores)[name].numel() for name in names) <= SMALL:
        return _partition(parts, keep, dtype)
    value, ties = _narrow(parts, keep, *_between(scores, names, keep, within)) or _search(
        parts, keep, dtype
    )
    if value == 0:  # 0.0 and -0.0 differ in their bits and are one score
        ties = keep - sum(count(scores, name, 0, within)[0] for name in names)
    return value, ties


def above(
    scores: Scores, name: str, value: float, ties: int, within: Scores | None = None
) -> tuple[Tensor, int]:
    """The mask of what is above a value and of up to ``ties`` units at it; and how many are at it.

    Lower indices first; ``within`` as for ``cut``.
    """
    score = like(scores)[name]
    mask = torch.empty(score.numel(), dtype=torch.bool, device=score.device)
    used = at = 0
    for part, there in _pieces(scores, name, within):
        piece = mask[at : at + len(part)]
        at += len(part)
        if ties == ALL:
            if (part.device.type, part.dtype) in FAST:
                np.greater_equal(part.numpy(), value, out=piece.numpy())
            else:
                torch.ge(part, value, out=piece)
            if there is not None:
                piece &= there
            continue
        level = part == value
        higher = part > value
        if there is not None:
            level &= there
            higher &= there
        met = int(level.count_nonzero())
        if met > ties - used:
            level[torch.nonzero(level).flatten()[ties - used :]] = False
            met = ties - used
        used += met
        torch.logical_or(higher, level, out=piece)
    return mask.reshape(score.shape), used


def count(scores: Scores, name: str, value: float, within: Scores | None = None) -> tuple[int, int]:
    """How many units are above a value, and how many are at it."""
    higher = level = 0
    for part, there in _pieces(scores, name, within):
        more, same = part > value, part == value
        higher += int((more if there is None else more & there).count_nonzero())
        level += int((same if there is None else same & there).count_nonzero())
    return higher, level


def _pieces(
    scores: Scores, name: str, within: Scores | None
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """The scores of a tensor piece by piece, flat, with the same pieces of ``within``."""
    flat = like(scores)[name].detach().flatten()
    there = within[name].flatten() if within else None
    size = PIECE if flat.device.type == "cpu" else max(PIECE, flat.numel())
    for at in range(0, flat.numel(), size):
        part = flat[at : at + size]
        if isinstance(scores, Each):
            part = scores.function(part)
        yield part, there[at : at + size] if there is not None else None


def _partition(parts: Parts, keep: int, dtype: torch.dtype) -> tuple[float, int]:
    """The cut by partial sorting of all scores together."""
    found = []
    for name, pieces in parts.items():
        for part, there in pieces():
            if not torch.isfinite(part).all():
                raise _endless(name)
            found.append((part if there is None else part[there]).to(dtype))
    joined = torch.cat(found).cpu() if found else torch.empty(0)
    if not joined.numel():
        return float("inf"), 0
    return _placed(joined.numpy(), 0, keep)


def _placed(among: NDArray[Any], higher: int, keep: int) -> tuple[float, int]:
    """The cut by partial sorting of some scores, where so many others are above all of them."""
    place = max(0, len(among) - (keep - higher))
    value = float(np.partition(among, place)[place])  # 20 times as fast as torch's kthvalue
    higher += int(np.count_nonzero(among > value))
    level = int(np.count_nonzero(among == value))
    return value, ALL if higher + level <= keep else keep - higher


def _between(
    scores: Scores, names: list[str], keep: int, within: Scores | None
) -> tuple[float, float]:
    """Two scores that the cut is between, as far as a sample can tell; all there are, if not."""
    tensors = like(scores)
    units = sum(tensors[name].numel() for name in names)
    kinds = {(tensors[name].device.type, tensors[name].dtype) for name in names}
    if len(kinds) > 1 or not kinds <= FAST:  # what is between is not between in another dtype
        return -math.inf, math.inf
    step, looked = max(1, units // SAMPLE), []
    for name in names:
        some = tensors[name].detach().flatten()[::step]
        some = scores.function(some) if isinstance(scores, Each) else some
        looked.append(
            some.numpy() if within is None else some[within[name].flatten()[::step]].numpy()
        )
    found = np.concatenate(looked)
    if not len(found):
        return -math.inf, math.inf
    if within:
        units = sum(int(within[name].count_nonzero()) for name in names)
    share = min(1.0, keep / max(1, units))
    apart = APART * math.sqrt(share * (1 - share) * len(found)) + 1
    lower, upper = int((1 - share) * len(found) - apart), int((1 - share) * len(found) + apart)
    places = [min(max(0, place), len(found) - 1) for place in (lower, upper)]
    low, high = np.partition(found, places)[places]
    return (
        float(low) if lower >= 0 else -math.inf,
        float(high) if upper < len(found) else math.inf,
    )


def _narrow(parts: Parts, keep: int, low: float, high: float) -> tuple[float, int] | None:
    """The cut by partial sorting of what is between two scores; None where it is not there."""
    if low == -math.inf:  # nothing would be left out
        return None
    higher, found = 0, []
    for name, pieces in parts.items():
        for part, there in pieces():
            seen = part.numpy() if there is None else np.compress(there.numpy(), part.numpy())
            if not math.isfinite(part.sum()) and not np.isfinite(seen).all():
                raise _endless(name)
            found.append(seen[(seen >= low) & (seen < high)])
            higher += int(np.count_nonzero(seen >= high))
    among = np.concatenate(found)
    if not 0 < keep - higher <= len(among):
        return None
    return _placed(among, higher, keep)


def _search(parts: Parts, keep: int, dtype: torch.dtype) -> tuple[float, int]:
    """The cut by counting buckets, 16 bits a pass."""
    wide = dtype == torch.float64
    whole = torch.int64 if wide else torch.int32
    width = 64 if wide else 32
    prefix, left = 0, keep
    for shift in range(width - 16, -1, -16):
        first = shift == width - 16
        counts = torch.zeros(1 << 16, dtype=torch.int64)
        for name, pieces in parts.items():
            for part, there in pieces():
                bits = (part if there is None else part[there]).to(dtype).view(whole)
                if not first:
                    bits = bits[bits >> (shift + 16) == prefix]
                digits = (bits >> shift).bitwise_and_(0xFFFF)
                counts += torch.bincount(digits, minlength=1 << 16).cpu()
            if first and _has_endless(counts, dtype):
                raise _endless(name)
        order = _ascending(prefix, first=first)
        at_least = counts[order].flip(0).cumsum(0).flip(0)
        left = min(left, int(at_least[0]))
        place = int((at_least >= left).sum()) - 1
        left -= int(at_least[place] - counts[order[place]])
        digit = int(order[place])
        prefix = digit - (digit >> 15 << 16) if first else prefix << 16 | digit
    value = float(torch.tensor(prefix, dtype=whole).view(dtype))
    return value, ALL if left == int(counts[order[place]]) else left


def _ascending(prefix: int, *, first: bool) -> Tensor:
    """The next 16 bits in the order of the numbers: below zero, larger bits are lower."""
    digits = torch.arange(1 << 16)
    half = 1 << 15
    if first:
        return torch.cat([digits[half:].flip(0), digits[:half]])
    return digits.flip(0) if prefix < 0 else digits


def _has_endless(counts: Tensor, dtype: torch.dtype) -> bool:
    """Whether a bucket of infinities and NaN holds anything: all ones in the exponent."""
    half, many = 1 << 15, 1 << (4 if dtype == torch.float64 else 7)
    return bool(counts[half - many : half].any() or counts[-many:].any())


def _endless(name: str) -> ValueError:
    return ValueError(f"The scores of {name} must be finite, got NaN or infinity.")
