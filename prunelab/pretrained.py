"""Language models that ship with PruneLab, trained by ``python benchmarks/make_language.py``.

Each is a decoder that learned the tales of the project's own grammar. A run names its weights by
their content, so that a run with the same key always begins with the same numbers.
"""

from __future__ import annotations

import functools
import gzip
import json
from dataclasses import replace
from typing import Any, NamedTuple

from prunelab.events import Event, Result, from_json
from prunelab.examples import FOLDER
from prunelab.spec import RunSpec

INDEX = "language-models"
SWEEP = "language-sweep"
METHODS = ("llm-rank", "llm-rank-modified", "activation-norm", "l1-filter", "random-filter")
SPARSITIES, SEEDS = (0.2, 0.4, 0.6, 0.8), 3
SHAPES = {
    "Llama style": {"style": "llama", "width": 64, "blocks": 3, "heads": 4, "neurons": 192},
    "GPT style": {"style": "gpt", "width": 64, "blocks": 3, "heads": 4, "neurons": 192},
    "Pocket": {"style": "gpt", "width": 16, "blocks": 2, "heads": 2, "neurons": 24},
}
FIRST = "Llama style"


class Trained(NamedTuple):
    """A model that ships: how it is called, how many numbers it has, and a run on it."""

    name: str
    parameters: int
    spec: RunSpec


@functools.cache
def trained() -> dict[str, Trained]:
    """All of them by name."""
    told = _read(INDEX)
    return {m["name"]: Trained(**{**m, "spec": RunSpec.from_json(m["spec"])}) for m in told}


@functools.cache
def runs() -> dict[str, Result]:
    """Headline numbers of runs on the first, by key; nothing was trained after pruning."""
    return {told["key"]: Result(**told) for told in _read(SWEEP)}


def shown() -> RunSpec:
    """The run that one sees first."""
    return replace(trained()[FIRST].spec, method=METHODS[0], sparsity=0.6)


def events(name: str) -> list[Event]:
    """What a run that ships told."""
    return [from_json(event) for event in _read(name)]


def _read(name: str) -> list[dict[str, Any]]:
    with gzip.open(FOLDER / f"{name}.json.gz", "rt", encoding="utf-8") as file:
        found: list[dict[str, Any]] = json.load(file)
        return found
