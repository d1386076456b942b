"""Runs in words: the headline, the line under a progress bar, the Python that repeats it."""

from __future__ import annotations

import shlex
from typing import Any

from prunelab.events import Result
from prunelab.figures import accuracy, percent
from prunelab.spec import RunSpec
from prunelab.speech import _, mark

PHASES = {
    "dense": mark("Training the dense model"),
    "recover": mark("Recovering: training what is left"),
    "train": mark("Training and pruning together"),
}


def headline(result: Result) -> str:
    """What came out, as one sentence without markup."""
    if result.status == "failed":
        return _("This run could not go on")
    if result.status == "queued":
        return _("Waiting for a free worker")
    gone = result.sparsity.get("achieved") or 0.0
    what = _(
        "{gone} of the {units} gone", gone=percent(gone), units=_(result.unit or mark("weights"))
    )
    if not result.dense or not result.recovered or result.status != "finished":
        return (
            _("Cancelled before the end") if result.status == "cancelled" else _going(result, what)
        )
    before, after = _score(result.dense), _score(result.recovered)
    if round(before, 3) == round(after, 3):
        return _("{what}, accuracy still {after}", what=what, after=accuracy(after))
    return _(
        "{what}, accuracy {before:.1f} → {after}",
        what=what, before=100 * before, after=accuracy(after),
    )  # fmt: skip


def _going(result: Result, what: str) -> str:
    if not result.masks:
        return _("Training the dense model first")
    phase = result.epochs[-1].phase if result.epochs else ""
    return (
        _("{what}, training on", what=what)
        if phase == "train"
        else _("{what}, recovering", what=what)
    )


def _score(values: Any) -> float:
    score: float = values.get("accuracy", values.get("validation_accuracy", float("nan")))
    return score


def verdict(result: Result) -> str:
    """What the numbers mean to somebody who sees such a thing for the first time."""
    if result.status != "finished" or not result.recovered:
        return ""
    lost = _score(result.dense) - _score(result.recovered)
    if result.unit == "examples":
        return _of_examples(lost)
    if "pruned" in _stages(result) and _score(result.pruned) < _score(result.recovered) - 0.02:
        fell = accuracy(_score(result.pruned))
        return _(
            "Right after the cut it was {fell}; training what was left brought the rest back.",
            fell=fell,
        )
    if lost <= 0.005:
        return _("What was removed was hardly needed.")
    if lost < 0.05:
        return _("A small price. Look at the trade-off for where it becomes a large one.")
    return _("Too much was removed, or the wrong parts. Try less sparsity or another method.")


def _of_examples(lost: float) -> str:
    if lost <= 0.005:
        return _("What went was hardly needed. Whether it was well chosen, random examples tell.")
    return _("Something was needed of what went. Would random examples have done as well?")


def _stages(result: Result) -> list[str]:
    return [s for s in ("dense", "pruned", "recovered") if getattr(result, s)]


def progress(result: Result) -> str:
    """Where a run is, for the line at its progress bar."""
    if not result.epochs:
        return _("Preparing data and model") if result.status == "running" else _("In the queue")
    last = result.epochs[-1]
    phase = _(PHASES.get(last.phase, last.phase.capitalize()))
    epoch, epochs = last.epoch, last.epochs
    return _("{phase} · epoch {epoch} of {epochs}", phase=phase, epoch=epoch, epochs=epochs)


def python(spec: RunSpec, call: str) -> str:
    """The lines that make the same in a notebook."""
    arguments = ",\n".join(f"    {k}={v!r}" for k, v in _fields(spec).items())
    return f"import prunelab as pl\n\nrun = pl.run(\n{arguments},\n)\n{call}"


def command(spec: RunSpec) -> str:
    """The same run on the command line."""
    words = ["prunelab", "run"]
    for name, value in _fields(spec).items():
        if isinstance(value, dict):  # a knob of method, model or data is a --knob
            flag = "--layer" if name == "layers" else "--knob"
            words += [word for k, v in value.items() for word in (flag, f"{k}={v}")]
        else:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def _fields(spec: RunSpec) -> dict[str, Any]:
    """What a reader wants to see, defaults too where they say what is run."""
    said = {
        "data": spec.data,
        "model": spec.model,
        "method": spec.method,
        "sparsity": spec.sparsity,
    }
    return said | spec.to_json()


def bytes_(size: int) -> str:
    """A size as one would say it."""
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{max(1, round(size / 1e3))} kB"


def duration(seconds: float) -> str:
    """A time as one would say it."""
    if seconds < 90:
        return f"{max(1, round(seconds))}\u00a0s"
    return f"{round(seconds / 60)}\u00a0min" if seconds < 5400 else f"{seconds / 3600:.1f}\u00a0h"
