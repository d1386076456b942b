"""The report: docs/reproductions.md, from the records alone."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.reproductions.book import FILE
from benchmarks.reproductions.row import Row

PAGE = FILE.with_suffix(".md")
HEAD = """# Reproductions

What papers report, what is accepted here as the same, and what came out. Every number that came out
is read from `reproductions.json`, where `python -m benchmarks.reproductions --only ROW` puts it.
Budgets are small enough for a laptop; where a claim is missed the reason is given. Minutes are by
the clock of a machine with other work to do: they say what to expect, not how fast it is.
"""


def page(rows: Mapping[str, Row], book: Mapping[str, Any]) -> str:
    """The whole text; rows that were not measured yet say so."""
    done = {name: row for name, row in rows.items() if name in book}
    held = sum(row.holds(book[name]["numbers"]) for name, row in done.items())
    said = f"{held} of {len(done)} measured claims hold."
    waiting = sorted(set(rows) - set(done))
    if waiting:
        said += f" Not measured yet: {', '.join(waiting)}."
    table = [
        "| row | claim | published | accepted | holds |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| [{name}](#{name.lower()}) | {row.claim} | {row.published} | {row.accepted} | "
            f"{verdict(row, book[name])} |"
            for name, row in done.items()
        ),
    ]
    parts = [section(row, book[name]) for name, row in done.items()]
    return "\n".join([HEAD, said, "", *table, "", *parts])


def section(row: Row, record: Mapping[str, Any]) -> str:
    """One row: what came out, by quantity, and how."""
    seeds = record["seeds"]
    several = f"mean ± deviation of {seeds} seeds" if seeds > 1 else "the same for every seed"
    trained = f" {record['epochs']} epochs of dense training." if record["epochs"] else ""
    lines = [
        f"## {row.name}",
        "",
        f"{row.claim}. **{said(row, record)}**",
        "",
        f"| what | {several} |",
        "| --- | --- |",
        *(f"| {name} | {spread(values)} |" for name, values in record["numbers"].items()),
        "",
        f"{row.recipe[0].upper()}{row.recipe[1:]}.{trained} {cost(record)}",
        "",
    ]
    return "\n".join(lines)


def said(row: Row, record: Mapping[str, Any]) -> str:
    """Whether the claim holds, and why not."""
    if row.holds(record["numbers"]):
        return "Holds."
    return f"Misses its band{': ' + row.missing if row.missing else ''}."


def verdict(row: Row, record: Mapping[str, Any]) -> str:
    """One word."""
    return "yes" if row.holds(record["numbers"]) else "**no**"


def cost(record: Mapping[str, Any]) -> str:
    """How long it took, and where."""
    minutes = record["seconds"] / 60
    long = f"{minutes:.0f} minutes" if minutes >= 1 else "Less than a minute"
    return f"{long} on {record['machine']}, torch {record['torch']}."


def spread(values: Sequence[float]) -> str:
    """Mean and sample deviation, with as many digits as the size deserves."""
    middle = statistics.fmean(values)
    whole = all(value == round(value) for value in values)
    digits = 0 if abs(middle) >= 1000 or (whole and len(values) < 2) else 1 if whole else 2
    text = f"{middle:,.{digits}f}"
    return text if len(values) < 2 else f"{text} ± {statistics.stdev(values):,.{digits}f}"


def write(rows: Mapping[str, Row], book: Mapping[str, Any]) -> None:
    """Write the page."""
    PAGE.write_text(page(rows, book), encoding="utf-8")
