"""Parts: split once for everybody, scaled by the training part alone, refused where hopeless."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prunelab.parts import Part, Parts, Table, labels, split
from prunelab.spec import SpecError


def made(rows: int = 100, classes: int = 2) -> Table:
    """The first feature numbers the rows, so that a row can be found again."""
    rng = np.random.default_rng(0)
    y = (np.arange(rows) % classes).astype(np.int64)
    x = np.c_[np.arange(rows), rng.normal(5, 3, (rows, 2))].astype(np.float32)
    return Table(x=x, y=y, classes=tuple(f"class {i}" for i in range(classes)))


def rows_of(parts: Parts) -> list[set[int]]:
    """The rows of the table that went into train, validation and test."""
    numbers = [part.x[:, 0] for part in (parts.train, parts.validation, parts.test_once())]
    ranks = np.concatenate(numbers).argsort().argsort()
    ends = np.cumsum([len(n) for n in numbers])
    return [set(ranks[a:b].tolist()) for a, b in zip([0, *ends], ends, strict=False)]


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 5), st.integers(10, 60))
def test_every_part_has_its_share_of_every_class(classes: int, each: int) -> None:
    parts = split(made(classes * each, classes))
    for part, share in ((parts.train, 0.6), (parts.validation, 0.2), (parts.test_once(), 0.2)):
        counts = np.bincount(part.y, minlength=classes)
        assert abs(len(part.y) - share * classes * each) < 2
        assert np.abs(counts - share * each).max() < 2


def test_no_row_is_in_two_parts_and_none_is_lost() -> None:
    rows = rows_of(split(made(200)))
    assert [len(part) for part in rows] == [120, 40, 40]
    assert set.union(*rows) == set(range(200))


def test_rows_keep_their_classes() -> None:
    table = made(90, 3)
    parts = split(table)
    numbers = [part.x[:, 0] for part in (parts.train, parts.validation, parts.test_once())]
    ranks = np.concatenate(numbers).argsort().argsort()
    found = np.concatenate([parts.train.y, parts.validation.y, parts.test_once().y])
    assert np.array_equal(found, table.y[ranks])


def test_the_training_part_alone_sets_the_scale() -> None:
    table = made(200)
    parts = split(table)
    assert np.allclose(parts.train.x.mean(0), 0, atol=1e-6)
    assert np.allclose(parts.train.x.std(0), 1, atol=1e-6)
    other = sorted(rows_of(parts)[1] | rows_of(parts)[2])
    x = table.x.copy()
    x[other] *= 1000
    changed = split(replace(table, x=x))
    assert np.array_equal(changed.train.x, parts.train.x)
    assert not np.allclose(changed.test_once().x, parts.test_once().x)
    assert changed.digest != parts.digest


def test_a_given_test_part_stays_whole_and_is_scaled_like_the_rest() -> None:
    table = made(100)
    test = Part(table.x[:7] + 100, table.y[:7])
    parts = split(replace(table, test=test))
    assert (len(parts.train.y), len(parts.validation.y)) == (90, 10)
    assert np.array_equal(parts.test_once().y, test.y)
    assert parts.test_once().x[:, 0].min() > parts.train.x[:, 0].max()
    assert split(table).digest != parts.digest


def test_channels_of_images_are_scaled_as_a_whole() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal([[[[3.0]], [[-9.0]]]], [[[[2.0]], [[5.0]]]], (100, 2, 4, 4)).astype(np.float32)
    parts = split(replace(made(), x=x))
    assert np.allclose(parts.train.x.mean((0, 2, 3)), 0, atol=1e-5)
    assert np.allclose(parts.train.x.std((0, 2, 3)), 1, atol=1e-5)
    assert parts.shape == (2, 4, 4)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6, -3e30])
def test_a_constant_feature_becomes_zero(value: float) -> None:
    table = made()
    table.x[:, 1] = value
    parts = split(table)
    assert np.abs(parts.train.x[:, 1]).max() <= abs(value) * 1e-15
    assert np.isfinite(parts.test_once().x).all()


def test_a_feature_of_tiny_numbers_is_scaled_like_any_other() -> None:
    table = made()
    table.x[:, 1] *= 1e-20
    assert np.isclose(split(table).train.x[:, 1].std(), 1)


def test_the_split_never_changes() -> None:
    first, second = split(made()), split(made())
    assert np.array_equal(first.train.x, second.train.x)
    assert first.digest == second.digest
    assert len(first.digest) == 16


def test_a_limit_keeps_classes_in_proportion_and_leaves_the_other_parts() -> None:
    table = made()
    whole, few = split(table), split(table, limit=30)
    assert len(few.train.y) == len(few.rows) == 30
    share = np.bincount(whole.train.y) / len(whole.train.y)
    assert np.abs(np.bincount(few.train.y) - 30 * share).max() < 1
    assert set(few.rows) < set(whole.rows)
    assert np.array_equal(few.validation.y, whole.validation.y)
    assert np.array_equal(few.rows, split(table, limit=30).rows)
    assert set(split(table, limit=20).rows) < set(few.rows)
    for much in (0, 60, 10**6):
        assert np.array_equal(split(table, limit=much).rows, whole.rows)
    assert sorted(split(table, limit=2).train.y) == [0, 1]
    with pytest.raises(SpecError, match="limit must be at least 2, a row for each class"):
        split(table, limit=1)


def test_hopeless_data_are_refused() -> None:
    table = made()
    empty = replace(table, x=table.x[:0], y=table.y[:0])
    with pytest.raises(SpecError, match="data are empty: they need rows and at least one feature"):
        split(empty)
    with pytest.raises(SpecError, match="data are empty"):
        split(replace(table, x=table.x[:, :0]))
    with pytest.raises(SpecError, match="100 examples but 99 labels"):
        split(replace(table, y=table.y[:99]))
    with pytest.raises(SpecError, match="There is only one class"):
        split(replace(table, y=table.y * 0))
    with pytest.raises(SpecError, match=r"Class 'class 1' has 4 examples; each needs at least 5"):
        split(replace(table, y=(np.arange(100) < 4).astype(np.int64)))
    table.x[3:5, 1] = [np.nan, np.inf]
    with pytest.raises(SpecError, match="2 rows have missing or infinite values"):
        split(table)


def test_labels_are_numbered_in_order() -> None:
    codes, names = labels(np.array([3.0, 1.0, 3.0, 1.0]), "y")
    assert codes.tolist() == [1, 0, 1, 0]
    assert names == ("1", "3")
    assert labels(np.array([0.5, 1.0] * 2), "y")[1] == ("0.5", "1.0")
    assert labels(np.array([True, False] * 2), "y")[1] == ("False", "True")
    assert labels(np.array(["b", "a"] * 2, dtype=object), "y")[1] == ("a", "b")


def test_a_target_that_holds_no_classes_is_refused() -> None:
    with pytest.raises(SpecError, match="target 'price' differs in every row"):
        labels(np.arange(50), "price")
    with pytest.raises(SpecError, match=r"'price' has 30 different values in 60 rows. Is it a num"):
        labels(np.arange(60) // 2, "price")
    with pytest.raises(SpecError, match="target 'y' has missing or infinite values"):
        labels(np.array([0.0, np.nan]), "y")
