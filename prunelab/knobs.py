"""Settings checked against what their owner says of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from prunelab.spec import Scalar, SpecError, unknown


def check_knobs(owner: str, given: Mapping[str, Any], knobs: Sequence[Mapping[str, Any]]) -> None:
    """Refuse settings that their owner does not have, or values out of bounds.

    Raises:
        SpecError: such a setting; it says what is near or what is possible.
    """
    known = {knob["name"]: knob for knob in knobs}
    for name, value in given.items():
        if name not in known:
            raise SpecError(unknown(f"knob of the {owner}", name, known))
        _knob(known[name], value)


def _knob(knob: Mapping[str, Any], value: Any) -> None:
    name, kind = knob["name"], knob["kind"]
    if kind == "choice":
        if value not in knob["choices"]:
            choices = ", ".join(map(str, knob["choices"]))
            raise SpecError(f"{name} must be one of {choices}, got {value!r}.")
        return
    kinds: dict[str, Any] = {"bool": bool, "int": int, "float": (int, float), "text": str}
    if not isinstance(value, kinds[kind]) or (isinstance(value, bool) and kind != "bool"):
        raise SpecError(f"{name} must be a {kind}, got {value!r}.")
    low, high = knob["low"], knob["high"]
    if low is not None and not (math.isfinite(value) and low <= value <= high):
        raise SpecError(f"{name} must be from {low} to {high}, got {value!r}.")


def parse(knob: Mapping[str, Any], text: str) -> Scalar:
    """The value of a knob from text typed by a person.

    Raises:
        SpecError: text that is not a value of the knob's kind.
    """
    kind = knob["kind"]
    if kind == "bool" and text.lower() in ("true", "yes", "1", "false", "no", "0"):
        return text.lower() in ("true", "yes", "1")
    try:
        if kind in ("int", "float"):
            return int(text) if kind == "int" else float(text)
    except ValueError:
        raise SpecError(f"{knob['name']} must be a {kind}, got {text!r}.") from None
    if kind == "bool":
        raise SpecError(f"{knob['name']} must be true or false, got {text!r}.")
    return text
