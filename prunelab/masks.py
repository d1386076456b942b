"""From scores to exact counts to masks: allocate how many each group keeps, select which.

Counts are exact to the unit and ties go by index, never by threshold. Scores may be worked out as
they are read, a piece at a time (``ranking.Each``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from prunelab.ranking import Masks, Scores, count, highest, like
from prunelab.spec import SpecError

__all__ = ["SCOPES", "Masks", "Scores", "allocate", "choose", "highest", "removed", "select"]


def removed(sparsity: float, units: int) -> int:
    """How many of ``units`` a sparsity removes: the one rounding rule of the project.

    >>> removed(0.9, 1000), removed(0.5, 3)
    (900, 2)
    """
    if not 0 <= sparsity < 1:
        raise ValueError(f"sparsity must be at least 0 and below 1, got {sparsity}.")
    return math.floor(sparsity * units + 0.5)


def allocate(
    scores: Scores,
    sparsity: float,
    scope: str = "global",
    *,
    within: Mapping[str, Tensor] | None = None,
    floor: int = 0,
    layers: Mapping[str, float] | None = None,
) -> dict[str, int]:
    """How many units each group keeps; the counts sum to exactly what ``sparsity`` leaves.

    ``within`` (bool, as the scores) are the units still there: none returns. ``floor`` keeps at
    least so many in each group where the total allows. ``layers`` gives the sparsity group by group
    and replaces ``sparsity`` and ``scope``.

    Raises:
        ValueError: an unknown scope or group, a NaN or infinite score, nothing left to keep.
    """
    sizes = {name: score.numel() for name, score in like(scores).items()}
    if layers:
        return _by_layer(sizes, layers)
    total = sum(sizes.values())
    keep = total - removed(sparsity, total)
    if keep < 1 <= total:
        raise SpecError(f"sparsity {sparsity} would remove all {total} units; keep at least one.")
    room = {name: count(within[name]) if within else size for name, size in sizes.items()}
    if scope not in SCOPES:
        raise ValueError(f"scope must be one of {', '.join(SCOPES)}, got {scope!r}.")
    wanted = SCOPES[scope](scores, keep, within)
    return _round(wanted, keep, room, min(floor, keep // max(1, len(sizes))))


def select(
    scores: Scores,
    keep: Mapping[str, int],
    *,
    within: Mapping[str, Tensor] | None = None,
    whole_ties: bool = False,
) -> Masks:
    """The mask of each group: True for its ``keep`` highest scores, lower index first on ties.

    Args:
        scores: any shape and real dtype; higher stays.
        keep: units to keep in each group.
        within: bool masks as the scores; only units that are True may stay.
        whole_ties: drop a block of equal scores that would straddle the cut, in all groups.

    Raises:
        ValueError: a NaN or infinite score, or more to keep than there is.
    """
    masks: Masks = {}
    for name, score in like(scores).items():
        alive = count(within[name]) if within else score.numel()
        if not 0 <= keep[name] <= alive:
            raise ValueError(f"{name} has {alive} units left, cannot keep {keep[name]}.")
        masks |= highest(scores, keep[name], within, only=name)
    return _whole(scores, masks, within) if whole_ties else masks


def choose(
    scores: Scores,
    sparsity: float,
    scope: str = "global",
    *,
    within: Mapping[str, Tensor] | None = None,
    floor: int = 0,
    layers: Mapping[str, float] | None = None,
    whole_ties: bool = False,
) -> Masks:
    """What ``select`` makes of what ``allocate`` says; one ranking over all groups does for both.

    Raises:
        ValueError: as they do.
    """
    if scope == "global" and not layers:
        total = sum(score.numel() for score in like(scores).values())
        keep = total - removed(sparsity, total)
        masks = highest(scores, keep, within)
        counts = list(map(count, masks.values()))
        if 0 < keep == sum(counts) and min(counts) >= floor:
            return _whole(scores, masks, within) if whole_ties else masks
    counted = allocate(scores, sparsity, scope, within=within, floor=floor, layers=layers)
    return select(scores, counted, within=within, whole_ties=whole_ties)


def _whole(scores: Scores, masks: Masks, within: Mapping[str, Tensor] | None) -> Masks:
    """The masks without the lowest scores kept in one group that are the highest dropped in any."""
    gone = {n: ~m & within[n] if within else ~m for n, m in masks.items()}
    dropped = {float(s[gone[n]].max()) for n, s in scores.items() if gone[n].any()}
    lowest = {n: float(s[masks[n]].min()) for n, s in scores.items() if masks[n].any()}
    straddling = {n for n, score in lowest.items() if score in dropped}
    return {n: m & (scores[n] != lowest[n]) if n in straddling else m for n, m in masks.items()}


def _by_layer(sizes: Mapping[str, int], layers: Mapping[str, float]) -> dict[str, int]:
    strange = sorted(set(layers) - set(sizes))
    if strange:
        raise SpecError(f"There is no layer {strange[0]!r}; the layers are {', '.join(sizes)}.")
    return {name: n - removed(layers.get(name, 0.0), n) for name, n in sizes.items()}


def _global(scores: Scores, keep: int, within: Mapping[str, Tensor] | None) -> dict[str, float]:
    """One ranking over all groups."""
    masks = highest(scores, keep, within)
    return {name: float(count(mask)) for name, mask in masks.items()}


def _uniform(scores: Scores, keep: int, _: object) -> dict[str, float]:
    """The same sparsity in every group."""
    sizes = {name: score.numel() for name, score in scores.items()}
    return {name: keep * n / sum(sizes.values()) for name, n in sizes.items()}


def _uniform_plus(scores: Scores, keep: int, _: object) -> dict[str, float]:
    """Gale et al. 2019: uniform, but a first convolution stays dense, the last layer keeps 20 %."""
    fixed = {}
    names = list(scores)
    if scores[names[0]].ndim > 2:
        fixed[names[0]] = float(scores[names[0]].numel())
    rest = sum(s.numel() for n, s in scores.items() if n not in fixed)
    last = names[-1]
    if len(names) > 1 and keep - sum(fixed.values()) < 0.2 * rest:
        fixed[last] = 0.2 * scores[last].numel()
    left = keep - sum(fixed.values())
    if left < 0:
        least = math.ceil(sum(fixed.values()))
        raise SpecError(
            f"uniform-plus keeps all of a first convolution and 20 % of {last}: of "
            f"{' and '.join(fixed)} at least {least} weights, but {keep} may stay. Lower the "
            f"sparsity or choose another scope."
        )
    rest = sum(s.numel() for n, s in scores.items() if n not in fixed)
    return {n: fixed.get(n, left * s.numel() / rest if rest else 0) for n, s in scores.items()}


def _er(scores: Scores, keep: int, _: object) -> dict[str, float]:
    """Mocanu et al. 2018: Erdős-Rényi, by the channels of a layer (a kernel is ignored)."""
    shapes = {n: _matrix(s) for n, s in scores.items()}
    weight = {n: (o + i) * scores[n].numel() / (o * i) for n, (o, i) in shapes.items()}
    return _saturate(scores, keep, weight)


def _erk(scores: Scores, keep: int, _: object) -> dict[str, float]:
    """Evci et al. 2020: Erdős-Rényi-kernel, keep as the sum of a layer's dimensions."""
    return _saturate(scores, keep, {n: float(sum(s.shape)) for n, s in scores.items()})


def _matrix(score: Tensor) -> tuple[int, int]:
    return (score.shape[0], score.shape[1] if score.ndim > 1 else 1)


def _saturate(scores: Scores, keep: int, weight: Mapping[str, float]) -> dict[str, float]:
    """Share ``keep`` in proportion to ``weight``; a group that would overflow is kept dense."""
    dense: set[str] = set()
    while True:
        left = keep - sum(scores[n].numel() for n in dense)
        share = left / max(sum(w for n, w in weight.items() if n not in dense), 1e-300)
        full = [n for n, w in weight.items() if n not in dense and share * w > scores[n].numel()]
        if not full:
            return {n: scores[n].numel() if n in dense else share * w for n, w in weight.items()}
        dense.add(max(full, key=lambda n: share * weight[n] / scores[n].numel()))


def _lamp(scores: Scores, keep: int, within: Mapping[str, Tensor] | None) -> dict[str, float]:
    """Lee et al. 2021: squared scores over the sum of those at least as large, globally."""
    return _global({name: _lamp_scores(score) for name, score in scores.items()}, keep, within)


def _lamp_scores(score: Tensor) -> Tensor:
    squares = score.detach().double().flatten().square()
    order = torch.argsort(squares, stable=True)
    ascending = squares[order]
    at_least = ascending.flip(0).cumsum(0).flip(0)
    lamp = torch.empty_like(squares)
    lamp[order] = torch.where(at_least > 0, ascending / at_least, 0.0)
    return lamp.reshape(score.shape)


SCOPES: dict[str, Callable[[Scores, int, Mapping[str, Tensor] | None], dict[str, float]]] = {
    "global": _global,
    "uniform": _uniform,
    "uniform-plus": _uniform_plus,
    "er": _er,
    "erk": _erk,
    "lamp": _lamp,
}


def _round(
    wanted: Mapping[str, float], keep: int, room: Mapping[str, int], floor: int
) -> dict[str, int]:
    """Whole counts that sum to ``keep``: largest remainders first, within each group's room."""
    counts = {
        n: min(room[n], max(min(floor, room[n]), math.floor(w + 1e-9))) for n, w in wanted.items()
    }
    by_remainder = sorted(wanted, key=lambda n: counts[n] - wanted[n])
    while (missing := keep - sum(counts.values())) != 0:
        step = 1 if missing > 0 else -1
        order = by_remainder if step > 0 else by_remainder[::-1]
        open_groups = [n for n in order if (counts[n] < room[n] if step > 0 else counts[n] > floor)]
        if not open_groups:
            raise SpecError(f"Cannot keep {keep} units: only {sum(room.values())} are left.")
        each = max(1, abs(missing) // len(open_groups))
        for name in open_groups[: abs(missing)]:
            limit = room[name] - counts[name] if step > 0 else counts[name] - floor
            counts[name] += step * min(each, limit)
    return counts
