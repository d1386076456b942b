"""Runs for other tools: what is written is what the run said, read back by the tools themselves."""

from __future__ import annotations

import json
import sys
import zipfile

import pytest
from example_run import network_events
from paging import finish, show, store  # noqa: F401

import prunelab as pl
from prunelab import aside, examples, trackers, tracking
from prunelab.__main__ import main
from prunelab.events import fold
from prunelab.space import Space
from prunelab.spec import RunSpec, SpecError


@pytest.fixture
def result():
    return fold(network_events(RunSpec()))


def test_curves_and_numbers_are_those_of_the_run(result):
    told = trackers.curves(result)
    assert [v for name, v, _ in told if name == "accuracy"] == [e.accuracy for e in result.epochs]
    assert max(step for *_, step in told) == len(result.epochs)
    found = trackers.numbers(result)
    assert found["recovered/accuracy"] == result.recovered["accuracy"]
    assert found["recovered/bytes/raw"] == result.recovered["bytes"]["raw"]
    assert not any("confusion" in name for name in found)


@pytest.mark.filterwarnings("default")
def test_tensorboard_reads_what_is_written(result, tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    where = trackers.track([result], "tensorboard", tmp_path / "tb")
    seen = reader.EventAccumulator(str(where / result.key))
    seen.Reload()
    said = [(e.step, e.value) for e in seen.Scalars("epochs/accuracy")]
    wanted = [(s, v) for name, v, s in trackers.curves(result) if name == "accuracy"]
    assert [step for step, _ in said] == [step for step, _ in wanted]
    assert [v for _, v in said] == pytest.approx([v for _, v in wanted])
    (last,) = seen.Scalars("recovered/accuracy")
    assert last.value == pytest.approx(result.recovered["accuracy"])


@pytest.mark.filterwarnings("default")
def test_mlflow_reads_what_is_written(result, tmp_path):
    tracking = pytest.importorskip("mlflow.tracking")
    file = trackers.track([result], "mlflow", tmp_path / "ml")
    assert trackers.track([result], "mlflow", tmp_path / "ml") == file
    client = tracking.MlflowClient(tracking_uri=f"sqlite:///{file}")
    experiment = client.get_experiment_by_name(trackers.EXPERIMENT)
    runs = client.search_runs([experiment.experiment_id])
    assert [run.info.run_name for run in runs] == [result.key] * 2
    assert runs[0].data.metrics["recovered/accuracy"] == result.recovered["accuracy"]
    assert runs[0].data.params["method"] == "magnitude"
    history = client.get_metric_history(runs[0].info.run_id, "epochs/accuracy")
    assert sorted((m.step, m.value) for m in history) == sorted(
        (s, v) for name, v, s in trackers.curves(result) if name == "accuracy"
    )


@pytest.mark.parametrize("kind", trackers.KINDS)
def test_a_missing_package_is_named(kind, result, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, kind, None)
    with pytest.raises(SpecError, match=rf"{kind} is not there: pip install 'prunelab\[track\]'"):
        trackers.track([result], kind, tmp_path)


def test_what_cannot_be_written_is_refused(result, tmp_path):
    with pytest.raises(SpecError, match="written for mlflow or tensorboard, got 'wandb'"):
        trackers.track([result], "wandb", tmp_path)
    with pytest.raises(SpecError, match="Only finished runs can be written"):
        trackers.track([], "mlflow", tmp_path)


def test_stored_runs_are_written_together(store, tmp_path, monkeypatch, capsys):  # noqa: F811
    other = RunSpec(method="random")
    finish(store, other, network_events(other))
    told = []
    monkeypatch.setattr(
        trackers, "track", lambda results, to, into: told.append((len([*results]), to)) or into
    )
    assert pl.stored(RunSpec().key).track("mlflow", tmp_path) == tmp_path
    pl.stored(data="digits").track("tensorboard", str(tmp_path))
    assert main(["track", "mlflow", str(tmp_path), "--method", "random"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}\n"
    assert told == [(1, "mlflow"), (2, "tensorboard"), (1, "mlflow")]
    assert main(["track", "mlflow", str(tmp_path), "--method", "snip"]) == 2


@pytest.fixture
def installed(monkeypatch):
    """Both tools are there; they write a file a run, which says how many epochs it has."""

    def track(results, to, into):
        into.mkdir()
        for one in results:
            (into / one.key).write_text(f"{to} {len(one.epochs)}")
        return into

    monkeypatch.setattr(trackers, "missing", lambda to: "")
    monkeypatch.setattr(trackers, "track", track)


def test_another_process_packs_stored_and_shipped_runs(store, installed, monkeypatch):  # noqa: F811
    begun = []
    monkeypatch.setattr(aside, "begin", lambda folder, module, *_: begun.append((folder, module)))
    shipped, own = next(iter(examples.comparison())), RunSpec().key
    ordered = tracking.order(Space(store), [own, shipped, own], "tensorboard")
    folder = tracking.start(ordered, store.home)
    assert begun == [(folder, "prunelab.tracking")]
    assert tracking.main(folder) == 0
    assert aside.look(folder).name == "ready"
    with zipfile.ZipFile(tracking.file(folder, "tensorboard")) as packed:
        names = {name for name in packed.namelist() if not name.endswith("/")}
        assert names == {own, shipped, "README.txt"}
        epochs = len(store.result(own).epochs)
        assert packed.read(own).decode() == f"tensorboard {epochs}"
        assert b"tensorboard --logdir" in packed.read("README.txt")
    assert {path.name for path in folder.iterdir() if path.is_dir()} == set()


def test_a_run_that_is_made_anew_or_deleted_leaves_nothing_old(store, installed, monkeypatch):  # noqa: F811
    monkeypatch.setattr(aside, "begin", lambda *_: None)
    space, key = Space(store), RunSpec().key
    before = tracking.order(space, [key], "mlflow")
    folder = tracking.start(before, store.home)
    tracking.forget(store.home, "another")
    assert folder.exists()
    tracking.forget(store.home, key)
    assert not folder.exists()
    other = RunSpec(seed=1)
    finish(store, other)
    store.delete(key)
    finish(store, RunSpec())
    assert tracking.order(space, [key], "mlflow") != before


def test_an_order_that_cannot_be_written_is_refused(installed, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(SpecError, match="The runs cannot be written in"):
        tracking.start({"to": "mlflow", "runs": []}, tmp_path / "file")
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(SpecError, match="mlflow is not there"):
        tracking.start({"to": "mlflow", "runs": []}, tmp_path)


@pytest.mark.parametrize(("page", "query"), [("compare", {"view": "Take along"}), ("runs", {})])
def test_pages_write_runs_for_other_tools(page, query, store, installed, monkeypatch):  # noqa: F811
    app = show(page, **query)
    if page == "runs":
        chosen = {"selection": {"rows": [0], "columns": [], "cells": []}}
        monkeypatch.setattr("streamlit.dataframe", lambda *_, **more: chosen)
        app.run()
    begun = []
    monkeypatch.setattr(aside, "begin", lambda folder, *_: begun.append(folder))
    app.button(key="_track-start").click().run()
    assert not app.exception
    (folder,) = begun
    assert json.loads((folder / tracking.ORDER).read_text())["runs"][0][0] == RunSpec().key
    assert tracking.main(folder) == 0
    app.run()
    assert [b.proto.label for b in app.get("download_button")][-1].startswith("Download for MLflow")


def test_a_page_says_what_to_install(store, monkeypatch):  # noqa: F811
    monkeypatch.setitem(sys.modules, "mlflow", None)
    app = show("compare", view="Take along")
    assert any("pip install 'prunelab" in c.value for c in app.caption)
    assert not [b for b in app.button if b.key == "_track-start"]
    assert app.dataframe[-1].value["key"].tolist() == [RunSpec().key]
