"""One network under many masks at once: accuracy for a whole grid of sparsities in one pass.

Units are ranked once, so that a mask of any count is one comparison; the masked weights are
stacked and go through the network together. What comes before the first layer that differs is
computed once, and so is each weight of a first layer whose masks are nested.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from prunelab import nested
from prunelab.cover import masked, standing_in
from prunelab.masks import Masks, Scores
from prunelab.parts import Part

NUMBERS = 1 << 24  # weights or answers of a layer that are stacked at a time
BATCH = 1024


def masker(scores: Scores) -> Callable[[Mapping[str, int]], Masks]:
    """``select`` for scores that are asked for many masks: ranked once, stable ties.

    >>> masker({"a": torch.tensor([1.0, 3.0, 3.0])})({"a": 1})
    {'a': tensor([False,  True, False])}
    """
    places = {name: _places(score) for name, score in scores.items()}
    return lambda keep: {name: place < keep[name] for name, place in places.items()}


def highest(scores: Scores) -> Callable[[int], Masks]:
    """``masks.highest`` for scores that are asked for many masks: all groups ranked once together.

    >>> highest({"a": torch.tensor([1.0, 3.0]), "b": torch.tensor([2.0])})(2)
    {'a': tensor([False,  True]), 'b': tensor([True])}
    """
    places = _places(torch.cat([score.detach().flatten() for score in scores.values()]))
    parts = torch.split(places, [score.numel() for score in scores.values()])
    rows = {n: part.view(s.shape) for (n, s), part in zip(scores.items(), parts, strict=True)}
    return lambda keep: {name: row < keep for name, row in rows.items()}


@torch.no_grad()
def accuracies(net: nn.Module, part: Part, covers: Sequence[Mapping[str, Tensor]]) -> list[float]:
    """Accuracy on a part of the data with each cover: parameter names to masks, True stays."""
    modes = {module: module.training for module in net.modules()}
    net.eval()
    try:
        nest = _nested(net, part, covers)
        return nest or [share for some in _chunks(net, covers) for share in _right(net, part, some)]
    finally:
        for module, mode in modes.items():
            module.training = mode


def _chunks(
    net: nn.Module, covers: Sequence[Mapping[str, Tensor]]
) -> list[Sequence[Mapping[str, Tensor]]]:
    """As many covers at a time as fit into memory with ease."""
    most = max(1, NUMBERS // sum(p.numel() for p in net.parameters()))
    return [covers[at : at + most] for at in range(0, len(covers), most)]


def _nested(net: nn.Module, part: Part, covers: Sequence[Mapping[str, Tensor]]) -> list[float]:
    """The share of right answers with each cover where the first layer's masks are nested.

    Empty where they are not, or where another way is as fast.
    """
    start = nested.first(net)
    if start is None or len(covers) < nested.FEW:
        return []
    name, layer, after = start
    every, kept = torch.ones_like(layer.weight, dtype=torch.bool), f"{name}.weight"
    masks = [cover.get(kept, every) for cover in covers]
    order = sorted(range(len(covers)), key=lambda i: int(masks[i].count_nonzero()))
    entry = nested.entries([masks[i] for i in order])
    if entry is None or not entry.any() or any(f"{name}.bias" in cover for cover in covers):
        return []
    if len(covers) * sum(p.numel() for p in after.parameters()) > NUMBERS:
        return []
    values = _stacks(after, [covers[i] for i in order])
    right = torch.zeros(len(covers), dtype=torch.int64)
    at = 0
    try:
        call = vmap(functools.partial(_answers, after))
        for x in nested.answers(layer, entry, len(covers), part.x):
            y = torch.from_numpy(part.y[at : at + x.shape[1]])
            right[order] += (call(values, x).argmax(2) == y).flatten(1).sum(1)
            at += x.shape[1]
    except RuntimeError:  # operations that cannot be stacked: the other way takes them in turn
        return []
    return [int(n) / part.y.size for n in right]


def _stacks(net: nn.Module, covers: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The parameters that differ, with a row for each cover."""
    parameters = dict(net.named_parameters())
    names = [n for n in parameters if any(n in c and not c[n].all() for c in covers)]
    return {
        n: torch.stack([masked(parameters[n], c[n]) if n in c else parameters[n] for c in covers])
        for n in names
    }


def _answers(net: nn.Module, mine: Mapping[str, Tensor], x: Tensor) -> Tensor:
    return functional_call(net, dict(mine), (x,))  # type: ignore[no-any-return]


def _right(net: nn.Module, part: Part, covers: Sequence[Mapping[str, Tensor]]) -> list[float]:
    """The share of right answers with each cover; one after the other where that must be."""
    values = _stacks(net, covers)

    def in_turn(mine: Mapping[str, Tensor], x: Tensor) -> Tensor:
        found = []
        for row in range(len(covers)):
            with standing_in(net, {n: stack[row] for n, stack in mine.items()}):
                found.append(net(x))
        return torch.stack(found)

    at_once = vmap(functools.partial(_answers, net), in_dims=(0, None)) if values else in_turn
    try:
        return _shares(at_once, values, _batches(net, part), len(covers))
    except RuntimeError:  # a network whose operations cannot be stacked
        return _shares(in_turn, values, _batches(net, part), len(covers))


def _batches(net: nn.Module, part: Part) -> Iterator[tuple[Tensor, Tensor]]:
    """The examples where the network is."""
    device = next(net.parameters()).device
    for at in range(0, len(part.y), BATCH):
        x, y = (torch.from_numpy(a[at : at + BATCH]).to(device) for a in (part.x, part.y))
        yield x, y


def _shares(
    call: Callable[[Mapping[str, Tensor], Tensor], Tensor],
    values: Mapping[str, Tensor],
    batches: Iterable[tuple[Tensor, Tensor]],
    covers: int,
) -> list[float]:
    right, every = torch.zeros(covers, dtype=torch.int64), 0
    for x, y in batches:
        right += (call(values, x).argmax(2) == y).flatten(1).sum(1).cpu()
        every += y.numel()
    return [int(n) / every for n in right]


def _places(score: Tensor) -> Tensor:
    """The place of each unit, the highest first, of equal ones the lower index first."""
    flat = score.detach().flatten()
    order = flat.sort(descending=True, stable=True).indices
    places = torch.empty_like(order)
    places[order] = torch.arange(len(flat), device=flat.device)
    return places.reshape(score.shape)
