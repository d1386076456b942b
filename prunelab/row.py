"""A run as the store lists it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement
from sqlalchemy.engine import Row as Found

from prunelab.database import RUNS, StoreError
from prunelab.events import Result
from prunelab.spec import RunSpec

State = Literal["queued", "running", "finished", "failed", "cancelled"]
Filters = Mapping[str, str | Sequence[str]]
COLUMNS = [c for c in RUNS.columns if c.name not in ("data", "model", "method")]
_FILTERS = ("state", "data", "model", "method", "owner", "key", "space")


class Missing(StoreError):
    """There is no such run."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A run in a list. ``result`` holds its headline numbers; curves are in ``Store.result``."""

    key: str
    owner: str
    state: State
    place: int  # in the queue; newer runs have a higher one
    spec: RunSpec
    dense_key: str
    created: float  # seconds since 1970, as are started and finished
    started: float | None
    finished: float | None
    attempt: int  # how often it was begun
    deaths: int  # processes lost since it was queued
    beat: int
    worker: str
    cancel: bool  # somebody asked to stop it
    note: str  # "interrupted (signal 9), attempt 2 of 3"
    phase: str
    progress: float  # 0..1
    result: Result
    priority: int = 0
    space: str = ""  # the owner who alone sees it; "" is all


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One time a run was begun: by whom, when, and how it ended ("" while it goes on)."""

    attempt: int
    worker: str
    started: float
    ended: float | None
    how: str


def row(found: Found[Any]) -> Row:
    """A line of the table as a Row."""
    values = dict(found._mapping)
    spec = json.loads(values.pop("spec"))
    told = json.loads(values.pop("summary"))
    result = Result(**{"key": values["key"], "spec": spec} | told | {"status": values["state"]})
    return Row(spec=RunSpec.from_json(spec), result=result, **values)


def wanted(filters: Filters) -> list[ColumnElement[bool]]:
    """Filters as conditions: a column equals the text, or one of the texts.

    Raises:
        TypeError: a filter that does not exist.
    """
    unknown = sorted(set(filters) - set(_FILTERS))
    if unknown:
        raise TypeError(f"A filter must be one of {', '.join(_FILTERS)}, got {unknown[0]!r}.")
    texts = {n: [v] if isinstance(v, str) else list(v) for n, v in filters.items()}
    return [RUNS.c[name].in_(values) for name, values in texts.items()]
