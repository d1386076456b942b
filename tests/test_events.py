"""Events: plain data there and back, and what they say together."""

from __future__ import annotations

import json
import math

from prunelab.events import (
    Cancelled,
    Epoch,
    Failed,
    Finished,
    Histogram,
    Measured,
    Pruned,
    Started,
    Warned,
    fold,
    from_json,
    to_json,
)


def started(**changes):
    values = {"key": "k", "spec": {"seed": 1}, "settings": {}, "manifest": {}, "unit": "weights"}
    return Started(**values | {"plan": {"dense": 2, "recover": 2}, "of": 0} | changes)


def epoch(n, phase="dense"):
    values = {"loss": 1.0, "validation_loss": 1.0, "accuracy": 0.5, "sparsity": 0.0}
    return Epoch(phase=phase, epoch=n, epochs=2, zeros_kept=True, **values)


EVENTS = [
    started(),
    epoch(1),
    Histogram(quantity="weights", label="weight", stage="dense", layers=[{"name": "a"}]),
    Pruned(round=1, rounds=1, asked=0.9, kept=1, of=10, layers=[{"name": "a", "kept": 1}]),
    Measured(stage="dense", part="validation", values={"accuracy": 0.4, "loss": 1.0}),
    Measured(stage="dense", part="test", values={"accuracy": 0.3, "params": 10}),
    Warned(message="careful"),
    Finished(seconds=2.0),
]


def test_every_event_survives_json():
    for event in [*EVENTS, Failed(reason="r"), Cancelled()]:
        assert from_json(json.loads(json.dumps(to_json(event)))) == event


def test_fold_tells_the_story():
    result = fold(EVENTS)
    assert result.status == "finished"
    assert result.sparsity == {"asked": 0.9, "achieved": 0.9, "of": 10}
    assert result.dense == {
        "validation_accuracy": 0.4,
        "validation_loss": 1.0,
        "accuracy": 0.3,
        "params": 10,
    }
    assert result.warnings == ("careful",)
    assert list(result.histograms) == ["weights dense"]


def test_fold_goes_on_from_where_it_was():
    for cut in range(len(EVENTS)):
        assert fold(EVENTS[cut:], fold(EVENTS[:cut])) == fold(EVENTS)


def test_progress_is_the_share_of_planned_epochs():
    assert fold([started()]).progress == 0
    assert fold([started(), epoch(1), epoch(2)]).progress == 0.5
    assert fold([started(), Failed(reason="x")]).progress == 1
    assert fold([]).progress == 0


def test_a_second_start_forgets_the_first():
    result = fold([started(), epoch(1), Warned(message="old"), started(), epoch(1)])
    assert len(result.epochs) == 1
    assert result.warnings == ()


def test_a_failure_keeps_the_curve():
    result = fold([started(), epoch(1), Failed(reason="NaN", advice="less")])
    assert (result.status, result.reason, result.advice) == ("failed", "NaN", "less")
    assert len(result.epochs) == 1


def test_numbers_that_are_not_finite_survive():
    event = Epoch(
        phase="dense",
        epoch=1,
        epochs=1,
        loss=math.inf,
        validation_loss=1.0,
        accuracy=0.1,
        sparsity=0.0,
        zeros_kept=True,
    )
    again = from_json(json.loads(json.dumps(to_json(event))))
    assert math.isinf(again.loss)


def test_run_json_has_the_fields_scripts_rely_on():
    told = fold(EVENTS).to_json()
    assert {"key", "status", "spec", "sparsity", "dense", "pruned", "recovered"} <= set(told)
    assert {"layers", "warnings", "manifest"} <= set(told)
    json.dumps(told)
