"""Accuracy against what a threshold takes, by magnitude and at random: nothing trained again."""

from __future__ import annotations

import plotly.graph_objects as go

from prunelab.figures.look import PALETTES, Picture, Theme, layout, percent, strokes
from prunelab.scissors import ALL, METHODS, Scissors
from prunelab.speech import _


def cut(found: Scissors, place: str = ALL, *, theme: Theme = "light") -> Picture:
    """Both curves of one place of the threshold.

    Raises:
        ValueError: there is no such place.
    """
    if place not in found.places:
        raise ValueError(f"The place of a cut must be one of {', '.join(found.places)}.")
    table = found.table
    table = table[table["place"] == place].drop(columns="place").reset_index(drop=True)
    drawn, p = strokes(METHODS, theme), PALETTES[theme]
    figure = go.Figure()
    for method in METHODS:
        stroke = drawn[method]
        figure.add_scatter(
            x=table["sparsity"], y=table[method], name=method, mode="lines",
            line={"color": stroke.colour, "dash": stroke.dash, "width": 2.5},
            hovertemplate=_("%{x:.1%} gone, %{y:.1%} right"),
        )  # fmt: skip
    figure.add_hline(y=found.dense, line={"color": p.muted, "width": 1, "dash": "dot"})
    figure.update_xaxes(
        title_text=_("Gone of {what}", what=_what(place)), tickformat=".0%", range=[0, 1]
    )
    figure.update_yaxes(title_text=_("Validation accuracy"), tickformat=".0%", range=[0, 1.02])
    title = cut_title(found, place)
    return Picture(
        title, layout(figure, title, theme=theme), _("Two curves. {title}", title=title), table
    )


def cut_title(found: Scissors, place: str = ALL) -> str:
    """How far one may cut for a point, and how far at random."""
    most, random = (percent(found.most(place, method)) for method in METHODS)
    return _(
        "{most} of {what} can be cut before more than a point is lost; at random it is {random}",
        most=most, what=_what(place), random=random,
    )  # fmt: skip


def _what(place: str) -> str:
    return _("all weights") if place == ALL else place
