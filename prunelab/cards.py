"""The card of a method: its text in parts, and its worked example asked of another process."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from prunelab.shelves import arrivals, asked

_PARTS = re.compile(r"^(Deviations?|Example|Note):\s*", re.MULTILINE)
_CODE_ONLY = re.compile(r"(?m)^(Args|Raises|Returns):\n(?: +.*\n?)+")  # of use to callers alone


class Text(NamedTuple):
    """What a docstring tells a reader, part by part; empty where it says nothing of it."""

    summary: str
    how: str
    deviations: str
    example: str


def rest(entry: Mapping[str, Any]) -> str:
    """What a docstring says after its first line, without what is of use to callers alone."""
    return re.sub(_CODE_ONLY, "", entry["doc"].removeprefix(entry["summary"])).strip()


def text(entry: Mapping[str, Any]) -> Text:
    """The parts of an entry's docstring.

    >>> doc = "Sum.\\n\\nFormula.\\nDeviations: none.\\n\\nExample: 1 + 1."
    >>> text({"doc": doc, "summary": "Sum."})
    Text(summary='Sum.', how='Formula.', deviations='none.', example='1 + 1.')
    """
    how, *marked = [str(part) for part in _PARTS.split(rest(entry))]
    parts = dict(zip(marked[::2], (part.strip() for part in marked[1::2]), strict=True))
    deviations = parts.get("Deviations", parts.get("Deviation", ""))
    return Text(entry["summary"], how.strip(), deviations, parts.get("Example", ""))


def worked() -> dict[str, Any]:
    """The worked example of every method by name, computed by another process and kept on disk.

    Raises:
        CatalogueError: they could not be computed.
    """
    return _worked(arrivals())


@functools.lru_cache(maxsize=1)
def _worked(_arrivals: tuple[int, ...]) -> dict[str, Any]:
    here = Path(__file__).parent
    shared = ("masks", "learn", "lab", "recover", "training", "probes", "run_network", "job")
    files = [*sorted((here / "worked").glob("*.py")), *(here / f"{name}.py" for name in shared)]
    return asked("prunelab.worked", "worked", files)


def plain(name: str, entry: Mapping[str, Any], example: Mapping[str, Any]) -> str:
    """The card as text for a terminal."""
    parts = text(entry)
    lines = [name, parts.summary, ""]
    for title, said in (
        ("How it works", parts.how),
        ("Paper", entry["paper"]),
        ("What differs from it", parts.deviations),
        ("Example", parts.example),
    ):
        if said:
            lines += [title, *(f"  {line}" for line in said.splitlines()), ""]
    lines += [f"  --knob {k['name']}={k['default']}  {k['help']}" for k in entry["knobs"]]
    return "\n".join([*lines, "", "Worked example", *_example(example)])


def _example(example: Mapping[str, Any]) -> list[str]:
    if "why" in example:
        return [f"  {example['why']}"]
    lines = []
    for number, step in enumerate(example["steps"], 1):
        lines += [f"  {number}. {step['title']}: {step['text']}", *grid(step), ""]
    return lines


def grid(step: Mapping[str, Any]) -> list[str]:
    """The numbers of a step as lines of text; what is pruned stands in brackets."""
    if step["kind"] == "table":
        rows = [step["columns"], *step["rows"]]
    else:
        kept = step.get("kept")
        rows = [
            [
                f"{value:.3g}" if kept is None or kept[i][j] else f"({value:.3g})"
                for j, value in enumerate(row)
            ]
            for i, row in enumerate(step["values"])
        ]
    wide = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["     " + "  ".join(c.rjust(w) for c, w in zip(r, wide, strict=True)) for r in rows]
