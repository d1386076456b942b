"""The data a spec names, split: what every run, export and page begins with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from prunelab.parts import Parts, split
from prunelab.registry import DATASETS, knobs_of

_KEPT: ContextVar[dict[str, Parts] | None] = ContextVar("_KEPT", default=None)


@contextmanager
def shared() -> Iterator[None]:
    """Inside, data are read and split once for all runs, which only read them."""
    token = _KEPT.set({})
    try:
        yield
    finally:
        _KEPT.reset(token)


def parts_of(data: str, knobs: Mapping[str, Any]) -> Parts:
    """The parts of a data set, its own knobs and those of the split applied.

    Raises:
        SpecError: data nothing can be learned from, or that cannot be read.
    """
    kept, key = _KEPT.get(), json.dumps([data, dict(knobs)], sort_keys=True)
    if kept is not None and key in kept:
        return kept[key]
    common = {knob.name for knob in knobs_of(split)}
    own = {name: value for name, value in knobs.items() if name not in common}
    rest = {name: value for name, value in knobs.items() if name in common}
    found = split(DATASETS[data].function(**own), **rest)
    if kept is not None:
        kept[key] = found
    return found
