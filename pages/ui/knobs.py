"""A widget for each knob: the signature of a method is its form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from prunelab.speech import _

FEW = 400  # values a slider can still be set to by hand


def ask(owner: str, knobs: Sequence[Mapping[str, Any]], start: Mapping[str, Any]) -> dict[str, Any]:
    """Widgets for the knobs of one thing; returns only what differs from the defaults."""
    chosen = {
        knob["name"]: _widget(owner, {**knob, "default": start.get(knob["name"], knob["default"])})
        for knob in knobs
    }
    defaults = {knob["name"]: knob["default"] for knob in knobs}
    return {name: v for name, v in chosen.items() if v is not None and v != defaults[name]}


def _widget(owner: str, knob: Mapping[str, Any]) -> Any:
    label = _(knob["name"].replace("_", " ").capitalize())
    common: dict[str, Any] = {
        "key": f"{owner}.{knob['name']}",
        "help": _(knob["help"]).capitalize() or None,
        "bind": "query-params",
    }
    match knob["kind"]:
        case "bool":
            return st.toggle(label, knob["default"], **common)
        case "choice":
            choices = list(knob["choices"])
            return st.selectbox(label, choices, choices.index(knob["default"]), **common)
        case "text":
            return st.text_input(label, knob["default"], max_chars=500, **common)
    return _number(label, knob, common)


def _number(label: str, knob: Mapping[str, Any], common: dict[str, Any]) -> Any:
    kind: Any = int if knob["kind"] == "int" else float
    low, high = (kind(knob[k]) if knob[k] is not None else None for k in ("low", "high"))
    value = kind(knob["default"])
    if low is None or high is None:
        return st.number_input(label, low, high, value, **common)
    step = kind(knob["step"] or (1 if kind is int else (high - low) / 100))
    if (high - low) / step > FEW:
        wide = {} if kind is int else {"format": "%g"}
        return st.number_input(label, low, high, value, step, **wide, **common)
    return st.slider(label, low, high, value, step, **common)
