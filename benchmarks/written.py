"""Puts what a benchmark measured where the documentation shows it, between two comments."""

from __future__ import annotations

import os
import re
from pathlib import Path

from prunelab.layer_times import processor

DOCS = Path(__file__).parents[1] / "docs"


def put(page: str, name: str, text: str) -> None:
    """Replace the block of that name in a page; it must be there."""
    path, block = DOCS / page, f"<!-- {name} -->\n{text.strip()}\n<!-- end -->"
    before = path.read_text(encoding="utf-8")
    after, found = re.subn(rf"<!-- {name} -->.*?<!-- end -->", lambda _: block, before, flags=re.S)
    if found != 1:
        raise SystemExit(f"{page} must have one block {name!r}, found {found}.")
    path.write_text(after, encoding="utf-8")


def machine() -> str:
    """Where it was measured, and how busy it was before."""
    return f"{named()}, load {load()} before it began"


def named() -> str:
    """The processor and its cores."""
    return f"{processor()}, {os.cpu_count()} cores"


def load() -> str:
    """How many programs want to run."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def table(columns: list[str], rows: list[list[str]]) -> str:
    """A table of Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
