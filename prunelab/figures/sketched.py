"""A sketch beside the truth: for the table, and for notebooks."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from prunelab.figures.look import PALETTES, Picture, Theme, layout
from prunelab.prediction import STOPS, Question, distance, reading
from prunelab.speech import _


def sketched(sketch: Sequence[float], question: Question, *, theme: Theme = "light") -> Picture:
    """The seven dots, the curve and its band; the title says what the sketch expected."""
    p, off = PALETTES[theme], distance(sketch, question)
    high = [m + s for m, s in zip(question.mean, question.spread, strict=True)]
    low = [m - s for m, s in zip(question.mean, question.spread, strict=True)]
    figure = go.Figure()
    figure.add_scatter(
        x=[*question.sparsity, *reversed(question.sparsity)], y=[*high, *reversed(low)],
        fill="toself", fillcolor=p.grid, line={"width": 0}, name="deviation", hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(
        x=question.sparsity, y=question.mean, name=_("truth"), line={"color": p.methods[0]}
    )
    figure.add_scatter(x=STOPS, y=sketch, name=_("sketch"), line={"color": p.muted, "dash": "dash"})
    figure.update_xaxes(title_text=_("Sparsity"), tickformat=".0%")
    figure.update_yaxes(title_text=_("Accuracy"), tickformat=".0%", range=[0, 1.02])
    found = reading(sketch, question)
    title = _("{off:.1f} points off. {words}", off=off, words=found.words)
    truth = dict(zip(question.stops, question.truth, strict=True))
    table = pd.DataFrame(
        {
            "sparsity": STOPS,
            "sketch": sketch,
            "truth": [truth.get(i) for i in range(len(STOPS))],
        }
    )
    return Picture(
        title, layout(figure, title, theme=theme), _("Two curves. {title}", title=title), table
    )
