"""The tables of README.md that come from the registry, written anew or checked for freshness."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prunelab.catalogue import catalogue

README = Path(__file__).parents[1] / "README.md"
_BLOCK = "<!-- table: {name} -->\n"
_END = "<!-- end -->"


def refresh(*, write: bool = True) -> list[str]:
    """Bring the generated tables up to date; the names of those that were stale."""
    text = README.read_text(encoding="utf-8")
    stale = []
    for name, rows in tables(catalogue()).items():
        head = _BLOCK.format(name=name)
        pattern = re.compile(re.escape(head) + r".*?" + re.escape(_END), re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"README.md has no table {name!r}: add {head.strip()} and {_END}.")
        block = f"{head}{rows}\n{_END}"
        fresh = pattern.sub(block.replace("\\", r"\\"), text)
        if fresh != text:
            stale.append(name)
        text = fresh
    if write and stale:
        README.write_text(text, encoding="utf-8")
    return stale


def tables(known: Mapping[str, Any]) -> dict[str, str]:
    """The Markdown tables by name."""
    methods = [
        (f"`{name}`", m["summary"], ", ".join(m["units"]), m["when"], m["paper"])
        for name, m in known["methods"].items()
    ]
    models = [
        (f"`{name}`", m["summary"], ", ".join(m["traits"])) for name, m in known["models"].items()
    ]
    datasets = [
        (f"`{name}`", d["title"], "download" if d["download"] else "offline", d["licence"])
        for name, d in known["datasets"].items()
    ]
    return {
        "methods": _table(("method", "what it does", "removes", "scores", "source"), methods),
        "models": _table(("model", "what it is", "traits"), models),
        "datasets": _table(("data set", "what it holds", "needs", "licence"), datasets),
    }


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
