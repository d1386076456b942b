"""The Structure page: allocations by rule and by hand, its tabs, networks opened anew."""

from __future__ import annotations

import pytest
from paging import alts, finish, show, specs, store  # noqa: F401 - a fixture among them

from pages.ui import bars
from pages.ui.allocate import BUTTONS
from prunelab import structure
from prunelab.spec import RunSpec

SPEC = RunSpec(model="lenet-5", method="l1-filter")
VIEWS = ("Layers", "What each layer bears", "Feature maps", "Filters that go")


def study():
    return structure.read(structure.place(structure.order(SPEC)))


def title(app):
    return app.title[0].value.replace("\u00a0", " ")


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_renders_with_words_and_python(view, store):  # noqa: F811
    app = show("structure", view=view)
    assert not app.error
    assert title(app) == "Without 50 % of the filters, 73.3 % of the multiply-adds go"
    assert alts(app)
    assert all(alts(app))
    for block in app.code:
        compile(block.value, view, "exec")


@pytest.mark.parametrize("way", ["uniform", "global", "sensitivity"])
def test_a_way_and_a_slider_share_the_filters_out(way, store):  # noqa: F811
    app = show("structure", way=BUTTONS[way], sparsity="80")
    assert title(app).startswith(("Without 80 %", "Without 79.", "Without 80."))
    (chart,) = specs(app)
    found = study()
    keep = found.keep(way, 0.8, structure.scanned(structure.place(structure.order(SPEC))))
    assert chart["data"][1]["y"][:3] == list(keep.values())


def test_a_link_brings_back_what_was_dragged(store):  # noqa: F811
    app = show("structure", way="By hand", kept="5-20-100")
    (chart,) = specs(app)
    assert chart["data"][1]["y"] == [5, 20, 100, 10]
    assert app.select_slider(key="sparsity").disabled
    app.button(key="measure").click().run()
    assert not app.exception
    assert app.dataframe[-1].value["layer"].tolist() == ["fc2"]
    (spec,) = store.submitted
    assert spec == study().spec({"conv1": 5, "conv2": 20, "fc1": 100})
    assert spec.layers == {"conv1": 0.75, "conv2": 0.6, "fc1": 0.8}


@pytest.mark.parametrize("kept", ["", "5-20", "0-20-100", "5-20-501", "a-b-c", "5-20--1", "٣-2-1"])
def test_a_link_with_nonsense_opens_the_usual_allocation(kept, store):  # noqa: F811
    assert title(show("structure", way="By hand", kept=kept)).startswith("Without 50 %")


def test_a_browser_may_send_anything():
    sizes = study().sizes
    assert bars.allocation(study(), dict(sizes)) == sizes
    for wrong in ({}, {**sizes, "fc1": 0}, {**sizes, "fc1": True}, {**sizes, "fc1": "many"}):
        assert bars.allocation(study(), wrong) is None
    assert bars.allocation(study(), {**sizes, "fc1": float("nan")}) is None


def test_a_measured_network_tells_what_it_answers(store):  # noqa: F811
    spec = study().spec(study().keep("uniform", 0.5))
    finish(store, spec)
    app = show("structure")
    assert any("Measured: accuracy 95.0" in m.value for m in app.markdown)
    assert not [b for b in app.button if b.key == "measure"]


def test_filters_that_go_are_those_of_the_lowest_score(store):  # noqa: F811
    app = show("structure", view="Filters that go", filters="conv2", sparsity="80")
    words = alts(app)
    assert any("10 of conv2 stay" in w for w in words)
    assert any("40 of conv2 go" in w for w in words)
    told = show("structure", view="Feature maps", maps="conv2")
    assert any("conv2: " in w for w in alts(told))


def test_another_network_is_opened_by_another_process(store, monkeypatch):  # noqa: F811
    ordered = []
    monkeypatch.setattr(structure, "start", lambda order, home: ordered.append(order))
    app = show("structure", model="mlp")
    assert title(app) == "What does removing filters really save?"
    app.button(key="look").click().run()
    (told,) = ordered
    assert told["spec"]["model"] == "mlp"


def test_what_could_not_be_opened_is_explained(store):  # noqa: F811
    order = structure.order(RunSpec(model="mlp", method="l1-filter"))
    folder = structure.place(order, store.home)
    folder.mkdir(parents=True)
    (folder / structure.STUDY).write_text("{")
    app = show("structure", model="mlp")
    assert title(app) == "This network could not be looked at"
    assert "damaged" in app.error[0].value
    assert not app.button(key="look").proto.disabled


def test_a_scan_that_was_stopped_says_so(store):  # noqa: F811
    spec = RunSpec(model="mlp", method="l1-filter", epochs=1)
    folder = structure.place(structure.order(RunSpec(model="mlp", method="l1-filter")), store.home)
    structure.look(spec, folder)
    (folder / structure.SCAN).unlink()
    app = show("structure", model="mlp", view="What each layer bears")
    assert any("scan was stopped" in i.value for i in app.info)
    app = show("structure", model="mlp", way="By sensitivity")
    assert any("wait for the scan" in i.value for i in app.info)
    assert "no layer" in show("structure", model="mlp", view="Feature maps").info[0].value.lower()
    assert not show("structure", model="mlp", view="Filters that go").error


def test_heads_are_looked_at_too(store):  # noqa: F811
    app = show("structure", model="vit-tiny", method="head-importance")
    assert not app.button(key="look").proto.disabled
    assert "magnitude" not in app.selectbox(key="method").options
    assert "slimming" not in app.selectbox(key="method").options
