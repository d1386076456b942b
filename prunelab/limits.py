"""How much one may ask for: said before a run starts wherever that can be foreseen."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from prunelab.events import Failed, Started
from prunelab.spec import RunSpec, SpecError
from prunelab.speech import mark, phrase

DEVICES = ("", "cpu", "gpu")


class Limits(NamedTuple):
    """What is allowed; 0 is no limit. ``free`` is what must be left on the disk."""

    runs: int = 1000  # submitted at once
    epochs: int = 10_000  # of one run
    examples: float = 1e9  # epochs times examples of one run
    parameters: float = 1e9  # of one model
    seconds: float = 0.0  # of one run
    megabytes: float = 0.0  # of memory, of one run
    free: float = 50.0  # megabytes on the disk


NAMES = {
    "runs": "PRUNELAB_MAX_RUNS",
    "epochs": "PRUNELAB_MAX_EPOCHS",
    "examples": "PRUNELAB_MAX_EXAMPLES",
    "parameters": "PRUNELAB_MAX_PARAMETERS",
    "seconds": "PRUNELAB_TIME_LIMIT",
    "megabytes": "PRUNELAB_MEMORY_LIMIT",
    "free": "PRUNELAB_MIN_FREE",
}


def limits() -> Limits:
    """The limits of this machine, from the environment, else the defaults.

    Raises:
        SpecError: one is no number of at least 0.
    """
    found = {field: number(name, Limits._field_defaults[field]) for field, name in NAMES.items()}
    return Limits(**found)  # type: ignore[arg-type]  # a count may be given as 1e6


def _advice(field: str) -> str:
    return phrase(f"Choose fewer epochs, less data or a smaller model, or raise {NAMES[field]}.")


def number(name: str, default: float) -> float:
    """A number from the environment.

    Raises:
        SpecError: it is none, or negative.
    """
    text = os.environ.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not value >= 0:
        raise SpecError(f"{name} must be a number of at least 0, got {text!r}.")
    return value


def refuse(specs: Sequence[RunSpec], most: Limits | None = None) -> None:
    """Refuse what is too much before any of it is queued.

    Raises:
        SpecError: it says how much was asked, how much may be, and what to change.
    """
    most = most or limits()
    if most.runs and len(specs) > most.runs:
        raise SpecError(
            f"{len(specs):,} runs at once are more than the limit of {most.runs:,.0f}; choose "
            f"fewer values, or raise {NAMES['runs']}."
        )
    for spec in specs:
        epochs = (spec.epochs or 0) + (spec.recover_epochs or 0)
        if most.epochs and epochs > most.epochs:
            raise SpecError(
                f"{epochs:,} epochs are more than the limit of {most.epochs:,.0f}; choose fewer, "
                f"or raise {NAMES['epochs']}."
            )
        if spec.device not in DEVICES:
            raise SpecError(f"device must be cpu or gpu, or left out, got {spec.device!r}.")


def beyond(started: Started, most: Limits) -> Failed | None:
    """Why a run must not go on, by what it says of itself before it trains; None if it may."""
    epochs = sum(started.plan.values())
    examples = epochs * int(started.settings.get("parts", {}).get("train", 0))
    asked = {"epochs": epochs, "examples": examples}
    for what, much in asked.items():
        limit = getattr(most, what)
        if limit and much > limit:
            words = mark("epochs" if what == "epochs" else "examples in all epochs")
            return Failed(
                reason=f"The run needs {much:,} {words}; the limit is {limit:,.0f}.",
                advice=_advice(what),
            )
    return None


def too_late(seconds: float, most: Limits) -> Failed | None:
    """Why a run that has taken so long must end; None if it may go on."""
    if not most.seconds or seconds <= most.seconds:
        return None
    return Failed(
        reason=f"The run took longer than the time limit of {most.seconds:g} s.",
        advice=_advice("seconds"),
    )


def too_large(size: int, most: Limits) -> Failed | None:
    """Why a run that takes so many bytes of memory must end; None if it may go on."""
    if not most.megabytes or size <= most.megabytes * 2**20:
        return None
    return Failed(
        reason=f"The run needs {size / 2**20:.0f} MB; the memory limit is {most.megabytes:g} MB.",
        advice=_advice("megabytes"),
    )


def too_full(free: int, most: Limits) -> Failed | None:
    """Why a run must not start on a disk with so many bytes left; None if it may."""
    if free >= most.free * 2**20:
        return None
    return Failed(
        reason=f"No space left: a run needs {most.free:g} MB of disk, "
        f"{free / 2**20:.0f} MB are free.",
        advice=f"Free some disk space, choose another folder with PRUNELAB_HOME, or lower "
        f"{NAMES['free']}.",
    )
