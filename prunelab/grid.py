"""One network under many masks at once: accuracy for a whole grid of sparsities in one pass.

Units are ranked once, so that a mask of any count is one comparison; the masked weights are
stacked and go through the network together. What comes before the first layer that differs is
computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

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


@torch.no_grad()
def accuracies(net: nn.Module, part: Part, covers: Sequence[Mapping[str, Tensor]]) -> list[float]:
    """Accuracy on a part of the data with each cover: parameter names to masks, True stays."""
    modes = {module: module.training for module in net.modules()}
    net.eval()
    try:
        return [share for some in _chunks(net, covers) for share in _right(net, part, some)]
    finally:
        for module, mode in modes.items():
            module.training = mode


def _chunks(
    net: nn.Module, covers: Sequence[Mapping[str, Tensor]]
) -> list[Sequence[Mapping[str, Tensor]]]:
    """As many covers at a time as fit into memory with ease."""
    most = max(1, NUMBERS // sum(p.numel() for p in net.parameters()))
    return [covers[at : at + most] for at in range(0, len(covers), most)]


def _right(net: nn.Module, part: Part, covers: Sequence[Mapping[str, Tensor]]) -> list[float]:
    """The share of right answers with each cover; one after the other where that must be."""
    parameters = dict(net.named_parameters())
    names = [n for n in parameters if any(n in c and not c[n].all() for c in covers)]
    values = {
        n: torch.stack([masked(parameters[n], c[n]) if n in c else parameters[n] for c in covers])
        for n in names
    }

    def answers(mine: Mapping[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(net, dict(mine), (x,))  # type: ignore[no-any-return]

    def in_turn(mine: Mapping[str, Tensor], x: Tensor) -> Tensor:
        found = []
        for row in range(len(covers)):
            with standing_in(net, {n: stack[row] for n, stack in mine.items()}):
                found.append(net(x))
        return torch.stack(found)

    at_once = vmap(answers, in_dims=(0, None)) if names else in_turn
    try:
        return _shares(at_once, values, part, len(covers))
    except RuntimeError:  # a network whose operations cannot be stacked
        return _shares(in_turn, values, part, len(covers))


def _shares(
    call: Callable[[Mapping[str, Tensor], Tensor], Tensor],
    values: Mapping[str, Tensor],
    part: Part,
    covers: int,
) -> list[float]:
    device = next((v.device for v in values.values()), torch.device("cpu"))
    right = torch.zeros(covers, dtype=torch.int64, device=device)
    for at in range(0, len(part.y), BATCH):
        x, y = (torch.from_numpy(a[at : at + BATCH]).to(device) for a in (part.x, part.y))
        right += (call(values, x).argmax(2) == y).flatten(1).sum(1)
    return [int(n) / part.y.size for n in right]


def _places(score: Tensor) -> Tensor:
    """The place of each unit, the highest first, of equal ones the lower index first."""
    flat = score.detach().flatten()
    order = flat.sort(descending=True, stable=True).indices
    places = torch.empty_like(order)
    places[order] = torch.arange(len(flat), device=flat.device)
    return places.reshape(score.shape)
