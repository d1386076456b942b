"""A finished sweep that ships with PruneLab, so that the first page shows something real at once.

``python benchmarks/make_example.py`` makes it from real runs.
"""

from __future__ import annotations

import functools
import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from prunelab.events import Result, fold, from_json

KEY = "example"
FOLDER = Path(__file__).parent / "files"


class Example(NamedTuple):
    """One run with all its events, and the sweep it belongs to as headline numbers."""

    result: Result
    sweep: tuple[Result, ...]
    layer: str  # whose weights the first page shows


def result() -> Result:
    """The run, as if it came from the store."""
    return example().result


@functools.cache
def example() -> Example:
    """Everything of the example, read once."""
    with gzip.open(FOLDER / "example.json.gz", "rt", encoding="utf-8") as file:
        told: dict[str, Any] = json.load(file)
    run = replace(fold(map(from_json, told["events"])), key=KEY)
    sweep = tuple(Result(**headline) for headline in told["sweep"])
    return Example(run, sweep, told["layer"])
