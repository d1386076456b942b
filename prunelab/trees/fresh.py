"""Ways to prune on fresh splits: who grows, who prunes, who judges, and one table of it all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from prunelab.parts import Part, Parts
from prunelab.trees.counts import Rows
from prunelab.trees.structure import Numbers

STOPS = 48  # sizes at which ways are compared
MANY = 20_000  # rows from which fewer splits are compared
NONE = (np.nan, np.nan)


class Split(NamedTuple):
    """One to grow on, one for rules that want a pruning set, one that only scores."""

    seed: int
    grow: Rows
    prune: Rows
    judge: Rows


class Way(NamedTuple):
    """Sizes from the largest down with what each scores, and where the way stops by itself."""

    leaves: NDArray[np.int64]
    scores: Numbers
    own: tuple[float, float] = NONE


def rows(part: Part) -> Rows:
    """The rows of a part, flat."""
    return Rows(np.ascontiguousarray(part.x.reshape(len(part.x), -1)), part.y)


def splits(parts: Parts, *, many: int = 5, most: int | None = None) -> list[Split]:
    """Fresh splits of all rows but the test rows, or of so many drawn from them."""
    both = rows(parts.train), rows(parts.validation)
    pool = Rows(*(np.concatenate([part[i] for part in both]) for i in range(2)))
    seeds = min(3, many) if len(pool.y) > MANY else many
    if most and len(pool.y) > most:
        pool = _apart(pool, most / len(pool.y), 0)[1]
    return [_split(pool, seed) for seed in range(seeds)]


def _split(pool: Rows, seed: int) -> Split:
    rest, judge = _apart(pool, 0.2, seed)
    return Split(seed, *_apart(rest, 0.25, seed), judge)


def _apart(pool: Rows, share: float, seed: int) -> tuple[Rows, Rows]:
    ids = np.arange(len(pool.y))
    cut = train_test_split(ids, test_size=share, stratify=pool.y, random_state=seed)
    rest, other = (Rows(pool.x[chosen], pool.y[chosen]) for chosen in cut)
    return rest, other


def table(tried: Sequence[Mapping[str, Way]]) -> dict[str, NDArray[Any]]:
    """The scores of each way in each split at common sizes; NaN where a way has no such size."""
    names = list(tried[0])
    ends = {name: max(int(trial[name].leaves[0]) for trial in tried) for name in names}
    stops = np.unique(np.rint(np.geomspace(1, max(ends.values()), STOPS)).astype(int))
    scores = [[_at(trial[name], stops, ends[name]) for trial in tried] for name in names]
    return {
        "rules": np.array(names, dtype=str),
        "leaves": stops,
        "scores": np.array(scores),
        "own": np.array([[trial[name].own for trial in tried] for name in names]),
    }


def _at(way: Way, stops: NDArray[np.int64], end: int) -> Numbers:
    """The score of the largest with at most so many leaves, up to the largest of all splits."""
    place = np.searchsorted(-way.leaves, -stops)
    known = (place < len(way.leaves)) & (stops <= stops[np.searchsorted(stops, end)])
    scores = way.scores[np.minimum(place, len(way.leaves) - 1)]
    return np.where(known, scores, np.nan)


def told(
    some: Sequence[Split], tell: Any, doing: str, shares: tuple[float, float]
) -> Iterator[Split]:
    """The splits one after the other, with a word on how far it is."""
    low, high = shares
    for place, split in enumerate(some):
        tell(f"{doing}: split {place + 1} of {len(some)}", low + (high - low) * place / len(some))
        yield split
