"""Cuts by hand: what they promise is what a run then does; the page, its link and its button."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from paging import show, store  # noqa: F401 - a fixture among them

from prunelab import aside, cutting, examples, figures, scissors
from prunelab.events import Epoch, Measured, Pruned
from prunelab.experiment import run
from prunelab.scissors import ALL, Scissors
from prunelab.spec import RunSpec, SpecError

BASE = RunSpec(model="mlp", model_knobs={"widths": "16-12"}, epochs=1)
STOPS = [0.0, 0.5, 0.9, 0.99]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRUNELAB_HOME", str(tmp_path_factory.mktemp("home")))
        told = []
        ordered = scissors.order(BASE) | {"stops": STOPS}
        made = cutting.compute(ordered, lambda doing, share: told.append(share))
        assert told == sorted(told)
        assert 0 < told[0] < told[-1] < 1
        yield Scissors(made)


@pytest.mark.parametrize(("place", "stop"), [(ALL, 2), ("fc1", 2), ("fc2", 1)])
def test_a_cut_is_what_its_run_then_does(found, place, stop, home):
    spec = replace(found.spec(place, stop), recover_epochs=1)
    told = list(run(spec))
    (pruned,) = (e for e in told if isinstance(e, Pruned))
    assert {row["name"]: row["kept"] for row in pruned.layers} == found.kept(place, stop)
    (after,) = (
        e.values["accuracy"]
        for e in told
        if isinstance(e, Measured) and (e.stage, e.part) == ("pruned", "validation")
    )
    assert found.told["cuts"][place][stop]["magnitude"] == pytest.approx(after)
    assert any(isinstance(e, Epoch) and e.phase != "dense" for e in told)


def test_nothing_cut_is_the_dense_network(found):
    for place in found.places:
        first = found.told["cuts"][place][0]
        assert first["gone"] == 0
        assert first["magnitude"] == first["random"] == found.dense
        assert first["near"]["goes"] == []


@pytest.mark.parametrize("made", ["found", "shipped"])
def test_the_line_parts_what_goes_from_what_stays(made, found):
    cuts = found if made == "found" else examples.scissors()
    for rows in cuts.told["cuts"].values():
        assert [row["threshold"] for row in rows] == sorted(row["threshold"] for row in rows)
        for row in rows[1:]:
            near = row["near"]
            goes, stays = ([abs(one[0]) for one in near[side]] for side in ("goes", "stays"))
            assert [*goes, row["threshold"], *stays] == sorted([*goes, row["threshold"], *stays])
            assert len(goes) == 4


def test_the_magnified_weights_are_where_they_are_said_to_be(found, home):
    from prunelab.forecasting import trained
    from prunelab.job import prepare
    from prunelab.probes import weights

    layers = weights(trained(prepare(BASE), lambda *_: None))
    for rows in found.told["cuts"].values():
        for side in ("goes", "stays"):
            for value, layer, *where in rows[2]["near"][side]:
                assert layers[layer][tuple(where)].item() == pytest.approx(value, rel=1e-4)


def test_the_picture_of_a_layer_empties_as_its_counts_do():
    cuts = examples.scissors()
    small = cuts.told["layers"][-1]
    assert len(small["shade"]) == small["units"] == 1000  # drawn whole
    for place in (ALL, "fc3"):
        ends = [cutting.LETTERS.index(letter) for letter in small["ends"][place]]
        for stop in (0, 20, 40, 63):
            assert sum(end > stop for end in ends) == cuts.kept(place, stop)["fc3"]


def test_what_shipped_is_that_of_the_first_controls():
    cuts = examples.scissors()
    assert cuts.told["order"] == scissors.order(RunSpec())
    assert list(cuts.layers) == ["fc1", "fc2", "fc3"]
    table = cuts.table
    for place in cuts.places:
        mine = table[table["place"] == place]
        assert len(mine) == len(scissors.STOPS) == 64
        most = cuts.most(place)
        assert (mine[mine["sparsity"] <= most]["magnitude"] >= cuts.dense - 0.01 - 1e-9).all()
        assert cuts.most(place, "random") < most
    for place, histogram in cuts.told["histograms"].items():
        units = sum(cuts.layers.values()) if place == ALL else cuts.layers[place]
        assert sum(histogram["counts"]) == units


def test_a_cut_that_is_none_is_refused(found):
    for place, stop in ((ALL, 99), ("fc9", 1), (ALL, 0), (ALL, -1)):
        with pytest.raises(SpecError, match="There is no cut"):
            found.spec(place, stop)
    with pytest.raises(SpecError, match="magnitude"):
        scissors.order(RunSpec(data="moons", model="decision-tree"))
    with pytest.raises(ValueError, match="The place of a cut must be one of all, fc1"):
        figures.cut(found, "fc9")


def test_the_picture_tells_how_far_one_may_go(found):
    picture = figures.cut(found, "fc1", theme="dark")
    assert "of fc1 can be cut before more than a point is lost" in picture.title
    assert [trace.name for trace in picture.figure.data] == ["magnitude", "random"]
    assert picture.table["sparsity"].tolist() == STOPS
    assert len(found.plot("fc2").data) == 2


def test_another_process_writes_it_and_damage_is_a_sentence(tmp_path, home):
    ordered = scissors.order(BASE) | {"stops": [0.0, 0.5]}
    assert scissors.read(tmp_path) is None
    assert cutting.main(ordered, tmp_path) == 0
    assert aside.look(tmp_path).name == "ready"
    assert scissors.read(tmp_path).places == [ALL, "fc1", "fc2", "fc3"]
    (tmp_path / scissors.FILE).write_text("{}")
    with pytest.raises(SpecError, match="is damaged"):
        scissors.read(tmp_path)
    (tmp_path / "scissors").write_text("a file")
    with pytest.raises(SpecError, match="cannot be written in"):
        scissors.start(ordered, tmp_path)


def test_in_python_it_is_one_call(home, monkeypatch):
    monkeypatch.setattr(scissors, "STOPS", (0.0, 0.9))
    told = []
    made = scissors.scissors(
        model="mlp", model_knobs={"widths": "16-12"}, epochs=1,
        progress=lambda doing, share: told.append(doing),
    )  # fmt: skip
    assert made.spec("fc1", 1).layers == {"fc1": 0.9}
    assert "Cutting the layer fc1" in told


def test_the_page_opens_with_a_cut_and_runs_it(store):  # noqa: F811
    app = show("scissors")
    assert app.title[0].value == figures.cut_title(examples.scissors())
    assert app.button(key="lay-out").label == "Ready to be cut"
    assert any("360 validation examples" in c.value for c in app.caption)
    app.button(key="cut").click().run()
    assert not app.exception
    assert store.submitted == [RunSpec(sparsity=0.9, scope="global")]


def test_the_link_says_where_the_line_is(store):  # noqa: F811
    app = show("scissors", place="fc1", stop="20")
    assert "of fc1 can be cut" in app.title[0].value
    app.button(key="cut").click().run()
    assert store.submitted == [RunSpec(sparsity=0.5, layers={"fc1": 0.5})]
    compile(app.code[0].value, "copied", "exec")
    assert show("scissors", place="fc1", stop="0").button(key="cut").proto.disabled
    for strange in ({"stop": "900"}, {"stop": "-1"}, {"place": "<b>", "stop": "x"}):
        assert show("scissors", **strange).title[0].value.startswith("80")


def test_a_network_of_one_s_own_is_laid_out_elsewhere(store, found, monkeypatch):  # noqa: F811
    ordered = []
    monkeypatch.setattr(scissors, "start", lambda order, home: ordered.append(order))
    app = show("scissors", data="moons", model="mlp")
    assert app.title[0].value == "How much would you cut?"
    app.button(key="lay-out").click().run()
    (order,) = ordered
    assert order["spec"] == {"data": "moons", "model": "mlp"}
    folder = scissors.place(order, store.home)
    folder.mkdir(parents=True)
    (folder / scissors.FILE).write_text(json.dumps(found.told))
    aside.write(folder, {"state": "ready"})
    app = show("scissors", data="moons", model="mlp", place="fc2", stop="3")
    assert app.title[0].value == figures.cut_title(found, "fc2")
    (folder / scissors.FILE).write_text("{}")
    app = show("scissors", data="moons", model="mlp")
    assert "is damaged" in app.error[0].value
    aside.write(folder, {"state": "failed", "reason": "no memory"})
    assert "no memory" in show("scissors", data="moons", model="mlp").error[0].value


def test_a_page_without_a_file_says_so(store):  # noqa: F811
    app = show("scissors", data="table")
    assert app.title[0].value == "How much would you cut?"
    assert app.button(key="lay-out").proto.disabled
