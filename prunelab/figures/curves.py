"""The learning curve of a run: as ECharts options for the live page, as plotly for everyone."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from prunelab.events import Result
from prunelab.figures.look import FONT, PALETTES, Palette, Picture, Theme, accuracy, layout, percent
from prunelab.speech import _

DOTS = 40  # epochs up to which each has a dot


class Curve(NamedTuple):
    """Numbers per epoch, counted through all phases. ``phases`` are (name, first epoch)."""

    epoch: list[int]
    phase: list[str]
    accuracy: list[float]
    loss: list[float]
    validation_loss: list[float]
    sparsity: list[float]
    phases: list[tuple[str, int]]
    planned: int


def curve_numbers(result: Result) -> Curve:
    """All epochs so far in one row."""
    phases: list[tuple[str, int]] = []
    for place, epoch in enumerate(result.epochs, 1):
        if not phases or phases[-1][0] != epoch.phase:
            phases.append((epoch.phase, place))
    return Curve(
        epoch=[*range(1, len(result.epochs) + 1)],
        phase=[e.phase for e in result.epochs],
        accuracy=[e.accuracy for e in result.epochs],
        loss=[e.loss for e in result.epochs],
        validation_loss=[e.validation_loss for e in result.epochs],
        sparsity=[e.sparsity for e in result.epochs],
        phases=phases,
        planned=max(sum(result.plan.values()), len(result.epochs)),
    )


def _title(found: Curve) -> str:
    if not found.epoch:
        return _("The first epoch is on its way")
    words = _(
        "Epoch {epoch} of {planned}: validation {accuracy}",
        epoch=found.epoch[-1],
        planned=found.planned,
        accuracy=accuracy(found.accuracy[-1]),
    )
    return words + (
        _(" with {sparsity} gone", sparsity=percent(found.sparsity[-1]))
        if found.sparsity[-1]
        else ""
    )


def curve(result: Result, *, theme: Theme = "light") -> Picture:
    """Accuracy and loss over all epochs of a run, phase by phase."""
    found = curve_numbers(result)
    p = PALETTES[theme]
    figure = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.09)
    hover = _("epoch %{x}: %{y:.1%} right<extra></extra>")
    figure.add_trace(_pen(found, found.accuracy, _("accuracy"), p.accent, hover), row=1, col=1)
    for values, name, colour in (
        (found.loss, _("training loss"), p.faint),
        (found.validation_loss, _("validation loss"), p.ink),
    ):
        hover = _("epoch %{{x}}: {name} %{{y:.3f}}<extra></extra>", name=name)
        figure.add_trace(_pen(found, values, name, colour, hover), row=2, col=1)
    for name, first in found.phases[1:]:
        line = {"color": p.muted, "dash": "dot", "width": 1}
        figure.add_vline(x=first - 0.5, line=line)
        figure.add_annotation(
            x=first - 0.5, y=1, yref="y domain", text=_(name), showarrow=False, xanchor="left",
            yanchor="bottom", font_color=p.muted,
        )  # fmt: skip
    title = _title(found)
    layout(figure, title, theme=theme, height=420)
    figure.update_yaxes(title_text=_("accuracy"), tickformat=".0%", row=1)
    figure.update_yaxes(title_text=_("loss in nats"), rangemode="tozero", row=2)
    figure.update_xaxes(title_text=_("epoch"), row=2)
    figure.update_layout(showlegend=True, margin={"t": 92}, legend={"y": 1.06})
    table = pd.DataFrame(found._asdict(), columns=[*Curve._fields[:6]])
    return Picture(title, figure, _("Line chart. {title}.", title=title), table)


def _pen(found: Curve, values: list[float], name: str, colour: str, hover: str) -> go.Scatter:
    return go.Scatter(
        x=found.epoch,
        y=values,
        name=name,
        mode="lines+markers" if len(found.epoch) <= DOTS else "lines",
        line={"color": colour, "width": 2},
        marker_size=5,
        hovertemplate=hover,
    )


def live(result: Result, *, theme: Theme = "light") -> dict[str, Any]:
    """The same curve as ECharts options: it grows in place while the run streams."""
    found = curve_numbers(result)
    p = PALETTES[theme]
    return {
        "textStyle": {"fontFamily": FONT, "color": p.muted},
        "animation": False,
        "tooltip": {"trigger": "axis", "backgroundColor": p.paper, "textStyle": {"color": p.ink}},
        "legend": {"top": 0, "left": 0, "textStyle": {"color": p.muted}, "icon": "roundRect"},
        "grid": [
            {"left": 56, "right": 24, "top": 48, "height": 130},
            {"left": 56, "right": 24, "top": 222, "height": 90},
        ],
        "xAxis": [_axis(p.muted, p.grid, i, found.planned) for i in range(2)],
        "yAxis": [_scale(p, i) for i in range(2)],
        "series": _series(found, p),
    }


def _series(found: Curve, p: Palette) -> list[dict[str, Any]]:
    """Accuracy above, the two losses below; a dotted line where a phase begins."""
    right = [round(100 * a, 2) for a in found.accuracy]
    phases = {
        "symbol": "none",
        "silent": True,
        "label": {"formatter": "{b}", "color": p.muted},
        "lineStyle": {"color": p.muted, "type": "dotted"},
        "data": [{"xAxis": first - 0.5, "name": _(name)} for name, first in found.phases[1:]],
    }
    lower = {"xAxisIndex": 1, "yAxisIndex": 1}
    drawn: tuple[tuple[str, list[float], str, dict[str, Any]], ...] = (
        (_("accuracy"), right, p.accent, {"markLine": phases}),
        (_("training loss"), [round(v, 4) for v in found.loss], p.faint, lower),
        (_("validation loss"), [round(v, 4) for v in found.validation_loss], p.ink, lower),
    )
    return [
        {
            "type": "line",
            "name": name,
            "symbolSize": 5,
            "showSymbol": len(found.epoch) <= DOTS,
            "data": _pairs(found.epoch, values),
            "itemStyle": {"color": colour},
            **more,
        }
        for name, values, colour, more in drawn
    ]


def _scale(p: Palette, place: int) -> dict[str, Any]:
    return {
        "gridIndex": place,
        "name": (_("accuracy in %"), _("loss in nats"))[place],
        "nameTextStyle": {"align": "left", "color": p.muted},
        "scale": place == 0,
        "splitNumber": 3,
        "axisLabel": {"color": p.muted},
        "splitLine": {"lineStyle": {"color": p.grid}},
    }


def _pairs(x: list[int], y: list[float]) -> list[list[float]]:
    return [[a, b] for a, b in zip(x, y, strict=True)]


def _axis(muted: str, grid: str, place: int, planned: int) -> dict[str, Any]:
    return {
        "type": "value",
        "gridIndex": place,
        "min": 1,
        "max": max(2, planned),
        "minInterval": 1,
        "name": _("epoch") if place else "",
        "nameLocation": "middle",
        "nameGap": 24,
        "axisLabel": {"color": muted, "show": bool(place)},
        "axisLine": {"lineStyle": {"color": grid}},
        "splitLine": {"show": False},
    }
