"""Every method worked through on a model so small that one can follow the numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

from prunelab.experiment import one_thread
from prunelab.registry import METHODS
from prunelab.speech import phrase
from prunelab.worked import data, estimators, network
from prunelab.worked.seen import watched


def worked(name: str) -> dict[str, Any]:
    """The steps of one method as plain data, or ``why`` there are none.

    Every number comes from the method's own run on a tiny model: the steps are the last choice it
    made there. A step is a matrix (``values``, and where they apply ``kept`` and ``working``, the
    formula with its numbers) or a table (``columns``, ``rows``), with a title and a text.

    Raises:
        SpecError: an unknown method.
    """
    with one_thread():
        job = watched(name)
    if job is None:
        needs = " and ".join(sorted(METHODS[name].needs)) or "another model"
        return {
            "why": phrase(f"No tiny model here is what {name} needs ({needs}), so none is worked.")
        }
    if job.examples:
        return {"subject": "30 examples", "sparsity": job.spec.sparsity, "steps": data.steps(job)}
    steps = network.steps(job) if isinstance(job.net, nn.Module) else estimators.steps(job)
    return {"subject": job.subject.words, "sparsity": job.spec.sparsity, "steps": steps}


def every(names: Iterable[str]) -> dict[str, Any]:
    """Several methods; one that fails on the tiny model says so and leaves the others alone."""
    return {name: _tried(name) for name in names}


def _tried(name: str) -> dict[str, Any]:
    try:
        return worked(name)
    except Exception as error:  # noqa: BLE001 - a method may do anything
        return {"why": phrase(f"{name} fails on the tiny model: {type(error).__name__}: {error}")}
