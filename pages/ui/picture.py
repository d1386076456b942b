"""A figure as a file: HTML made here, SVG and PNG by the camera that plotly has in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from prunelab.speech import _

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "prunelab_picture",
    html=(
        '<div class="formats"><button type="button" data-format="svg">SVG</button>'
        '<button type="button" data-format="png">PNG</button></div>'
    ),
    css=(_HERE / "picture.css").read_text(encoding="utf-8"),
    js=(_HERE / "picture.js").read_text(encoding="utf-8"),
)


def files(figure: Any, key: str) -> None:
    """Buttons that save the figure of a chart; the HTML file works without a network."""
    with st.popover(_("Figure"), type="tertiary", icon=":material/image:", key=f"figure-{key}"):
        st.download_button(
            "HTML", lambda: figure.to_html(include_plotlyjs=True), f"{key}.html", "text/html",
            key=f"HTML-{key}", type="tertiary", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        _component(data={"key": key}, key=f"picture-{key}")
