"""Forecasts: survivors and cliffs against masks made by hand, in this process and in another."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from paging import alts, show, specs, store  # noqa: F401 - a fixture among them

import prunelab as pl
from prunelab import aside, examples, figures, foresight
from prunelab.catalogue import catalogue
from prunelab.events import Pruned
from prunelab.experiment import run
from prunelab.figures.foretold import where
from prunelab.foresight import OWN, Cliff, Forecast
from prunelab.registry import METHODS
from prunelab.spec import RunSpec, SpecError

BASE = RunSpec(model="mlp", model_knobs={"widths": "16-12"}, epochs=1)
FIELDS = {"model": "mlp", "model_knobs": {"widths": "16-12"}, "epochs": 1}
TRIED = (0.5, 0.9, 0.97, 0.995)
NAMES = ["iterative-magnitude", "magnitude", "random", "rigl", "snip", "synflow"]


@pytest.fixture(scope="module")
def found():
    told = []
    made = pl.forecast(
        method=NAMES, sparsity=TRIED, progress=lambda doing, share: told.append(share), **FIELDS
    )
    assert told == sorted(told)
    assert 0 < told[0] < told[-1] < 1
    return made


def rows(found, method, way, sparsity):
    table = found.table
    same = (table["method"] == method) & (table["way"] == way) & (table["sparsity"] == sparsity)
    return table[same].set_index("layer")


@pytest.mark.parametrize("method", ["magnitude", "snip", "random"])
def test_a_forecast_is_what_the_run_then_does(found, method, home):
    for sparsity in (0.9, 0.97):
        told = list(run(replace(BASE, method=method, sparsity=sparsity, recover_epochs=1)))
        (pruned,) = (e for e in told if isinstance(e, Pruned))
        seen = rows(found, method, OWN, sparsity)["kept"].to_dict()
        assert seen == {row["name"]: row["kept"] for row in pruned.layers}


def test_a_floor_is_kept_by_the_forecast_and_by_the_run(found, home):
    seen = rows(found, "magnitude", "floor", 0.9)
    assert seen["kept"].min() >= 20
    spec = replace(BASE, sparsity=0.9, floor=20, recover_epochs=1)
    (pruned,) = (e for e in run(spec) if isinstance(e, Pruned))
    assert {r["name"]: r["kept"] for r in pruned.layers} == seen["kept"].to_dict()


def test_other_ways_share_as_their_scopes_do(found):
    layers = found.layers
    total = sum(layers.values())
    for method in NAMES:
        kept = rows(found, method, "uniform", 0.9)["kept"]
        assert kept.sum() == total - round(0.9 * total)
        for layer, units in layers.items():
            assert kept[layer] == pytest.approx(0.1 * units, abs=1)


@pytest.mark.parametrize("way", foresight.WAYS)
def test_a_cliff_lies_between_a_whole_and_a_broken_network(found, way):
    for method in NAMES:
        cliff = found.cliff(method, way)
        table = found.paths
        mine = table[(table["method"] == method) & (table["way"] == way)].sort_values("sparsity")
        broken = mine[mine["why"] != ""]
        if cliff.broken is None:
            assert broken.empty
            continue
        assert cliff.whole < cliff.broken <= broken["sparsity"].iloc[0]
        assert cliff.why
        if method != "synflow":
            assert (1 - cliff.whole) / (1 - cliff.broken) < 1.05
        whole = mine[mine["sparsity"] <= cliff.whole]
        assert (whole["outputs"] == 10).all()
        assert (whole["why"] == "").all()


def test_synflow_breaks_last(found):
    """Tanaka et al. 2020: iterated flow keeps paths where one-shot scores have lost them."""
    cliffs = {m: found.cliff(m).broken or 1.0 for m in ("random", "snip", "synflow", "magnitude")}
    assert max(cliffs, key=cliffs.get) == "synflow"
    assert min(cliffs, key=cliffs.get) == "random"


def test_what_is_not_quite_what_will_happen_is_said(found):
    assert set(found.notes) == {"iterative-magnitude", "rigl"}
    assert "retrain in between" in found.notes["iterative-magnitude"]
    assert "goes on choosing" in found.notes["rigl"]


def test_the_dense_network_is_kept_for_runs(home):
    pl.forecast(method="magnitude", sparsity=[0.5], **FIELDS)
    assert (home / "files" / "dense" / BASE.dense_key).exists()
    pl.forecast(method="snip", sparsity=[0.5], seed=1, **FIELDS)  # nothing to train
    assert not (home / "files" / "dense" / replace(BASE, seed=1).dense_key).exists()


def test_what_cannot_be_foretold_is_refused():
    with pytest.raises(SpecError, match="Nothing can be foretold of movement: it learns"):
        pl.forecast(method="movement", **FIELDS)
    with pytest.raises(SpecError, match="it prunes no network"):
        foresight.order(RunSpec(model="decision-tree"), ["mdl"])
    with pytest.raises(SpecError, match="at least one method"):
        pl.forecast(method=[], **FIELDS)
    with pytest.raises(SpecError, match="floor must be a whole number"):
        pl.forecast(method="magnitude", floor=-1, **FIELDS)
    with pytest.raises(SpecError, match="Did you mean 'magnitude'"):
        pl.forecast(method="magnitud", **FIELDS)


def test_every_method_can_be_foretold_or_says_why():
    known = catalogue()
    for name in METHODS:
        why = foresight.unforeseen(known["methods"][name], known["units"])
        assert why in (
            "",
            "it prunes no network",
            "it learns its scores while it trains, so there are none to look at before",
        )


def test_words_for_cliffs():
    plain = {c: where(c).replace("\u00a0", " ") for c in CLIFFS}
    assert list(plain.values()) == ["none up to 99.99 %", "between 90 % and 95 %", "99.21 %"]


CLIFFS = (Cliff(0.9999, None, ""), Cliff(0.9, 0.95, "x"), Cliff(0.9920, 0.9921, "x"))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_figures_draw_the_numbers(found, theme):
    drawn = figures.paths(found, theme=theme)
    lines = {t.name: list(t.y) for t in drawn.figure.data if t.mode == "lines+markers"}
    table = found.paths
    mine = table[(table["method"] == "snip") & (table["way"] == OWN) & (table["open"] > 0)]
    assert lines["snip"] == mine["open"].tolist()
    assert drawn.title.startswith("random breaks at")
    crosses = [t for t in drawn.figure.data if t.mode == "markers"]
    assert len(crosses) == sum(found.cliff(m).broken is not None for m in NAMES)
    bands = figures.ribbons(found, 0.97, theme=theme).figure.data
    live = next(t for t in bands if t.name == "snip, live")
    share = rows(found, "snip", OWN, 0.97)["live"] / list(found.layers.values())
    assert (2 * live.y[0]) ** 2 == pytest.approx(share.iloc[0])
    heat = figures.survivors(found, theme=theme)
    assert len(heat.figure.data[0].y) == len(NAMES) * 3


def test_a_sparsity_that_was_not_tried_has_no_ribbon(found):
    with pytest.raises(ValueError, match="The forecast has no sparsity"):
        found.plot.ribbons(0.123)


def test_plots_of_a_notebook_are_plain_figures(found):
    for figure in (found.plot.paths(), found.plot.ribbons(0.9), found.plot.survivors("erk")):
        assert figure.data
    assert len(found.cliffs) == len(NAMES) * len(foresight.WAYS)


ORDER = foresight.order(BASE, ["snip", "random"], TRIED)


def wait(folder, seconds=180):
    deadline = time.monotonic() + seconds
    while (state := aside.look(folder)).name == "growing" and time.monotonic() < deadline:
        time.sleep(0.05)
    return state


def test_another_process_says_the_same(found, home):
    folder = foresight.start(ORDER, home)
    assert aside.look(folder).name == "growing"
    assert foresight.read(folder) is None
    assert wait(folder).name == "ready"
    told = foresight.read(folder)
    assert told.table.equals(Forecast(json.loads(json.dumps(told.told))).table)
    for method in ("snip", "random"):
        assert told.cliff(method) == found.cliff(method)
    aside._started.pop(folder).wait(120)


def test_what_goes_wrong_there_is_a_sentence(home):
    attention = dict(ORDER, spec={"model": "mlp", "model_knobs": {"widths": "no"}})
    folder = foresight.start(attention, home)
    state = wait(folder)
    assert state.name == "failed"
    assert "widths must be whole numbers" in state.reason
    aside._started.pop(folder).wait(120)


def test_a_damaged_forecast_is_a_sentence(tmp_path):
    (tmp_path / foresight.FILE).write_text("{}")
    with pytest.raises(SpecError, match="is damaged"):
        foresight.read(tmp_path)


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "forecasts").write_text("a file")
    with pytest.raises(SpecError, match="cannot be written in"):
        foresight.start(ORDER, tmp_path)


@pytest.fixture
def made(found, store):  # noqa: F811
    """The forecast of the page's own choices, with the numbers of a smaller network."""
    told = {**found.told, "methods": {"magnitude": "", "random": "", "snip": "", "synflow": ""}}
    ordered = foresight.order(RunSpec(), list(told["methods"]), floor=7)
    folder = foresight.place(ordered, store.home)
    folder.mkdir(parents=True)
    (folder / foresight.FILE).write_text(json.dumps(told | {"order": ordered}))
    aside.write(folder, {"state": "ready"})
    return Forecast(told)


def test_the_page_opens_with_a_forecast_that_came_with_prunelab(store):  # noqa: F811
    app = show("forecast")
    assert app.title[0].value == figures.verdict(examples.forecast())
    assert len(specs(app)) == 3
    assert not store.submitted


def test_the_page_tells_the_verdict_and_draws_it(made, store):  # noqa: F811
    app = show("forecast", at="97 %", least="7")
    assert app.title[0].value == figures.verdict(made)
    assert len(specs(app)) == 3
    assert "Ribbons." in alts(app)[0]
    assert app.button(key="forecast").proto.disabled
    app.segmented_control(key="way").set_value("uniform").run()
    assert not app.exception
    assert app.title[0].value == figures.verdict(made, "uniform")
    compile(app.code[0].value, "copied", "exec")
    assert "way='uniform'" in app.code[0].value


@pytest.mark.parametrize(("way", "shared"), [("erk", {"scope": "erk"}), ("floor", {"floor": 7})])
def test_the_page_runs_what_it_foretold(way, shared, made, store):  # noqa: F811
    app = show("forecast", at="97 %", least="7")
    app.segmented_control(key="way").set_value(way).run()
    app.button(key="run-snip").click().run()
    at = app.select_slider(key="at").value if app.select_slider else 0.97
    assert store.submitted == [RunSpec(method="snip", sparsity=at, **shared)]


def test_the_page_orders_a_forecast_elsewhere(store, monkeypatch):  # noqa: F811
    ordered = []
    monkeypatch.setattr(foresight, "start", lambda order, home: ordered.append(order))
    app = show("forecast", data="moons", model="mlp")
    assert app.title[0].value == "Where would this network break?"
    app.button(key="forecast").click().run()
    assert ordered[0]["spec"] == {"data": "moons", "model": "mlp"}


def test_a_page_for_networks_refuses_trees(store):  # noqa: F811
    app = show("forecast", data="moons", model="decision-tree")
    assert app.button(key="forecast").proto.disabled
    assert any("it has no paths that could break" in c.value for c in app.caption)


def test_a_forecast_on_its_way_and_one_that_failed(store, monkeypatch):  # noqa: F811
    monkeypatch.setattr(aside, "look", lambda _: aside.State("growing", "snip at 90 %", 0.4))
    assert show("forecast", least="7").title[0].value == "Looking ahead"
    monkeypatch.setattr(aside, "look", lambda _: aside.State("failed", reason="No such thing."))
    assert show("forecast", least="7").error[0].value == "No such thing."
