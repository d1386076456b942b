"""Runs made by hand, for tests of figures and pages: small, exact, without any training."""

from __future__ import annotations

from typing import Any

import numpy as np

from prunelab.events import (
    Epoch,
    Event,
    Finished,
    Frame,
    Histogram,
    Measured,
    Moved,
    Pruned,
    Result,
    Started,
    fold,
)
from prunelab.packing import pack_mask, pack_values
from prunelab.spec import RunSpec

LAYERS = {"fc1": (40, 8), "fc2": (10, 4)}


def network_events(spec: RunSpec | None = None, *, kept: tuple[int, int] = (32, 8)) -> list[Event]:
    """A run on a network of two layers with 320 and 40 weights that keeps ``kept`` of them."""
    spec = spec or RunSpec()
    return [
        Started(
            key=spec.key,
            spec=spec.to_json(),
            settings={"scope": "global", "recover": "finetune"},
            manifest={"torch": "2"},
            plan={"dense": 2, "recover": 2},
            unit="weights",
            of=360,
        ),
        _weights("start", kept),
        _epoch("dense", 1, 0.5, 0.0),
        _epoch("dense", 2, 0.9, 0.0),
        _weights("dense", kept),
        Pruned(
            round=1,
            rounds=1,
            asked=1 - sum(kept) / 360,
            kept=sum(kept),
            of=360,
            layers=[
                {"name": n, "shape": list(s), "units": s[0] * s[1], "kept": k, "threshold": 0.25}
                for (n, s), k in zip(LAYERS.items(), kept, strict=True)
            ],
        ),
        _weights("pruned", kept),
        _scores(kept),
        _epoch("recover", 1, 0.7, 0.9),
        _epoch("recover", 2, 0.85, 0.9),
        _weights("recovered", kept),
        *(measured(stage, accuracy) for stage, accuracy in STAGES),
        Finished(seconds=4.0),
    ]


STAGES = (("dense", 0.95), ("pruned", 0.6), ("recovered", 0.9))


def measured(stage: Any, accuracy: float) -> Measured:
    """What one stage scores and costs."""
    right = round(10 * accuracy)
    saved = stage != "dense"
    return Measured(
        stage=stage,
        part="test",
        values={
            "accuracy": accuracy,
            "loss": 0.3,
            "params": 400,
            "nonzero": 80 if saved else 400,
            "bytes": {"raw": 1600, "zip": 400 if saved else 1500, "csr": 500 if saved else 3200},
            "macs": {"dense": 360, "ideal": 40 if saved else 360, "shipped": 360},
            "latency_ms": {"median": 1.0, "low": 0.9, "high": 1.1, "batch": 64, "threads": 1},
            "confusion": [[10, 0], [10 - right, right]],
        },
    )


def result(spec: RunSpec | None = None, **settings: Any) -> Result:
    """The finished run, folded."""
    return fold(network_events(spec, **settings))


def tree_arrays() -> dict[str, np.ndarray]:
    """Seven nodes, two splits below the root; the right one was cut."""
    return {
        "left": np.array([1, 2, -1, -1, 5, -1, -1]),
        "right": np.array([4, 3, -1, -1, 6, -1, -1]),
        "feature": np.array([0, 1, -2, -2, 1, -2, -2]),
        "threshold": np.array([0.5, 1.5, 0, 0, 2.5, 0, 0]),
        "samples": np.array([100, 60, 40, 20, 40, 30, 10]),
        "value": np.array([[50, 50], [40, 20], [40, 0], [0, 20], [10, 30], [0, 30], [10, 0]]),
        "depth": np.array([0, 1, 2, 2, 1, 2, 2]),
        "kept": np.array([1, 1, 1, 1, 1, 0, 0], bool),
        "score": np.array([3.0, 2.0, 0, 0, 1.0, 0, 0]),
    }


def _epoch(phase: str, epoch: int, accuracy: float, sparsity: float) -> Epoch:
    return Epoch(
        phase=phase,
        epoch=epoch,
        epochs=2,
        loss=1 - accuracy,
        validation_loss=1.1 - accuracy,
        accuracy=accuracy,
        sparsity=sparsity,
        zeros_kept=True,
        layers={"fc1": sparsity, "fc2": sparsity * 8 / 9},
    )


def _weights(stage: Any, kept: tuple[int, int]) -> Histogram:
    rows = []
    for (name, shape), left in zip(LAYERS.items(), kept, strict=True):
        units = shape[0] * shape[1]
        half = (units - left) // 2
        row: dict[str, Any] = {"name": name, "low": -0.5, "high": 0.5}
        row["counts"] = [left // 2, half, units - left - half, left - left // 2]
        if stage == "pruned":
            row["kept"] = [left // 2, 0, 0, left - left // 2]
        if stage == "recovered":
            row |= {"low": -1.0, "high": 1.0, "counts": [left // 2, 0, 0, left - left // 2]}
        rows.append(row)
    return Histogram(quantity="weights", label="weight", stage=stage, layers=rows)


def _scores(kept: tuple[int, int]) -> Histogram:
    rows = [
        {
            "name": name,
            "low": 0.0,
            "high": 0.5,
            "counts": [shape[0] * shape[1] - left, left],
            "kept": [0, left],
            "threshold": 0.25,
        }
        for (name, shape), left in zip(LAYERS.items(), kept, strict=True)
    ]
    return Histogram(quantity="scores", label="|w|", stage="pruned", layers=rows)


MASKS = {  # of fc1 (3 neurons, 4 inputs of a 1 × 2 × 2 image) and fc2 (2, 3), at epochs 0, 1, 2
    "fc1": (
        [[1, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0]],
        [[1, 1, 0, 1], [1, 1, 0, 0], [0, 0, 0, 0]],
        [[1, 1, 0, 0], [1, 1, 0, 1], [0, 0, 0, 0]],
    ),
    "fc2": ([[1, 0, 0], [0, 1, 0]], [[1, 0, 0], [0, 1, 0]], [[1, 1, 0], [0, 0, 0]]),
}


def training_events(spec: RunSpec | None = None, *, gates: bool = False) -> list[Event]:
    """A run that rewires two small layers while it trains, with stills; and where weights went."""
    spec = spec or RunSpec(method="rigl", sparsity=0.6)
    usual = [e for e in network_events(spec) if not isinstance(e, Epoch)]
    where = next(i for i, e in enumerate(usual) if isinstance(e, Pruned))
    told: list[Event] = [_still(0, gates)]
    for number, accuracy in ((1, 0.5), (2, 0.8)):
        told += [_epoch("train", number, accuracy, 0.9), _still(number, gates and number < 2)]
    return [*usual[: where + 1], *told, _moves(), *usual[where + 1 :]]


def _still(epoch: int, gates: bool) -> Frame:
    rows = []
    for name, masks in MASKS.items():
        mask = np.array(masks[epoch], bool)
        row: dict[str, Any] = {"name": name, "shape": list(mask.shape), "mask": pack_mask(mask)}
        alive = int(mask.sum())
        rows.append({**row, "low": -1.0, "high": 1.0, "counts": [alive - 1, 0, 0, 1]})
    about = {"label": "log α", "threshold": 3.0, "shut": "above"}
    learned = [{"name": "fc1", "low": 0.0, "high": 6.0, "counts": [4, 2, 5, 1]}]
    found = {**about, "layers": learned} if gates else {}
    return Frame(phase="train", epoch=epoch, shape=[1, 2, 2], layers=rows, gates=found)


def _moves() -> Moved:
    kept = pack_values(np.array([[0.5, 1.0], [-0.25, -0.5], [0.5, -0.5]]))
    gone = pack_values(np.array([[1.0, 0.5], [0.5, 0.75]]))
    row = {"name": "fc1", "kept": kept, "removed": gone}
    return Moved(
        before="trained", layers=[{**row, "away": [4, 2], "toward": [0, 4], "across": [1, 1]}]
    )
