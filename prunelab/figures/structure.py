"""A network layer by layer before and after, and its filters and feature maps as pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from prunelab.figures.look import PALETTES, Picture, Theme, count, layout, percent, scale
from prunelab.speech import _

ACROSS, MOST = 8, 48  # pictures in a row, and in all
GAP_X, GAP_Y = 1.15, 1.45  # from one picture to the next, with the words below
EPS = float(np.finfo(np.float32).eps)


def network(layers: pd.DataFrame, *, theme: Theme = "light") -> Picture:
    """Each layer from the input on: its outputs and multiply-adds, before and after.

    Raises:
        ValueError: no layer multiplies anything.
    """
    table = layers[layers["macs_before"] > 0].reset_index(drop=True)
    if table.empty:
        raise ValueError("No layer of this network multiplies anything.")
    p, after, before = PALETTES[theme], table["macs"].sum(), table["macs_before"].sum()
    saved = (table["macs_before"] - table["macs"]).to_numpy()
    title = _("No multiply-add is saved: {before} for one example", before=count(before))
    if after < before:
        most = table["layer"][int(saved.argmax())]
        title = _(
            "{before} multiply-adds become {after}; {most} saves most",
            before=count(before), after=count(after), most=most,
        )  # fmt: skip
    figure = go.Figure()
    for axis, what, words in (("y", "outputs", _("outputs")), ("y2", "macs", _("multiply-adds"))):
        for name, column, colour in (
            (_("before"), f"{what}_before", p.faint),
            (_("after"), what, p.accent),
        ):
            figure.add_trace(
                go.Bar(
                    x=table["layer"].tolist(), y=table[column].tolist(), yaxis=axis, name=name,
                    marker_color=colour, showlegend=axis == "y",
                    hovertemplate=f"<b>%{{x}}</b><br>%{{y:,}} {words} {name}<extra></extra>",
                )
            )  # fmt: skip
    layout(figure, title, theme=theme, height=430)
    figure.update_layout(
        barmode="overlay", bargap=0.25, yaxis={"domain": [0.58, 1], "title_text": _("outputs")},
        yaxis2={"domain": [0, 0.42], "title_text": _("multiply-adds"), "tickformat": "~s",
                "gridcolor": p.grid, "zerolinecolor": p.grid, "automargin": True,
                "tickfont": {"color": p.muted, "size": 13},
                "title_font": {"color": p.muted, "size": 13}},
    )  # fmt: skip
    figure.update_xaxes(showgrid=False, anchor="y2", tickangle=-35)
    return Picture(title, figure, _("Bars, layer by layer. {title}.", title=title), table)


def filters(
    pictures: NDArray[Any],
    scores: NDArray[Any],
    stays: NDArray[np.bool_],
    layer: str,
    *,
    kept: bool,
    label: str = "score",
    theme: Theme = "light",
) -> Picture:
    """Units of a layer as pictures of their weights: those that stay, or those that go.

    Raises:
        ValueError: none is on that side.
    """
    side = np.flatnonzero(stays == kept)
    if not len(side):
        raise ValueError("Nothing of this layer goes." if not kept else "Nothing stays.")
    order = side[np.argsort(-scores[side] if kept else scores[side], kind="stable")]
    shown = order[:MOST]
    says = _("{n} of {layer} stay") if kept else _("{n} of {layer} go")
    more = _(", the {n} highest") if kept else _(", the {n} lowest")
    title = says.format(n=count(len(side)), layer=layer)
    title += more.format(n=len(shown)) if len(shown) < len(side) else ""
    figure = _mosaic(
        pictures[shown].astype(float), [f"{scores[u]:.3g}" for u in shown], theme, signed=True
    )
    high, wide = pictures.shape[1:]
    figure.add_scatter(  # heat maps take no clicks, so invisible points above them do
        x=[n % ACROSS * wide * GAP_X + wide / 2 for n in range(len(shown))],
        y=[n // ACROSS * high * GAP_Y + high / 2 for n in range(len(shown))],
        mode="markers", marker={"size": 56, "opacity": 0, "symbol": "square"}, showlegend=False,
        customdata=[(int(unit), float(scores[unit])) for unit in shown],
        hovertemplate=_("unit %{customdata[0]}, score %{customdata[1]:.4g}<extra></extra>"),
    )  # fmt: skip
    _frame(figure, title, len(shown), theme)
    table = pd.DataFrame({"unit": shown, _(label) or "score": scores[shown]})
    return Picture(title, figure, _("Pictures of weights. {title}.", title=title), table)


def feature_maps(
    maps: NDArray[Any],
    ranks: Sequence[int],
    units: Sequence[int],
    layer: str,
    *,
    theme: Theme = "light",
) -> Picture:
    """What filters answer to one example, with the rank of each map: HRank made visible."""
    high, low = int(np.argmax(ranks)), int(np.argmin(ranks))
    title = _(
        "{layer}: filter {high} answers with rank {most}, filter {low} with rank {least}",
        layer=layer, high=units[high], most=ranks[high], low=units[low], least=ranks[low],
    )  # fmt: skip
    if ranks[high] == ranks[low]:
        title = _("{layer}: all these maps have rank {rank}", layer=layer, rank=ranks[high])
    figure = _mosaic(maps.astype(float), [_("rank {r}", r=r) for r in ranks], theme, signed=False)
    _frame(figure, title, len(units), theme)
    table = pd.DataFrame({"filter": units, "rank": ranks})
    return Picture(title, figure, _("Feature maps. {title}.", title=title), table)


def spectrum(
    sigma: NDArray[Any],
    ranks: Sequence[int],
    units: Sequence[int],
    sides: tuple[int, int],
    *,
    theme: Theme = "light",
) -> Picture:
    """Singular values of maps, relative to the largest, with the threshold that makes a rank."""
    p = PALETTES[theme]
    line = max(sides) * EPS
    top = sigma[:, :1].clip(min=1e-30)
    relative = np.where(sigma > 0, sigma / top, np.nan)
    high, low = int(np.argmax(ranks)), int(np.argmin(ranks))
    figure = go.Figure()
    for unit in [u for u in range(len(ranks)) if u not in (high, low)] + [low, high]:
        ends = unit in (high, low)
        colour = (p.accent if unit == high else p.warn) if ends else p.faint
        figure.add_trace(
            go.Scatter(
                x=np.arange(1, sigma.shape[1] + 1), y=relative[unit].clip(min=line / 30),
                mode="lines+markers", line={"color": colour, "width": 3 if ends else 1},
                marker={"size": 7 if ends else 3}, showlegend=ends,
                name=_("filter {units}, rank {ranks}", units=units[unit], ranks=ranks[unit]),
                hovertemplate=_(
                    "filter {units}, rank {ranks}<br>σ%{{x}} is %{{y:.2g}} of σ1<extra></extra>",
                    units=units[unit], ranks=ranks[unit],
                ),
            )
        )  # fmt: skip
    figure.add_hline(y=line, line={"color": p.muted, "dash": "dash", "width": 1})
    figure.add_annotation(
        x=0, xref="paper", y=math.log10(line), yanchor="top", showarrow=False, xanchor="left",
        text=_(" below: counts as zero"), font_color=p.muted,
    )  # fmt: skip
    title = _("The rank counts the singular values above the line")
    layout(figure, title, theme=theme, height=420)
    figure.update_xaxes(title_text=_("singular value, largest first"), dtick=_step(sigma.shape[1]))
    figure.update_yaxes(type="log", title_text=_("relative to the largest"), exponentformat="power")
    table = pd.DataFrame(sigma, columns=[f"σ{i + 1}" for i in range(sigma.shape[1])])
    table.insert(0, "filter", units)
    table.insert(1, "rank", ranks)
    return Picture(title, figure, _("Lines of singular values. {title}.", title=title), table)


def ranks(
    mean: NDArray[Any], effective: NDArray[Any], layer: str, *, theme: Theme = "light"
) -> Picture:
    """The mean rank of every filter of a layer, beside the effective rank."""
    p, order = PALETTES[theme], np.argsort(mean, kind="stable")
    title = _(
        "{layer}: mean ranks from {low:.1f} to {high:.1f}",
        layer=layer, low=mean.min(), high=mean.max(),
    )  # fmt: skip
    figure = go.Figure()
    for name, values, colour, symbol in (
        (_("numerical rank (HRank)"), mean, p.accent, "circle"),
        (_("effective rank"), effective, p.methods[1], "diamond"),
    ):
        figure.add_trace(
            go.Scatter(
                x=np.arange(len(order)), y=values[order], mode="markers", name=name,
                marker={"color": colour, "symbol": symbol, "size": 8}, customdata=order,
                hovertemplate=_(
                    "filter %{{customdata}}<br>{name} %{{y:.2f}}<extra></extra>",
                    name=name,
                ),
            )
        )  # fmt: skip
    layout(figure, title, theme=theme, height=340)
    figure.update_xaxes(title_text=_("filters, by their rank"),
    showticklabels=False, showgrid=False,
                        zeroline=False)  # fmt: skip
    figure.update_yaxes(title_text=_("mean over examples"), rangemode="tozero")
    table = pd.DataFrame({"filter": order, "rank": mean[order], "effective": effective[order]})
    return Picture(title, figure, _("Dots. {title}.", title=title), table)


def given_up(keep: Mapping[str, int], sizes: Mapping[str, int], noun: str, macs: float) -> str:
    """How many units go, and which share of the multiply-adds with them.

    >>> given_up({"a": 5, "b": 5}, {"a": 10, "b": 10}, "filters", 0.75).replace(chr(160), " ")
    'Without 50 % of the filters, 75 % of the multiply-adds go'
    """
    gone = 1 - sum(keep.values()) / sum(sizes.values())
    if not gone:
        return _("All {units} are there: drag a bar", units=_(noun))
    return _(
        "Without {gone} of the {units}, {macs} of the multiply-adds go",
        gone=percent(gone), units=_(noun), macs=percent(macs),
    )  # fmt: skip


def _mosaic(
    pictures: NDArray[Any], words: Sequence[str], theme: Theme, *, signed: bool
) -> go.Figure:
    """Each picture in its own scale, side by side, with words below."""
    p = PALETTES[theme]
    high, wide = pictures.shape[1:]
    step_y, step_x = high * GAP_Y, wide * GAP_X
    figure = go.Figure()
    for n, (picture, word) in enumerate(zip(pictures, words, strict=True)):
        top, left = n // ACROSS * step_y, n % ACROSS * step_x
        largest = float(np.abs(picture).max()) or 1.0
        figure.add_trace(
            go.Heatmap(
                z=picture / largest, x0=left + 0.5, dx=1, y0=top + 0.5, dy=1,
                zmin=-1 if signed else 0, zmax=1, showscale=False, hoverinfo="skip",
                colorscale=scale(p.signed if signed else p.kept[::-1]),
            )
        )  # fmt: skip
        figure.add_annotation(
            x=left + wide / 2, y=top + high * 1.02, yanchor="top", showarrow=False, text=word,
            font={"size": 11, "color": p.muted},
        )  # fmt: skip
        figure.add_shape(
            type="rect", x0=left, x1=left + wide, y0=top, y1=top + high,
            line={"color": p.grid, "width": 1},
        )  # fmt: skip
    figure.update_xaxes(range=[0, ACROSS * step_x])
    figure.update_yaxes(range=[math.ceil(len(words) / ACROSS) * step_y, 0])
    return figure


def _frame(figure: go.Figure, title: str, many: int, theme: Theme) -> None:
    layout(figure, title, theme=theme, height=70 + 92 * math.ceil(many / ACROSS))
    axis = {"visible": False, "fixedrange": True}
    figure.update_xaxes(**axis, constraintoward="left")
    figure.update_yaxes(**axis, scaleanchor="x", constraintoward="top")
    figure.update_layout(margin={"l": 0, "r": 0, "b": 4}, dragmode=False)


def _step(most: int) -> int:
    return max(1, most // 8)
