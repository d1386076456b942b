"""Data as arrays, split once for everybody: train, validation and test, standardised on train."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from prunelab.registry import Range
from prunelab.spec import SpecError

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """Examples ``x`` (n, ...) float32 and their classes ``y`` (n,) int64.

    Of text, both are tokens (n, positions) int64, and ``y`` is the token after each of ``x``.
    """

    x: NDArray[Any]
    y: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a data set's loader returns; ``test`` where the source fixes its own test part.

    ``x`` is (n, features), (n, channels, height, width) for images, or of text (n, positions)
    tokens with those that follow as ``y``, in reading order.
    """

    x: NDArray[Any]
    y: NDArray[np.int64]
    classes: tuple[str, ...]
    features: tuple[str, ...] = ()
    test: Part | None = None


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The three parts of a data set. Only ``test_once`` gives the test part."""

    classes: tuple[str, ...]
    features: tuple[str, ...]
    train: Part
    validation: Part
    digest: str
    rows: NDArray[np.int64]  # of the training part in the source
    wrong: NDArray[np.bool_]  # which of its labels were flipped
    mean: NDArray[np.float64]  # of each feature or channel of the training part
    deviation: NDArray[np.float64]
    _test: Part

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.train.x.shape[1:]

    def test_once(self) -> Part:
        """The test part, for the last line of a run: it never chooses anything."""
        return self._test


def split(
    table: Table,
    *,
    flip: Annotated[float, Range(0, 0.5, 0.05), "share of training labels put wrong"] = 0.0,
    limit: Annotated[int, Range(0, 10_000_000), "training rows to use at most, 0 is all"] = 0,
) -> Parts:
    """Stratified parts, the same for every run: 60/20/20, or 90/10 beside a given test part.

    ``flip`` gives so many rows of the training part another class, drawn at random; validation and
    test labels stay right. ``limit`` draws so many rows from the training part, each class with its
    share, and leaves validation and test as they are. Standardises each feature (each channel of an
    image) by the mean and deviation of train alone.

    Raises:
        SpecError: data nothing can be learned from, or fewer rows than classes asked for; the
            message says what is wrong.
    """
    if table.y.ndim == 2:
        return _in_order(table, flip, limit)
    check(table)
    digest = _digest(table)
    if table.test is None:
        rest, out = _cut(np.arange(len(table.y)), table.y, 0.2)
        rows, held = _cut(rest, table.y, 0.25)
        test = Part(table.x[out], table.y[out])
    else:
        test = table.test
        rows, held = _cut(np.arange(len(table.y)), table.y, 0.1)
    rows = _limited(rows, table, limit)
    train, validation = (Part(table.x[chosen], table.y[chosen]) for chosen in (rows, held))
    wrong = _flipped(train.y, flip, len(table.classes))
    axes = (0, 2, 3) if table.x.ndim == 4 else (0,)
    mean = train.x.mean(axes, keepdims=True, dtype=np.float64)
    deviation = train.x.std(axes, keepdims=True, dtype=np.float64)
    constant = train.x.min(axes, keepdims=True) == train.x.max(axes, keepdims=True)
    deviation[constant] = 1.0  # it stays constant, at zero

    def scaled(part: Part) -> Part:
        return replace(part, x=((part.x - mean) / deviation).astype(np.float32))

    return Parts(
        classes=table.classes,
        features=table.features,
        train=scaled(Part(train.x, np.where(wrong >= 0, wrong, train.y))),
        validation=scaled(validation),
        _test=scaled(test),
        digest=digest,
        rows=rows,
        wrong=wrong >= 0,
        mean=mean[0],
        deviation=deviation[0],
    )


def _in_order(table: Table, flip: float, limit: int) -> Parts:
    """Text is cut where it stands: what is tested comes after all that was learned from."""
    if flip:
        raise SpecError("flip puts labels of classes wrong; a text has none. Leave it at 0.")
    count = len(table.y)
    first, second = round(0.8 * count), round(0.9 * count)
    rows = np.arange(first)
    if 0 < limit < first:
        rows = np.sort(np.random.default_rng(0).permutation(first)[:limit])
    return Parts(
        classes=table.classes,
        features=table.features,
        train=Part(table.x[rows], table.y[rows]),
        validation=Part(table.x[first:second], table.y[first:second]),
        _test=Part(table.x[second:], table.y[second:]),
        digest=_digest(table),
        rows=rows,
        wrong=np.zeros(len(rows), dtype=bool),
        mean=np.zeros(1),
        deviation=np.ones(1),
    )


def check(table: Table) -> None:
    """Refuse data nothing can be learned from.

    Raises:
        SpecError: empty, not finite, one class, or a class with fewer than five examples.
    """
    if len(table.x) == 0 or table.x[:1].size == 0:
        raise SpecError("The data are empty: they need rows and at least one feature.")
    if len(table.x) != len(table.y):
        raise SpecError(f"There are {len(table.x)} examples but {len(table.y)} labels.")
    if not np.isfinite(table.x).all():
        rows = len(table.x) - int(np.isfinite(table.x).reshape(len(table.x), -1).all(1).sum())
        raise SpecError(f"{rows} rows have missing or infinite values; fill or drop them first.")
    counts = np.bincount(table.y, minlength=len(table.classes))
    if len(table.classes) < 2 or np.count_nonzero(counts) < 2:
        raise SpecError("There is only one class; a classifier needs at least two.")
    if counts.min() < 5:
        name = table.classes[int(counts.argmin())]
        raise SpecError(
            f"Class {name!r} has {counts.min()} examples; each needs at least 5 so that every part "
            f"gets one. Is the target a number to predict rather than a class?"
        )


def labels(values: NDArray[Any], name: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Class numbers and class names, sorted, from the values of a target called ``name``.

    >>> labels(np.array(["no", "yes"] * 5), "answer")[1]
    ('no', 'yes')

    Raises:
        SpecError: values that are not finite, or so many different ones that they are no classes.
    """
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise SpecError(f"The target {name!r} has missing or infinite values.")
    found, codes = np.unique(values, return_inverse=True)
    if len(found) == len(values) > 1:
        raise SpecError(f"The target {name!r} differs in every row; it must repeat, as classes do.")
    if len(found) > max(2, len(values) / 5):
        raise SpecError(
            f"The target {name!r} has {len(found)} different values in {len(values)} rows. Is it a "
            f"number to predict rather than a class?"
        )
    whole = values.dtype.kind == "f" and bool((found == np.round(found)).all())
    names = tuple(str(int(value) if whole else value) for value in found)
    return codes.reshape(-1).astype(np.int64), names


def _limited(rows: Rows, table: Table, limit: int) -> Rows:
    """So many of the rows, drawn so that each class keeps its share; all if there are no more."""
    if not 0 < limit < len(rows):
        return rows
    if limit < len(table.classes):
        raise SpecError(f"limit must be at least {len(table.classes)}, a row for each class.")
    drawn = np.random.default_rng(0).permutation(len(rows))
    y = table.y[rows[drawn]]
    order = np.empty(len(rows))  # how far along its class each row was drawn
    for number in range(len(table.classes)):
        here = np.flatnonzero(y == number)
        order[here] = np.arange(len(here)) / max(1, len(here))
    return rows[np.sort(drawn[np.argsort(order, kind="stable")[:limit]])]


def _cut(rows: Rows, y: Rows, share: float) -> tuple[Rows, Rows]:
    from sklearn.model_selection import train_test_split

    places, others = train_test_split(
        np.arange(len(rows)), test_size=share, stratify=y[rows], random_state=0
    )
    return rows[places], rows[others]


def _flipped(y: Rows, share: float, classes: int) -> Rows:
    """The wrong class of a share of the rows, drawn evenly from the others; -1 for the rest."""
    random = np.random.default_rng(0)
    wrong = np.full(len(y), -1)
    chosen = random.permutation(len(y))[: round(share * len(y))]
    wrong[chosen] = (y[chosen] + random.integers(1, classes, len(chosen))) % classes
    return wrong


def _digest(table: Table) -> str:
    parts = (
        (table.x, table.y) if table.test is None else (table.x, table.y, table.test.x, table.test.y)
    )
    hashed = hashlib.sha256()
    for array in parts:
        hashed.update(np.ascontiguousarray(array).data)
    return hashed.hexdigest()[:16]
