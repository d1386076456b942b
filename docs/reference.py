"""The reference pages, written from what there is: methods, models, data, flags, pages, names."""

from __future__ import annotations

import argparse
import ast
import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FunctionType
from typing import Any

import prunelab
from prunelab import cards, trees
from prunelab.__main__ import parser
from prunelab.catalogue import catalogue

ROOT = Path(prunelab.__file__).parents[1]
PAGES = ROOT / "pages"
NOTEBOOKS = ROOT / "notebooks"
EXECUTED = ROOT / "build" / "notebooks"
UNITS = {
    "weights": "Single weights",
    "filters": "Neurons and filters",
    "nodes": "Decision trees",
    "trees": "Forests",
    "stages": "Boosting",
    "examples": "Data sets",
}


def write(folder: Path) -> None:
    """Write every reference page into a folder; what is there and unchanged is left alone."""
    known = catalogue()
    texts = {
        "methods.md": methods(known),
        "models.md": shelf("Models", known["models"], known["broken"]["models"]),
        "data.md": shelf("Data sets", known["datasets"], known["broken"]["datasets"]),
        "command-line.md": command_line(),
        "pages.md": pages(),
        "python.md": python(),
    }
    examples = cards.worked()
    for name, entry in known["methods"].items():
        texts[f"methods/{name}.md"] = method(name, entry, examples[name])
    for name, text in texts.items():
        _bring(folder / name, text)


def notebooks(folder: Path) -> None:
    """Bring the notebooks, as they were executed last where they were, and the list of them."""
    names = sorted(file.stem for file in NOTEBOOKS.glob("*.ipynb"))
    for name in names:
        done = EXECUTED / f"{name}.ipynb"
        source = done if done.exists() else NOTEBOOKS / done.name
        _bring(folder / done.name, source.read_text(encoding="utf-8"))
    lines = [
        "# Notebooks",
        "",
        "One story each: a question, a prediction, figures, an exercise with",
        "its solution folded away. `make notebook` runs the first, `make notebooks` all; with",
        "`PRUNELAB_FAST=1` they are shorter. Figures here are pictures; in Jupyter they move.",
    ]
    lines += ["", "```{toctree}", ":maxdepth: 1", "", *names, "```", ""]
    _bring(folder / "index.md", "\n".join(lines))


def _bring(file: Path, text: str) -> None:
    """Write what is new; what is unchanged keeps its date, and Sphinx does not read it again."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")


def methods(known: Mapping[str, Any]) -> str:
    """All methods by what they remove, each with a page of its own."""
    lines = ["# Methods", ""]
    lines += [
        "A method scores units; higher stays. Each has a card: how it works, where it is from,"
    ]
    lines += ["what differs from the paper, and a tiny example with the method's own numbers."]
    left = dict(known["methods"])
    kinds = [*UNITS, *sorted({u for m in left.values() for u in m["units"]} - set(UNITS))]
    for unit in kinds:
        mine = {n: m for n, m in left.items() if unit in m["units"]}
        left = {n: m for n, m in left.items() if n not in mine}
        if mine:
            lines += ["", f"## {UNITS.get(unit, unit.capitalize())}", ""]
            lines += [f"- [{n}](methods/{n}.md): {plain(m['summary'])}" for n, m in mine.items()]
    return "\n".join([*lines, "", *tree("methods", known["methods"]), ""])


def tree(folder: str, names: Mapping[str, Any]) -> list[str]:
    """The pages of a folder, for the navigation."""
    return [
        "```{toctree}",
        ":hidden:",
        ":maxdepth: 1",
        "",
        *(f"{folder}/{n}" for n in names),
        "```",
    ]


def method(name: str, entry: Mapping[str, Any], example: Mapping[str, Any]) -> str:
    """The card of a method."""
    parts = cards.text(entry)
    lines = [f"# {name}", "", plain(parts.summary), ""]
    for title, said in (
        ("How it works", parts.how),
        ("Paper", entry["paper"]),
        ("What differs from it", parts.deviations),
        ("Example", parts.example),
    ):
        if said:
            lines += [f"## {title}", "", plain(said), ""]
    lines += [*knobs(entry), "## Worked through", "", plain(example.get("why", ""))]
    for number, step in enumerate(example.get("steps", []), 1):
        lines += [f"{number}. **{plain(step['title'])}.** {plain(step['text'])}", "", "   ```text"]
        lines += [*(f"   {line}" for line in cards.grid(step)), "   ```", ""]
    lines += ["```sh", f"prunelab run --method {name} --sparsity 0.5", "```", ""]
    return "\n".join(lines)


def shelf(title: str, entries: Mapping[str, Any], broken: Mapping[str, str]) -> str:
    """Models or data sets, one section each."""
    lines = [f"# {title}", ""]
    for name, entry in entries.items():
        parts = cards.text(entry)
        lines += [f"## {name}", "", plain(entry.get("title") or parts.summary), ""]
        lines += [plain(parts.how), "", *knobs(entry)]
    lines += [f"`{file}` cannot be imported." for file in broken]
    return "\n".join(lines)


def knobs(entry: Mapping[str, Any]) -> list[str]:
    """A table of settings, or nothing."""
    if not entry["knobs"]:
        return []
    rows = [
        f"| `{k['name']}` | {_default(k)} | {_allowed(k)} | {plain(k['help'])} |"
        for k in entry["knobs"]
    ]
    return ["| setting | usually | allowed | what it is |", "| --- | --- | --- | --- |", *rows, ""]


def _default(knob: Mapping[str, Any]) -> str:
    return "" if knob["default"] in ("", None) else f"`{knob['default']}`"


def _allowed(knob: Mapping[str, Any]) -> str:
    if knob["choices"]:
        return ", ".join(f"`{c}`" for c in knob["choices"])
    if knob["low"] is None:
        return str(knob["kind"])
    return f"{knob['low']:g} to {knob['high']:g}"


def command_line() -> str:
    """Every command with its flags."""
    lines = ["# Command line", "", "`prunelab COMMAND --help` prints the same.", ""]
    for name, command in _commands(parser(), "prunelab"):
        lines += [f"## {name}", "", plain(command.description or ""), ""]
        for action in command._actions:
            if isinstance(action, (argparse._HelpAction, argparse._SubParsersAction)):
                continue
            said = plain((action.help or "").replace("%%", "%"))
            lines.append(f"- `{_flag(action)}`: {said or 'required'}")
        lines.append("")
    return "\n".join(lines)


def _commands(
    top: argparse.ArgumentParser, name: str
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, below in action.choices.items():
                if not any(isinstance(a, argparse._SubParsersAction) for a in below._actions):
                    yield f"{name} {word}", below
                yield from _commands(below, f"{name} {word}")


def _flag(action: argparse.Action) -> str:
    if not action.option_strings:
        return str(action.metavar or action.dest)
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    return f"{', '.join(action.option_strings)}{value}"


def pages() -> str:
    """What each page of the app answers, by its own first line."""
    lines = [
        "# Pages of the app",
        "",
        "Every page has its state in its address: a link shows what you see.",
    ]
    for file in sorted(PAGES.glob("*.py")):
        said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        title, _, answer = said.splitlines()[0].partition(": ")
        lines += ["", f"## {title}", "", f"{answer[:1].upper()}{answer[1:]}", ""]
        lines += ["", f"Address: `/{'' if file.stem == 'home' else file.stem}`"]
    return "\n".join([*lines, ""])


def python() -> str:
    """Public names with their docstrings."""
    lines = [
        "# Python",
        "",
        "`import prunelab as pl` loads nothing heavy; names are loaded when used.",
    ]
    for title, names in (("prunelab", prunelab._HOMES), ("prunelab.trees", _homes(trees))):
        lines += ["", f"## {title}", ""]
        for name, home in names.items():
            thing = getattr(importlib.import_module(home), name)
            lines += [
                f"### {name}",
                "",
                "```{eval-rst}",
                *_auto(thing, f"{home}.{name}"),
                "```",
                "",
            ]
    return "\n".join(lines)


def _homes(package: Any) -> dict[str, str]:
    """Where the public functions and classes of a package are defined."""
    things = {name: getattr(package, name) for name in package.__all__}
    return {n: t.__module__ for n, t in things.items() if isinstance(t, (type, FunctionType))}


def _auto(thing: Any, name: str) -> list[str]:
    if isinstance(thing, type):
        return [f".. autoclass:: {name}", "   :members:"]
    return [f".. autofunction:: {name}"]


def plain(text: str) -> str:
    """Text in which no character means anything to Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>#|$~])", r"\\\1", text)
