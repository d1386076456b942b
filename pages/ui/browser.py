"""Components that run in the browser: made of their files, and given their words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from prunelab.speech import _, in_browser

_HERE = Path(__file__).parent


def component(name: str, *, follows: bool = False) -> Callable[..., Any]:
    """What ``name.html``, ``.css`` and ``.js`` make; one that ``follows`` the slider of a tree.

    They say what they say in English, ``say("{n} left", { n })``; the component gets the words of
    the reader's language with its data.
    """
    html, css, own = (
        (_HERE / f"{name}.{kind}").read_text("utf-8") for kind in ("html", "css", "js")
    )
    shared = ("say", "listen") if follows else ("say",)
    js = "".join((_HERE / f"{file}.js").read_text("utf-8") for file in shared) + own
    made = st.components.v2.component(f"prunelab_{name}", html=html, css=css, js=js)
    texts = in_browser(html + own)

    def draw(*, data: dict[str, Any], **options: Any) -> Any:
        words = {text: said for text in texts if (said := _(text)) != text}
        return made(data=data | {"words": words}, **options)

    return draw
