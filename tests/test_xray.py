"""X-ray: why a cell went, counted by hand; who agrees; the page that tells it."""

from __future__ import annotations

import numpy as np
import pytest
from paging import show, store  # noqa: F401 - a fixture

from prunelab import cards, figures, xray

SCORES = [[3.0, 1.0], [2.0, 2.0]]


def example(kept, scores=SCORES, subject="a layer"):
    step = {"kind": "matrix", "title": "Select", "values": scores, "kept": kept, "text": ""}
    return {"subject": subject, "steps": [{"kind": "table"}, step]}


MADE = {
    "one": example([[True, False], [True, False]]),
    "two": example([[True, True], [False, False]]),
    "other": example([[True]], [[1.0]]),
    "elsewhere": example([[True, True], [False, False]], subject="another layer"),
    "none": {"why": "it needs something"},
}


def test_rank_line_and_neighbours_of_a_cell():
    found = xray.why(MADE, "one", 1, 1)
    assert (found.score, found.rank, found.of, found.kept) == (2.0, 3, 4, False)
    assert (found.lowest_kept, found.highest_gone) == (2.0, 2.0)  # equals: the first stays
    assert (found.also_kept, found.also_gone) == ((), ("two",))
    assert xray.why(MADE, "one", 0, 1).also_kept == ("two",)
    assert xray.why(MADE, "other", 0, 0).highest_gone is None


def test_only_the_same_cells_are_compared():
    assert xray.drawn(MADE) == ["one", "two", "other", "elsewhere"]
    assert xray.like(MADE, "one") == ["one", "two"]
    assert xray.like(MADE, "none") == []
    assert xray.agreement(MADE, ["one", "two"]) == [[1.0, 1 / 3], [1 / 3, 1.0]]


def test_a_cell_outside_is_no_cell():
    with pytest.raises(ValueError, match="no row 3, column 1"):
        xray.why(MADE, "one", 2, 0)
    with pytest.raises(ValueError, match="none has no layer"):
        xray.why(MADE, "none", 0, 0)
    assert xray.within(MADE, "other", 1, 3) == (0, 0)
    assert xray.within(MADE, "one", 1, 0) == (1, 0)


def test_every_method_with_a_layer_tells_why():
    worked = cards.worked()
    assert {"magnitude", "snip", "l1-filter", "rigl"} <= set(xray.drawn(worked))
    for name in xray.drawn(worked):
        (choice,) = (s for s in xray.steps(worked, name) if "kept" in s)
        scores, kept = np.array(choice["values"]), np.array(choice["kept"])
        ranks = [
            [xray.why(worked, name, i, j).rank for j in range(scores.shape[1])]
            for i in range(len(scores))
        ]
        assert sorted(np.ravel(ranks)) == list(range(1, scores.size + 1))
        if name not in ("n-m", "sr-ste", "wanda"):  # those choose within groups
            assert np.array_equal(np.array(ranks) <= kept.sum(), kept), name


def test_the_figures_have_every_number():
    (choice,) = (s for s in MADE["one"]["steps"] if "kept" in s)
    found = figures.step(choice, marked=(1, 0))
    assert found.table["value"].tolist() == [3.0, 1.0, 2.0, 2.0]
    assert len(found.figure.layout.shapes) == 2 + 1
    agreed = figures.agree(["one", "two"], xray.agreement(MADE, ["one", "two"]))
    assert agreed.table["shared"].tolist() == [1.0, 1 / 3, 1 / 3, 1.0]


def test_the_page_walks_from_step_to_step(store):  # noqa: F811
    app = show("xray", method="snip")
    titles = [app.title[0].value]
    while not app.button(key="next").disabled:
        app.button(key="next").click().run()
        assert not app.exception
        titles.append(app.title[0].value)
    assert len(titles) == len(xray.steps(cards.worked(), "snip"))
    assert "snip gives each a score" in titles
    assert any("Rank" in m.value for m in show("xray").markdown)


@pytest.mark.parametrize("method", ["cost-complexity", "el2n"])
def test_what_chooses_no_weights_is_walked_as_tables(method, store):  # noqa: F811
    app = show("xray", method=method)
    assert app.selectbox(key="method").value == method
    assert len(app.table) == 1
    assert not app.header


def test_every_method_is_walked_or_says_why_not():
    worked = cards.worked()
    names = xray.walked(worked)
    assert names[: len(xray.drawn(worked))] == xray.drawn(worked)
    assert all(worked[name]["why"] for name in set(worked) - set(names))


def test_another_layer_has_another_cell(store):  # noqa: F811
    app = show("xray", method="l1-filter")
    app.session_state["_cell"] = (3, 3)
    app.run()
    assert not app.exception
    assert any("row 4, column 1" in m.value for m in app.markdown)
