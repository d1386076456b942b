"""Published figures: the report is what was measured, and no row of the list is missing."""

from __future__ import annotations

import json
import math

import pytest

from benchmarks import gale as gale_page
from benchmarks.reproductions import book, report, runs
from benchmarks.reproductions.row import Budget, mean, per_seed
from prunelab import figures

LIST = [
    "A-1", "L-1", "F-1", "F-2", "N-1", "H-1", "H-2", "H-3", "H-4", "S-1", "S-2", "V-1", "V-2",
    "Z-2", "R-1", "D-1", "D-3", "L-2", "L-3", "M-1", "G-1", "O-1",
]  # fmt: skip
EXACT = ("A-1", "L-1", "F-1", "F-2", "N-1")
ROWS = book.rows()


def test_no_row_is_missing_and_each_was_measured_at_its_budget():
    assert sorted(ROWS) == sorted(LIST)
    measured = book.load()
    assert sorted(measured) == sorted(LIST)
    for name, record in measured.items():
        row = ROWS[name]
        assert (record["seeds"], record["epochs"]) == row.budget, name
        assert {len(v) for v in record["numbers"].values()} == {row.budget.seeds}, name
        assert row.budget.seeds >= 3 or name in EXACT


def test_the_report_is_what_the_records_say():
    assert report.PAGE.read_text(encoding="utf-8") == report.page(ROWS, book.load())


def test_the_page_on_gale_is_what_its_record_says():
    record = book.load()["G-1"]
    assert (gale_page.DOCS / "gale.md").read_text(encoding="utf-8") == gale_page.page(record)
    assert len(gale_page.results(record["numbers"])) == 75
    assert len(figures.tradeoff(gale_page.results(record["numbers"])).table) == 25


@pytest.mark.parametrize("name", EXACT)
def test_exact_rows_hold(name):
    seeds = min(ROWS[name].budget.seeds, 2)
    assert ROWS[name].holds(ROWS[name].measure(Budget(seeds=seeds)))


def test_a_miss_is_said_with_its_reason():
    record = {**book.load()["S-1"], "numbers": {"95 %, error %": [9.0], "98 %, error %": [1.0]}}
    assert report.verdict(ROWS["S-1"], record) == "**no**"
    assert report.said(ROWS["S-1"], record) == f"Misses its band: {ROWS['S-1'].missing}."
    record["numbers"]["95 %, error %"] = [1.0]
    assert report.said(ROWS["S-1"], record) == "Holds."


def test_every_row_that_misses_says_why():
    for name, record in book.load().items():
        assert ROWS[name].holds(record["numbers"]) or ROWS[name].missing, name


def test_numbers_are_rounded_by_their_size():
    assert report.spread([1.0, 2.0]) == "1.5 ± 0.7"
    assert report.spread([1.25, 1.75]) == "1.50 ± 0.35"
    assert report.spread([18714]) == "18,714"
    assert report.spread([35000.4, 35001.4]) == "35,001 ± 1"


def test_a_row_that_was_not_measured_is_named():
    found = {name: record for name, record in book.load().items() if name != "N-1"}
    assert "Not measured yet: N-1." in report.page(ROWS, found)
    assert "Not measured yet" not in report.page({"N-1": ROWS["N-1"]}, book.load())
    assert "(#n-1)" not in report.page(ROWS, found)


def test_records_are_replaced_one_by_one(tmp_path, monkeypatch):
    monkeypatch.setattr(book, "FILE", tmp_path / "book.json")
    assert book.load() == {}
    book.keep("N-1", book.measured(ROWS["N-1"]))
    book.keep("A-1", {"numbers": {}})
    assert sorted(book.load()) == ["A-1", "N-1"]
    assert book.load()["N-1"]["numbers"]["left, %"] == [50.0]
    assert [file.name for file in tmp_path.iterdir()] == ["book.json"]


def test_runs_are_made_once_and_forgotten(home):
    spec = {"model": "mlp", "model_knobs": {"widths": "8"}, "epochs": 2, "recover_epochs": 1}
    first = runs.done(**spec)
    assert [e.phase for e in first.result.epochs] == ["dense", "dense", "recover"]
    again = runs.done(**spec)
    assert again == first
    assert runs.error(again.result) == 100 * (1 - first.result.recovered["accuracy"])
    runs.forget()
    assert not first.folder.exists()


def test_a_run_that_fails_stops_the_row(home):
    with pytest.raises(RuntimeError, match=r"failed: There is no model 'lenet-3000'"):
        runs.done(model="lenet-3000")


def test_seeds_become_lists():
    found = per_seed([{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 4.0}])
    assert found == {"a": [1.0, 3.0], "b": [2.0, 4.0]}
    assert mean(found, "a") == 2.0


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", sorted(set(LIST) - {*EXACT, "O-1"}))
def test_a_row_measures_what_its_record_holds(name, home):
    found = ROWS[name].measure(Budget(seeds=1, epochs=1))
    assert set(found) == set(book.load()[name]["numbers"])
    assert all(math.isfinite(v) for values in found.values() for v in values)
    json.dumps({quantity: list(values) for quantity, values in found.items()})
    assert ROWS[name].holds(found) in (True, False)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_stable_orderings_on_digits_at_98_percent(home):
    assert ROWS["O-1"].holds(ROWS["O-1"].measure(ROWS["O-1"].budget))
