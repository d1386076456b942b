"""Runs for other tools: what is written is what the run said, read back by the tools themselves."""

from __future__ import annotations

import sys

import pytest
from example_run import network_events
from paging import finish, store  # noqa: F401

import prunelab as pl
from prunelab import trackers
from prunelab.__main__ import main
from prunelab.events import fold
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
    for name in ("mlflow", "mlflow.entities", "tensorboard"):
        monkeypatch.setitem(sys.modules, name, None)
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
