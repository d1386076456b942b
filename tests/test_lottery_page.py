"""The Lottery page: the race that shipped, more seeds at a button, lanes of one's own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from paging import alts, finish, show, specs, store  # noqa: F401 - a fixture among them

from prunelab import examples
from prunelab.lottery import LANES, Starter, arrivals, judge, starters
from prunelab.spec import RunSpec

BASE = RunSpec(method="lottery-ticket", knobs=examples.RACE_KNOBS)


@pytest.fixture(scope="module")
def shipped():
    entrants = examples.race()
    race = [Starter(e.lane, e.sparsity, e.spec) for e in entrants]
    return arrivals(race, {e.result.key: e.result for e in entrants})


def test_the_race_that_shipped_is_that_of_the_controls(store, shipped):  # noqa: F811
    assert len(shipped) == 175
    app = show("lottery")
    button = app.button(key="start-race")
    assert (button.label, button.proto.disabled) == ("All runs are there", True)
    assert any("came with PruneLab" in c.value for c in app.caption)
    assert len(specs(app)) == 2
    assert all(alts(app))
    words = [m.value for m in app.markdown]
    for verdict in judge(shipped):
        assert f"**{100 * verdict.sparsity:g}\u00a0% gone**" in words
        assert ("🥇 " if verdict.medal else "") + verdict.leader in words


def test_the_picture_is_of_the_shipped_numbers(store, shipped):  # noqa: F811
    chart = specs(show("lottery", even="true"))[0]
    dots = [y for t in chart["data"] if t.get("mode") == "markers" for y in t["y"]]
    assert sorted(dots) == pytest.approx(sorted(a.accuracy for a in shipped))


def test_more_seeds_are_queued_where_the_evidence_does_not_reach(store, shipped):  # noqa: F811
    app = show("lottery")
    button = app.button(key="more-seeds")
    undecided = [v.sparsity for v in judge(shipped) if not v.medal]
    for share in undecided:
        assert f"{100 * share:g}" in button.label
    assert button.label.endswith("run 2 more seeds (70 runs)")
    button.click().run()
    assert not app.exception
    assert len(store.submitted) == 70
    assert {s.seed for s in store.submitted} == {5, 6}
    expected = starters(BASE, (0.8, 0.9, 0.95, 0.98, 0.99), (5, 6), epochs=30)
    assert {s.key for s in store.submitted} == {s.spec.key for s in expected}
    assert app.slider(key="seeds").value == 7
    assert not [b for b in app.button if b.key == "more-seeds"]  # until these are in
    app.button(key="cancel-all").click().run()
    assert store.count(state="queued") == 0


def test_other_controls_show_what_there_will_be_and_start_it(store):  # noqa: F811
    app = show("lottery", model="mlp", seeds="2", sparsities="50", rate="0.5")
    assert any("One line a lane" in m.value for m in app.markdown)
    assert len(specs(app)) == 1
    button = app.button(key="start-race")
    assert button.label == f"Start {2 * len(LANES)} runs"
    button.click().run()
    assert not app.exception
    assert len(store.submitted) == 2 * len(LANES)
    assert app.get("skeleton") or app.button(key="cancel-all")


def test_the_first_runs_of_a_race_are_drawn_while_the_others_run(store):  # noqa: F811
    base = replace(BASE, model="mlp")
    race = starters(base, [0.5], range(2), epochs=30)
    for starter in race[:2]:
        finish(store, starter.spec)
    app = show("lottery", model="mlp", seeds="2", sparsities="50")
    assert app.button(key="start-race").label == f"Start {2 * len(LANES) - 2} runs"
    assert len(specs(app)) == 1
    assert "Intervals need two seeds" in app.info[0].value


def test_a_race_needs_the_ticket_and_somebody_else(store):  # noqa: F811
    app = show("lottery", lanes="one shot")
    assert "Choose the ticket, another lane" in app.info[0].value
    assert not [b for b in app.button if b.key == "start-race"]


def test_networks_without_a_narrow_twin_have_one_lane_less(store):  # noqa: F811
    app = show("lottery", model="lenet-5")
    assert set(app.multiselect(key="lanes").options) == set(LANES) - {"small dense"}


def test_own_data_need_a_file_first(store):  # noqa: F811
    app = show("lottery", data="table")
    assert "Upload a file first." in [c.value for c in app.caption]


def test_the_copied_lines_make_this_race(store):  # noqa: F811
    code = show("lottery").code[0].value
    compile(code, "copied", "exec")
    assert "pl.race(" in code
    assert "seed=range(5)" in code
    assert "'rewind_epoch': 1" in code
