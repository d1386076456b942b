"""Text a user gave, made harmless for where it is shown: a table, a figure, a terminal."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_TURNS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


def cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula; numbers stay numbers.

    >>> cell("=1+1"), cell(-1.5), cell("plain")
    ("'=1+1", -1.5, 'plain')
    """
    if not isinstance(value, str):
        return value
    formula = value.lstrip(" ").startswith(_FORMULA)
    text = value.replace("\r\n", "\n").replace("\r", "\n")  # "\r" would not be quoted: a new row
    return f"'{text}" if formula else text


def csv(frame: pd.DataFrame) -> str:
    """A table as CSV without its index, every name and cell safe to open in a spreadsheet."""
    safe = frame.copy()
    for place in range(safe.shape[1]):
        column = safe.iloc[:, place]
        if column.dtype.kind not in "biufcM":
            safe.isetitem(place, [cell(value) for value in column])
    safe.columns = [cell(name) for name in safe.columns]
    text: str = safe.to_csv(index=False)
    return text


def label(text: Any) -> str:
    """A name in a figure: plotly reads <b> and <a href> in labels, these are shown as typed.

    >>> label("<b>cat</b>")
    '&lt;b&gt;cat&lt;/b&gt;'
    """
    return line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def line(text: Any, *, most: int = 2_000) -> str:
    """One line without controls: no new lines, no colours of a terminal, no reversed writing.

    >>> line("a\\nb\\x1b[31m")
    'a\\\\nb\\\\x1b[31m'
    """
    shown = "".join(c if visible(c) else c.encode("unicode_escape").decode() for c in str(text))
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def visible(character: str) -> bool:
    """Whether a character neither controls a terminal nor turns the direction of writing."""
    turns = unicodedata.bidirectional(character) in _TURNS or character in "\u200e\u200f\u061c"
    return not turns and unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")
