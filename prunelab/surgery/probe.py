"""Tries removals on copies: the small network must answer as the one with zeros instead.

What passes on the network itself is cut down to a few units there. On that twin, which runs in no
time and has the precision of float64, all is tried again: together, in parts so that each kind is
tried without any other one, and alone where something fails. Classes that differ by nothing but
numbers in their names, as those of equal blocks do, are of one kind.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations, count
from math import comb
from typing import Any

import torch
from torch import Tensor, nn

from prunelab.surgery.compare import DIFFERS, disturbed, probe, uneven, with_zeros
from prunelab.surgery.cut import SUMMED, Class, apply_indices, keep_indices, kept

FEW = 4  # units that the twin has of a class, and up to 3 more


@dataclass(frozen=True)
class Tried:
    """Classes that can go, that can go with other answers (why), that cannot go (why)."""

    exact: list[Class]
    inexact: list[tuple[Class, str]]
    failed: list[tuple[Class, str]]


def tried(net: nn.Module, example: Any, candidates: Sequence[Class]) -> Tried:
    """Which of the candidates can go."""
    certain = [c for c in candidates if not c.doubt]
    fit, failed = _one_by_one(net, example, certain)
    twin = Twin(net, example, fit)
    good, failed_there = twin.separated(fit)
    if failed_there:  # a wrong one that hid in the network itself has spoiled the twin
        fit, failed = _alone(net, example, certain)
        twin = Twin(net, example, fit)
        good, failed_there = twin.separated(fit)
    exact, inexact, others = _doubted(net, example, twin, [c for c in candidates if c.doubt], good)
    order = {c.name: i for i, c in enumerate(candidates)}
    offered = sorted([*good, *exact], key=lambda c: order[c.name])
    return Tried(offered, inexact, [*failed, *failed_there, *others])


class Twin:
    """A copy of a network cut down to a few units of each of some classes, with other weights."""

    def __init__(self, net: nn.Module, example: Any, cut: Sequence[Class]) -> None:
        self._few = {c.name: _few(c, i) for i, c in enumerate(cut)}
        self._kept = kept(cut, self._few)
        self._net = disturbed(apply_indices(net, keep_indices(cut, self._few), share=True))
        self._example = uneven(example)

    def probe(self, classes: Sequence[Class]) -> str:
        """Why these classes cannot go together, or nothing."""
        here = [self._here(c) for c in classes]
        return probe(self._net, self._example, here, _some(here))

    def separated(self, classes: Sequence[Class]) -> tuple[list[Class], list[tuple[Class, str]]]:
        """Which can go, in every combination, and why the others cannot."""
        if not any(self.probe(part) for part in _parts(classes)):
            return list(classes), []
        return _greedily(classes, lambda some: self.probe(some[-1:]) or self.probe(some))

    def _here(self, c: Class) -> Class:
        """A class as it lies in the twin."""
        stays = self._few.get(c.name, torch.ones(c.size, dtype=torch.bool))
        number = torch.where(stays, stays.cumsum(0) - 1, -1)
        members = []
        for m in c.members:
            units = torch.where(m.units < 0, -1, number[m.units.clamp(min=0)])
            held = self._kept.get((m.tensor, m.dim))
            members.append(replace(m, units=units if held is None else units[held]))
        return replace(c, size=int(stays.sum()), members=tuple(members))


def _one_by_one(
    net: nn.Module, example: Any, classes: Sequence[Class]
) -> tuple[list[Class], list[tuple[Class, str]]]:
    """Which classes can go from the network itself, all together if possible."""
    guessed = any(m.guess for c in classes for m in c.members)  # some of these are wrong mostly
    if not guessed and not probe(net, example, classes, _all_few(classes)):
        return list(classes), []
    for alike in (_kind, lambda c: c.name):  # one of each kind; if they disagree, each
        good, failed = _fitted(net, example, classes, alike)
        if not probe(net, example, good, _all_few(good)):
            return good, failed
    good, more = _greedily(good, lambda some: probe(net, example, some, _all_few(some)))
    return good, [*failed, *more]


def _fitted(
    net: nn.Module, example: Any, classes: Sequence[Class], alike: Callable[[Class], Hashable]
) -> tuple[list[Class], list[tuple[Class, str]]]:
    """Which can go alone and why others cannot; of those alike the first speaks for all."""
    known: dict[Hashable, tuple[list[int], str]] = {}
    good, failed = [], []
    for c in classes:
        key = alike(c)
        if key not in known:
            fit, reason = _fitting(net, example, c)
            known[key] = [i for i, m in enumerate(c.members) if m in fit.members], reason
        stay, reason = known[key]
        good += [] if reason else [replace(c, members=tuple(c.members[i] for i in stay))]
        failed += [(c, reason)] if reason else []
    return good, failed


def _alone(
    net: nn.Module, example: Any, classes: Sequence[Class]
) -> tuple[list[Class], list[tuple[Class, str]]]:
    """Which can go from the network and from a twin of their own, and why the others cannot."""
    good, failed = [], []
    for c in classes:
        fit, reason = _fitting(net, example, c, lambda v: Twin(net, example, [v]).probe([v]))
        good += [] if reason else [fit]
        failed += [(c, reason)] if reason else []
    return good, failed


def _greedily(
    classes: Sequence[Class], failure: Callable[[list[Class]], str]
) -> tuple[list[Class], list[tuple[Class, str]]]:
    """Those that can go with those before them; where two cannot both go, the larger one may."""
    good: list[Class] = []
    failed = []
    for c in sorted(classes, key=lambda c: -c.size):
        reason = failure([*good, c])
        failed += [(c, reason)] if reason else []
        good += [] if reason else [c]
    return good, failed


def _fitting(
    net: nn.Module, example: Any, c: Class, more: Callable[[Class], str] = lambda _: ""
) -> tuple[Class, str]:
    """A class with those numbers of modules that follow it, and why it cannot go if it cannot."""
    first, few = "", _all_few([c])
    wanted = cache(lambda: with_zeros(net, example, [c], few))  # zeros are those of no number
    for variant in _variants(c):
        reason = probe(net, example, [variant], few, wanted) or more(variant)
        if not reason:
            return variant, ""
        first = first or reason
    return c, first


def _doubted(
    net: nn.Module, example: Any, twin: Twin, classes: Sequence[Class], good: Sequence[Class]
) -> tuple[list[Class], list[tuple[Class, str]], list[tuple[Class, str]]]:
    """Doubted classes that can go all the same, that change the answers, that cannot go."""
    if not classes:
        return [], [], []
    exact: list[Class] = []
    mixed = [c for c in classes if c.doubt != SUMMED]
    runs = twin.probe(mixed).startswith(DIFFERS)
    inexact = [(c, c.doubt) for c in mixed if runs]
    failed = []
    for c in classes:
        if runs and c.doubt != SUMMED:
            continue
        fit, reason = _fitting(net, example, c)
        reason = reason or twin.probe([fit]) or twin.probe([*good, *exact, fit])
        if not reason:
            exact.append(replace(fit, doubt=""))
        elif reason.startswith(DIFFERS):
            inexact.append((c, c.doubt))
        else:
            failed.append((c, reason))
    return exact, inexact, failed


def _variants(c: Class) -> Iterator[Class]:
    """With all numbers that modules keep, with fewer, with none: some agree by accident."""
    numbers = list(dict.fromkeys(m.tensor for m in c.members if m.guess))
    for n in range(len(numbers), -1, -1):
        for some in combinations(numbers, n):
            yield replace(c, members=tuple(m for m in c.members if not m.guess or m.tensor in some))


def _parts(classes: Sequence[Class]) -> Iterator[Sequence[Class]]:
    """All, then some, so that each kind, and every other one of a kind, goes without the rest.

    As each has a code word with as many digits set, no word holds all the digits of another.
    """
    yield classes
    before: Counter[Hashable] = Counter()
    items = []
    for c in classes:
        kind = _kind(c)
        items.append((kind, before[kind] % 2))
        before[kind] += 1
    apart = list(dict.fromkeys(items))
    digits = next(n for n in count() if comb(n, n // 2) >= len(apart))
    words = dict(zip(apart, combinations(range(digits), digits // 2), strict=False))
    for digit in range(digits):
        yield [c for c, item in zip(classes, items, strict=True) if digit in words[item]]


def _kind(c: Class) -> Hashable:
    """What classes of equal blocks have in common."""
    members = ((re.sub(r"\d+", "", m.tensor), m.dim, m.guess, m.units.tolist()) for m in c.members)
    return c.size, c.heads, str(list(members))


def _few(c: Class, i: int) -> Tensor:
    return _random(c.size, min(c.size, FEW + i % 4), i)


def _all_few(classes: Sequence[Class]) -> dict[str, Tensor]:
    """Few units of each, one less than there are at most."""
    return {c.name: _random(c.size, min(c.size - 1, FEW + i % 4), i) for i, c in enumerate(classes)}


def _some(classes: Sequence[Class]) -> dict[str, Tensor]:
    """Masks that keep different numbers of units, about half at least."""
    generator = torch.Generator().manual_seed(0)
    masks = {}
    for i, c in enumerate(classes):
        out = int(torch.randint(1, max(2, c.size // 2 + 1), (), generator=generator))
        masks[c.name] = _random(c.size, max(1, c.size - out), i)
    return masks


def _random(size: int, keep: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.zeros(size, dtype=torch.bool)
    mask[torch.randperm(size, generator=generator)[:keep]] = True
    return mask
