"""The course of a training that prunes: accuracy and sparsity, epoch by epoch, with a marker."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from prunelab.events import Epoch, Result
from prunelab.figures.look import PALETTES, Picture, Theme, accuracy, layout, percent
from prunelab.speech import _

PHASE = "train"


def trained(result: Result) -> list[Epoch]:
    """The epochs in which the method pruned while it trained."""
    return [epoch for epoch in result.epochs if epoch.phase == PHASE]


def begun(result: Result) -> bool:
    """Whether there is a still to show, and an epoch to set it in: a still comes first."""
    return bool(result.frames and trained(result))


def course(result: Result, epoch: int | None = None, *, theme: Theme = "light") -> Picture:
    """Accuracy on the validation part and sparsity over the epochs; a line at one of them.

    Raises:
        ValueError: the run has not trained and pruned yet.
    """
    found = trained(result)
    if not found:
        raise ValueError("The first epoch in which the method prunes has not come yet.")
    here = found[-1] if epoch is None else found[min(max(epoch, 1), len(found)) - 1]
    at = here.epoch if epoch is None else epoch
    p = PALETTES[theme]
    x = [e.epoch for e in found]
    figure = go.Figure()
    for values, name, colour, dash in (
        ([e.accuracy for e in found], _("accuracy"), p.accent, "solid"),
        ([e.sparsity for e in found], _("sparsity"), p.methods[1], "dash"),
    ):
        figure.add_trace(
            go.Scatter(
                x=x, y=values, name=name, mode="lines",
                line={"color": colour, "width": 2.2, "dash": dash},
                hovertemplate=_("epoch %{{x}}: {name} %{{y:.1%}}<extra></extra>", name=name),
            )
        )  # fmt: skip
    figure.add_vline(x=at, line={"color": p.ink, "width": 1.5})
    gone = (
        _(" with {sparsity} gone", sparsity=percent(here.sparsity))
        if here.sparsity
        else _(", nothing gone yet")
    )
    title = _(
        "Epoch {at}: {accuracy} right on validation{gone}",
        at=at, accuracy=accuracy(here.accuracy), gone=gone,
    )  # fmt: skip
    if at == 0:
        title = _("Before the first step")
    layout(figure, title, theme=theme, height=260)
    figure.update_layout(showlegend=True, margin={"t": 70})
    figure.update_xaxes(title_text=_("epoch"), range=[0, max(x[-1], at, here.epochs)])
    figure.update_yaxes(tickformat=".0%", range=[0, 1.02])
    table = pd.DataFrame(
        {"epoch": x, "accuracy": [e.accuracy for e in found],
         "sparsity": [e.sparsity for e in found], "zeros kept": [e.zeros_kept for e in found]}
    )  # fmt: skip
    return Picture(title, figure, _("Line chart. {title}.", title=title), table)
