"""A pruned network beside its controls: what it owes to its mask, its values, its training."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from prunelab.events import Result
from prunelab.figures.look import PALETTES, Picture, Theme, accuracy, layout, percent
from prunelab.speech import _


def rethinking(
    name: str,
    sparsity: float,
    pruned: Sequence[Result],
    controls: Mapping[str, Sequence[Result]],
    *,
    theme: Theme = "light",
) -> Picture:
    """Test accuracy of the pruned network and of each control: seeds as dots, mean and sd.

    Raises:
        ValueError: no control is done.
    """
    rows = {name: _found(pruned)} | {what: _found(runs) for what, runs in controls.items()}
    rows = {what: values for what, values in rows.items() if values}
    if name not in rows or len(rows) < 2:
        raise ValueError("No control of this run is done yet.")
    p, figure = PALETTES[theme], go.Figure()
    for what, values in rows.items():
        colour = p.accent if what == name else p.muted
        mean, sd = statistics.fmean(values), _sd(values)
        figure.add_trace(
            go.Scatter(
                x=values, y=[what] * len(values), mode="markers", showlegend=False,
                marker={"size": 7, "color": colour, "opacity": 0.5},
                hovertemplate=f"{what}: %{{x:.1%}}<extra></extra>",
            )
        )  # fmt: skip
        figure.add_trace(
            go.Scatter(
                x=[mean], y=[what], mode="markers", showlegend=False,
                marker={"size": 13, "color": colour, "symbol": "diamond"},
                error_x={"array": [sd], "visible": len(values) > 1, "width": 6, "thickness": 1.5},
                hovertemplate=_(
                    "<b>{what}</b>, mean of {values}: %{{x:.1%}}<extra></extra>",
                    what=what, values=len(values),
                ),
            )
        )  # fmt: skip
    title = _title(name, sparsity, rows)
    layout(figure, title, theme=theme, height=130 + 40 * len(rows))
    seeds = max(map(len, rows.values()))
    figure.update_xaxes(
        title_text=_(
            "accuracy on test data; diamond: mean, whisker: sd of {seeds} seeds", seeds=seeds
        ),
        tickformat=".0%",
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", type="category", showgrid=True)
    table = pd.DataFrame(
        {"network": what, "accuracy": statistics.fmean(v), "sd": _sd(v), "seeds": len(v)}
        for what, v in rows.items()
    )
    return Picture(title, figure, _("Dots. {title}.", title=title), table)


def _found(runs: Sequence[Result]) -> list[float]:
    return [r.recovered["accuracy"] for r in runs if "accuracy" in r.recovered]


def _sd(values: Sequence[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0.0


def _title(name: str, sparsity: float, rows: Mapping[str, Sequence[float]]) -> str:
    mean = {what: statistics.fmean(values) for what, values in rows.items()}
    small = {what: m for what, m in mean.items() if what != name and not what.startswith("dense")}
    mine = f"{name} at {percent(sparsity)}: {accuracy(mean[name])}"
    if not small:
        return mine
    best = max(small, key=small.__getitem__)
    return _(
        "{mine}; the best of its small controls, {best}, {accuracy}",
        mine=mine, best=best, accuracy=accuracy(small[best]),
    )  # fmt: skip
