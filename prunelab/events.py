"""What a run says while it runs: small frozen events, and fold(events) -> Result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

Stage = Literal["dense", "pruned", "recovered"]
Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Started:
    """The first event. ``plan`` is the epochs each phase will take, for an honest progress bar."""

    key: str
    spec: Mapping[str, Any]
    settings: Mapping[str, Any]  # scope, recover, optimiser... with every default filled in
    manifest: Mapping[str, Any]  # versions, threads, seeds, data hash
    plan: Mapping[str, int]
    unit: str
    of: int


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One pass over the training part. Accuracy and validation loss are of the validation part."""

    phase: str
    epoch: int
    epochs: int
    loss: float
    validation_loss: float
    accuracy: float
    sparsity: float
    zeros_kept: bool
    layers: Mapping[str, float] = field(default_factory=dict)  # sparsity by layer


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Counts per layer, binned here so that a page never receives raw weights.

    Each row: name, low, high, counts, and at stage "pruned" also kept (counts) and threshold.
    """

    quantity: Literal["weights", "scores"]
    label: str
    stage: Literal["start", "dense", "pruned", "recovered"]
    layers: Sequence[Row]


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """A mask was chosen. Each row of ``layers``: name, shape, units, kept, threshold."""

    round: int
    rounds: int
    asked: float
    kept: int
    of: int
    layers: Sequence[Row]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A still of a training that prunes, so that it can be replayed; epoch 0 is its start.

    Each row of ``layers``: name, shape, mask (text of ``packing``), and the weights that count,
    binned: low, high, counts. Where a method learns gates, ``gates`` has their label, threshold,
    the side that is shut ("above" or "below"), and layers: name, low, high, counts.
    """

    phase: str
    epoch: int
    shape: Sequence[int]  # of one example
    layers: Sequence[Row]
    gates: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Moved:
    """Weights before and after a training that prunes: exact counts, and a sample of points.

    Each row of ``layers``: name, of "kept" and "removed" weights a sample (text of ``packing``:
    before, after, before, after...), and counts by what they did: away, toward, across, as
    [kept, removed].
    """

    before: Literal["first", "trained"]
    layers: Sequence[Row]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one stage of the model scores and costs, on one part of the data."""

    stage: Stage
    part: Literal["validation", "test"]
    values: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Warned:
    """Something the user should know; the run goes on."""

    message: str


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The last event of a run that reached its end."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class Failed:
    """The last event of a run that could not go on: why, and what to do."""

    reason: str
    advice: str = ""
    traceback: str = ""


@dataclass(frozen=True, kw_only=True)
class Cancelled:
    """The last event of a run that somebody stopped."""

    reason: str = "cancelled by the user"


Event = (
    Started
    | Epoch
    | Histogram
    | Pruned
    | Frame
    | Moved
    | Measured
    | Warned
    | Finished
    | Failed
    | Cancelled
)
_TYPES: dict[str, Any] = {
    t.__name__: t
    for t in (
        *(Started, Epoch, Histogram, Pruned, Frame, Moved, Measured, Warned),
        *(Finished, Failed, Cancelled),
    )
}


def to_json(event: Event) -> dict[str, Any]:
    """The event as plain data, its type under "type"."""
    return {"type": type(event).__name__, **asdict(event)}


def from_json(data: Mapping[str, Any]) -> Event:
    """The event that ``to_json`` wrote."""
    body = dict(data)
    return _TYPES[body.pop("type")](**body)  # type: ignore[no-any-return]


@dataclass(frozen=True, kw_only=True)
class Result:
    """All that a run has said so far, in the shape of ``run.json``."""

    key: str = ""
    status: Literal["queued", "running", "finished", "failed", "cancelled"] = "queued"
    spec: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    manifest: Mapping[str, Any] = field(default_factory=dict)
    unit: str = ""
    sparsity: Mapping[str, Any] = field(default_factory=dict)  # asked, achieved, of
    dense: Mapping[str, Any] = field(default_factory=dict)
    pruned: Mapping[str, Any] = field(default_factory=dict)
    recovered: Mapping[str, Any] = field(default_factory=dict)
    layers: Sequence[Row] = ()
    plan: Mapping[str, int] = field(default_factory=dict)
    epochs: Sequence[Epoch] = ()
    masks: Sequence[Pruned] = ()
    histograms: Mapping[str, Histogram] = field(default_factory=dict)  # "weights dense": ...
    frames: Sequence[Frame] = ()
    moved: Moved | None = None
    warnings: Sequence[str] = ()
    reason: str = ""
    advice: str = ""
    traceback: str = ""
    seconds: float = 0.0

    @property
    def progress(self) -> float:
        """Share of the planned epochs that are done, 0..1."""
        planned = sum(self.plan.values())
        if self.status in ("finished", "failed", "cancelled"):
            return 1.0
        return min(1.0, len(self.epochs) / planned) if planned else 0.0

    def to_json(self) -> dict[str, Any]:
        """The fields scripts rely on; curves and histograms stay in the events."""
        hidden = {"epochs", "masks", "histograms", "frames", "moved", "plan", "traceback"}
        return {k: v for k, v in asdict(self).items() if k not in hidden}


def fold(events: Iterable[Event], start: Result | None = None) -> Result:
    """What the events say together; ``start`` continues an earlier fold."""
    result = start or Result()
    for event in events:
        result = _add(result, event)
    return result


def _add(result: Result, event: Any) -> Result:
    changes = _CHANGES[type(event)](result, event)
    return replace(result, **changes)


def _started(result: Result, event: Started) -> dict[str, Any]:
    """A run that starts again (after a crash) says everything anew."""
    share = {"asked": None, "achieved": 0.0, "of": event.of}
    fresh = {f.name: getattr(Result(), f.name) for f in fields(Result)}
    told = {f.name: getattr(event, f.name) for f in fields(event) if f.name != "of"}
    return fresh | told | {"status": "running", "sparsity": share}


def _pruned(result: Result, event: Pruned) -> dict[str, Any]:
    achieved = 1 - event.kept / event.of if event.of else 0.0
    share = {"asked": event.asked, "achieved": achieved, "of": event.of}
    return {"sparsity": share, "layers": event.layers, "masks": (*result.masks, event)}


def _measured(result: Result, event: Measured) -> dict[str, Any]:
    """Test numbers keep their plain names; those of the validation part say so."""
    of_data = () if event.part == "test" else ("accuracy", "loss", "perplexity", "confusion")
    values = {f"validation_{k}" if k in of_data else k: v for k, v in event.values.items()}
    return {event.stage: {**getattr(result, event.stage), **values}}


def _histogram(result: Result, event: Histogram) -> dict[str, Any]:
    name = f"{event.quantity} {event.stage}"
    return {"histograms": {**result.histograms, name: event}}


_CHANGES: dict[Any, Any] = {
    Started: _started,
    Epoch: lambda result, event: {"epochs": (*result.epochs, event)},
    Histogram: _histogram,
    Pruned: _pruned,
    Frame: lambda result, event: {"frames": (*result.frames, event)},
    Moved: lambda result, event: {"moved": event},
    Measured: _measured,
    Warned: lambda result, event: {"warnings": (*result.warnings, event.message)},
    Finished: lambda result, event: {"status": "finished", "seconds": event.seconds},
    Failed: lambda result, event: {"status": "failed", **vars(event)},
    Cancelled: lambda result, event: {"status": "cancelled", **vars(event)},
}
