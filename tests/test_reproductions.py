"""Published figures and stable orderings: the exact ones always, those that train when slow."""

from __future__ import annotations

import pytest
import reproductions


@pytest.mark.parametrize(
    "row", [reproductions.erk, reproductions.ladder, reproductions.two_of_four]
)
def test_exact_rows_hold(row):
    found = row()
    assert found.holds, found


def test_only_synflow_survives_at_one_weight_a_layer():
    for row in reproductions.collapse():
        assert row.holds, row


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_stable_orderings_on_digits_at_98_percent():
    rows = reproductions.orderings(reproductions.digits(5, tell=lambda _: None))
    assert [row for row in rows if not row.holds] == []


def test_the_page_says_what_does_not_hold():
    rows = [reproductions.Row("a", "1", "2", False), reproductions.erk()]
    text = reproductions.page(rows, {"x": [1.0, 3.0]})
    assert "| a | 1 | 2 | no |" in text
    assert "| x | 2.00 ± 1.00 |" in text
