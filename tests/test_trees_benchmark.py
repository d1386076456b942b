"""The comparison with scikit-learn: answers are equal here, and its goals are reached when slow."""

from __future__ import annotations

import pytest
import trees_vs_sklearn as bench
import written
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split


def test_a_curve_is_compared_before_it_is_timed():
    line = bench.curve("iris", train_test_split(*load_iris(return_X_y=True), random_state=0), 1, 1)
    assert line.equal == "every tree and score"
    assert line.what.startswith("whole curve, iris (")


def test_the_forest_is_compared_before_it_is_timed():
    assert bench.forest(1, 2).equal.startswith("to ")


def test_the_table_has_a_row_for_each_comparison():
    line = bench.Line("this", "9 s", "1 s", "9×", "≥ 80×", "no", "yes")
    assert bench.told([line]).endswith("| --- |\n| this | 9 s | 1 s | 9× | ≥ 80× | no | yes |")


def test_what_the_docs_say_was_reached():
    page = (written.DOCS / "trees.md").read_text(encoding="utf-8")
    rows = [row.split(" | ") for row in page.splitlines() if "| " in row]
    table = [row for row in rows if len(row) == len(bench.Line._fields)][2:]
    assert len(table) > 10
    assert [row[0] for row in table if row[5] != "yes"] == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_goal_is_reached():
    missed = [line for line in bench.lines(bench.settings([])) if "no" in line or "NO" in line]
    assert missed == []
