"""A language that is English between brackets, and what a page says outside of them."""

from __future__ import annotations

import functools
import gettext
import io
import json
import re

import words
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from prunelab import speech
from prunelab.catalogue import catalogue

# What stays as it is in every language: names of files and formats, units, and marks of PruneLab.
SAME = {
    "PruneLab", "CSV", "Parquet", "LaTeX", "JSON", "HTML", "SVG", "PNG", "run.json", "arXiv", "kB",
    "MB", "min", "sgd", "adam", "upper", "lower", "scikit-learn",
}  # fmt: skip
# Code, what somebody said word for word, addresses, icons and sources.
FOREIGN = (
    r"`[^`]*`|“[^”]*”|https?://\S+|:material/\w+:|arXiv:\S+|\w+ et al\. \d{4}"
    r"|\([^()]*\b(?:19|20)\d\d\b[^()]*\)|Demšar 2006, JMLR 7|:gray\[[\s\S]*"
    r"|\b(?:conv|fc)\d\b|\bblocks\.[\w.]+"
)
HOLE = re.compile(r"%\{[^}]*\}|<[^>]*>")  # of a hover text
SAID = ("label", "help", "body", "placeholder", "text", "delta")
DATA = {"code", "plotly_chart", "dataframe", "table", "bidi_component", "html", "echarts_chart"}
NAMED = ("methods", "models", "datasets", "units", "scopes", "recovers", "budgets")
BLOCKS = ("expandable", "tab", "popover")


@functools.cache
def brackets() -> gettext.GNUTranslations:
    """Every message of the template between ⟦ and ⟧; what it lacks stays English."""
    made = Catalog(locale="en", charset="utf-8")
    for message in read_po(io.BytesIO(words.TEMPLATE.read_bytes())):
        if message.id:
            plural = isinstance(message.id, tuple)
            said = tuple(map(_between, message.id)) if plural else _between(message.id)
            made.add(message.id, said)
    return gettext.GNUTranslations(io.BytesIO(words.compiled(made, "brackets")))


def _between(text: str) -> str:
    """Line breaks at the ends stay outside: gettext wants them where the original has them."""
    start, end = (re.match(pattern, text, re.S)[0] for pattern in (r"\s*", r".*?(?=\s*\Z)"))
    inner = text.strip()
    return text.replace(inner, f"⟦{inner}⟧") if start is not None and end is not None else text


def speak(monkeypatch) -> None:
    """The language of this test is that between brackets."""
    monkeypatch.setattr(speech, "catalogue", lambda tag: brackets())


def english(app) -> list[str]:
    """What a page says in English though the reader's language is another; names are data."""
    found, known = [], catalogue()
    names = {name for shelf in NAMED for name in known[shelf]}
    for kind, said in _said([app.main, app.sidebar]):
        rest = said
        while rest != (rest := re.sub(r"⟦[^⟦⟧]*⟧", " ", rest)):
            pass
        rest = re.sub(FOREIGN, " ", rest)
        plain = [w.strip(".,:;()[]*“”’|\\") for w in rest.replace("\\", "").split()]
        left = [w for w in plain if re.search(r"[^\W\d_]{3}", w) and w not in names | SAME]
        if left:
            found.append(f"{kind}: {said[:120]!r} ({' '.join(left[:6])})")
    return list(dict.fromkeys(found))


def _said(nodes):
    for node in nodes:
        proto, kind = getattr(node, "proto", None), str(getattr(node, "type", ""))
        if kind in READ:
            yield from ((f"{kind} {where}", text) for where, text in READ[kind](node))
        if kind not in DATA:
            inner = next((getattr(proto, b) for b in BLOCKS if _has(proto, b)), proto)
            for name in SAID:
                text = getattr(inner, name, "")
                if isinstance(text, str) and text:
                    yield f"{kind} {name}", text
        if "-finding-" not in str(getattr(proto, "id", "")):  # of the library, made with its figure
            yield from _said(getattr(node, "children", {}).values())


def _figure(node):
    """What a chart says: its words for screen readers, axes, names of lines, notes, hover texts."""
    yield "alt", node.proto.alt
    spec = json.loads(node.proto.spec)
    for trace in spec["data"]:
        yield "name", "" if trace.get("showlegend") is False else trace.get("name") or ""
        yield "hover", HOLE.sub(" ", trace.get("hovertemplate") or "")
        bar = trace.get("colorbar") or trace.get("marker", {}).get("colorbar") or {}
        yield "colour bar", bar.get("title", {}).get("text") or ""
    layout = spec["layout"]
    for name, axis in layout.items():
        if "axis" in name and isinstance(axis, dict):
            yield name, axis.get("title", {}).get("text") or ""
    for note in layout.get("annotations", ()):
        yield "note", HOLE.sub(" ", note.get("text") or "")


def _table(node):
    """The headings of a table."""
    labels = json.loads(getattr(node.proto, "columns", "") or "{}")
    for name in node.value.columns:
        yield "heading", str(labels.get(str(name), {}).get("label") or name)


READ = {"plotly_chart": _figure, "dataframe": _table, "table": _table}


def _has(proto, block: str) -> bool:
    return any(field.name == block for field, _value in getattr(proto, "ListFields", list)())
