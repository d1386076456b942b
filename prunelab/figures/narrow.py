"""A figure for a narrow window: what stands beside the plot moves above it."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

END = "end"  # the name of an annotation that names a line beside its end
LINE = 21  # px of height that an entry of the legend takes
LONGEST = 36  # letters of the title of an axis that fit


def narrow(figure: go.Figure) -> go.Figure:
    """Give the plot the whole width: names of lines in a legend, a colour bar lying down."""
    ends = [a for a in figure.layout.annotations if a.name == END]
    bars = [trace for trace in figure.data if "colorbar" in trace and trace.showscale is not False]
    if ends:
        figure.layout.annotations = [a for a in figure.layout.annotations if a.name != END]
        _legend(figure, dict(_parts(a.text) for a in ends))
    for trace in bars:
        _lie(figure, trace)
    if ends or bars:
        figure.update_layout(margin_r=16)
    figure.for_each_xaxis(_wrap)
    return figure


def _parts(text: str) -> tuple[str, str]:
    """The name of a line, and the small print below it."""
    name, _, small = text.partition("<br>")
    return name, small


def _legend(figure: go.Figure, small: dict[str, str]) -> None:
    """One entry a line; what is said of all of them is its title."""
    same = len(set(small.values())) == 1
    for trace in figure.data:
        named = trace.name in small and "lines" in (trace.mode or "")
        trace.showlegend = named
        if named and not same:
            trace.name = f"{trace.name}, {small[trace.name]}"
    title = next(iter(small.values())) if same else ""
    figure.update_layout(
        showlegend=True,
        legend={"title": {"text": title, "side": "top"}, "font": {"size": 13}},
        height=figure.layout.height + LINE * (len(small) + bool(title)),
    )


def _lie(figure: go.Figure, trace: Any) -> None:
    title = trace.colorbar.title.text
    trace.colorbar.update(
        orientation="h", lenmode="fraction", len=1, thickness=10, x=0.5, xanchor="center",
        y=1.0, yanchor="bottom", title={"text": title, "side": "top"},
    )  # fmt: skip
    figure.update_layout(height=figure.layout.height + 2 * LINE, margin_t=56)


def _wrap(axis: Any) -> None:
    """Part a title that is too long in two lines."""
    text = axis.title.text or ""
    if len(text) > LONGEST and "<br>" not in text:
        at = text.rfind(" ", 0, LONGEST)
        axis.title.text = f"{text[:at]}<br>{text[at + 1 :]}"
