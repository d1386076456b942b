"""The card of a method: its text in parts, and its worked example."""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from prunelab.catalogue import catalogue
from prunelab.shelves import HERE, arrivals, asked

WORKED = HERE / "examples" / "files" / "worked.json.gz"
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
    """The worked example of every method by name.

    They ship (``benchmarks/make_worked.py``). Another process works through what came since, and
    through all of them where a file that they come from is not the one that shipped.

    Raises:
        CatalogueError: they could not be computed.
    """
    return _worked(arrivals())


@functools.lru_cache(maxsize=1)
def _worked(_arrivals: tuple[int, ...]) -> dict[str, Any]:
    shipped = json.loads(gzip.decompress(WORKED.read_bytes()))
    same = shipped["sources"].items() <= sources().items()
    found = shipped["worked"] if same else {}
    if new := sorted(set(catalogue()["methods"]) - set(found)):
        bench = ("masks", "learn", "lab", "recover", "training", "probes", "run_network", "job")
        files = [HERE / name for name in (*sources(), *(f"{name}.py" for name in bench))]
        found |= asked("prunelab.worked", "worked", files, new)
    return dict(sorted(found.items()))


def sources() -> dict[str, str]:
    """The files of methods and of their worked examples, and a digest of what each holds."""
    files = sorted([*(HERE / "worked").glob("*.py"), *(HERE / "methods").glob("*.py")])
    return {
        file.relative_to(HERE).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        for file in files
    }


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
