"""What was measured: one record a row, in ``docs/reproductions.json``."""

from __future__ import annotations

import importlib
import json
import os
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.reproductions import runs
from benchmarks.reproductions.row import ROWS, Row
from prunelab.layer_times import processor

FILE = Path(__file__).parents[2] / "docs" / "reproductions.json"
MODULES = (
    "exact", "han", "snip", "learned", "sparse_training", "lottery", "transfer", "gale", "digits",
)  # fmt: skip


def rows() -> dict[str, Row]:
    """All rows, in the order of the report, whatever was imported first."""
    for module in MODULES:
        importlib.import_module(f"benchmarks.reproductions.{module}")
    place = {f"benchmarks.reproductions.{module}": n for n, module in enumerate(MODULES)}
    return dict(sorted(ROWS.items(), key=lambda item: place[item[1].measure.__module__]))


def measured(row: Row) -> dict[str, Any]:
    """Measure a row: its numbers, what they cost, and where."""
    start, before = time.perf_counter(), runs.took()
    numbers = row.measure(row.budget)
    seconds = max(time.perf_counter() - start, runs.took() - before)
    return {
        "numbers": {name: list(values) for name, values in numbers.items()},
        "seeds": row.budget.seeds,
        "epochs": row.budget.epochs,
        "seconds": round(seconds, 1),
        "machine": machine(),
        "torch": torch.__version__,
    }


def load() -> dict[str, Any]:
    """All records."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    return found


def keep(name: str, record: dict[str, Any]) -> None:
    """Add a record, or replace the one there was."""
    records = dict(sorted((load() | {name: record}).items()))
    text = json.dumps(records, indent=1) + "\n"
    partial = FILE.with_suffix(f".{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(FILE)


def machine() -> str:
    """The processor and how many of its cores there are."""
    return f"{processor()}, {os.cpu_count()} cores, one thread"
