"""Sentences the library puts together where no reader is known, as templates for translators.

The messages of errors, what events tell, how far another process is, and what stands in
``phrase(f"...")``. The template of ``f"{key!r} is running."`` is ``{key} is running.``, by whose
words ``prunelab.speech.anew`` finds it again.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

PLACES = {  # of the text among the arguments of a call
    "phrase": 0, "mark": 0, "tell": 0, "warn": 0, "work": 1, "respond": 1, "freeze": 1,
    "unknown": 0, "_known": 0, "answer": 2, "arrays": 2, "order": 4, "command": 3,
}  # fmt: skip
NAMED = ("message", "reason", "advice")  # texts of events
EVENTS = ("Warned", "Failed", "Cancelled", "State")
ERROR = re.compile(r"\w*Error|Missing|Lost|Diverged|Untraceable")


def templates(source: str) -> Iterator[str]:
    """Those of a Python file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            if ERROR.fullmatch(_name(node.exc.func)):
                yield from _all(node.exc.args[:1])
        elif isinstance(node, ast.Call):
            name = _name(node.func)
            if name in PLACES:
                yield from _all(node.args[PLACES[name] :][:1])
            elif name in EVENTS:
                yield from _all([k.value for k in node.keywords if k.arg in NAMED])


def _all(said: list[ast.expr]) -> Iterator[str]:
    for node in said:
        if isinstance(node, ast.IfExp):
            yield from _all([node.body, node.orelse])
        elif isinstance(node, ast.JoinedStr):
            yield _template(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _template(said: ast.JoinedStr) -> str:
    names: dict[str, str] = {}  # of each expression
    text = ""
    for part in said.values:
        if isinstance(part, ast.FormattedValue):
            shown = ast.unparse(part)
            name = _name(part.value).strip("_").lower() or "value"
            taken = [other for what, other in names.items() if what != shown]
            names.setdefault(shown, name if name not in taken else f"{name}{len(taken) + 1}")
            text += f"{{{names[shown]}}}"
        elif isinstance(part, ast.Constant):
            text += str(part.value).replace("{", "{{").replace("}", "}}")
    return text


def _name(node: ast.expr) -> str:
    """What an expression is best called: the last name of what it is made from."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(args=[first, *_]):
            return _name(first)
        case ast.Call(func=ast.Attribute(value=of)):
            return _name(of)
        case ast.Subscript(value=of) | ast.BinOp(left=of) | ast.IfExp(body=of):
            return _name(of)
        case ast.BoolOp(values=[of, *_]):
            return _name(of)
    return ""
