"""Layer by layer: a table of what is left, and the sparsity of each layer over the run."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd
import plotly.graph_objects as go

from prunelab.events import Result
from prunelab.figures.look import PALETTES, Picture, Theme, count, layout, percent, scale
from prunelab.speech import _, mark

TEXT = 16  # rows up to which there is room for numbers in the cells
WIDE = 8  # columns up to which there is, also in a narrow window
LEVELS = "splits"  # the unit whose layers are levels of a tree


class Grid(NamedTuple):
    """Sparsity of each layer (row) at each moment (column)."""

    layers: list[str]
    moments: list[str]
    sparsity: list[list[float]]
    along: str
    levels: bool = False  # of a tree: one that is gone makes it shallower, it cuts nothing through

    @property
    def gone(self) -> list[str]:
        """Layers that end without a single unit."""
        return [n for n, row in zip(self.layers, self.sparsity, strict=True) if row[-1] >= 1]

    @property
    def collapsed(self) -> list[str]:
        """Layers of a network that end without a single unit: nothing can pass."""
        return [] if self.levels else self.gone


def layer_table(result: Result) -> pd.DataFrame:
    """One row a layer: shape, units, kept, removed, sparsity."""
    rows = [
        {
            "layer": row["name"],
            "shape": " × ".join(str(n) for n in row.get("shape", ())),
            "units": row["units"],
            "kept": row["kept"],
            "removed": row["units"] - row["kept"],
            "sparsity": 1 - row["kept"] / row["units"] if row["units"] else 0.0,
            "threshold": row.get("threshold"),
        }
        for row in result.layers
    ]
    names = ["layer", "shape", "units", "kept", "removed", "sparsity", "threshold"]
    return pd.DataFrame(rows, columns=names)


def grid(result: Result) -> Grid:
    """From the epochs where they tell their layers, else from the rounds of pruning.

    Raises:
        ValueError: nothing was pruned yet.
    """
    told = [e for e in result.epochs if e.layers]
    if told:
        names = list(told[-1].layers)
        values = [[e.layers.get(n, 0.0) for e in result.epochs] for n in names]
        moments = [str(number) for number in range(1, len(result.epochs) + 1)]
        return Grid(names, moments, values, mark("epoch"))
    if not result.masks:
        raise ValueError("Nothing was pruned yet; the layers appear with the first mask.")
    names = [row["name"] for row in result.masks[-1].layers]
    shares = [
        {r["name"]: 1 - r["kept"] / r["units"] if r["units"] else 0.0 for r in mask.layers}
        for mask in result.masks
    ]
    values = [[0.0, *(share.get(n, 0.0) for share in shares)] for n in names]
    moments = ["dense", *(str(m.round) for m in result.masks)]
    return Grid(names, moments, values, mark("round"), levels=result.unit == LEVELS)


def heatmap(result: Result, *, theme: Theme = "light") -> Picture:
    """Sparsity per layer over rounds or epochs: ink is what remains."""
    found = grid(result)
    title = _title(found)
    figure = go.Figure([_cells(found, theme), _overlay(found)])
    layout(figure, title, theme=theme, height=_height(len(found.layers)))
    labels = [*found.layers]
    figure.update_yaxes(
        range=[len(labels) - 0.5, -0.5],
        tickvals=[*range(len(labels))],
        ticktext=labels,
        showgrid=False,
    )
    ticks = [*range(0, len(found.moments), max(1, -(-len(found.moments) // 8)))]
    figure.update_xaxes(
        title_text=_(found.along),
        tickvals=ticks,
        ticktext=[found.moments[i] for i in ticks],
        tickangle=0,
        range=[-0.5, len(found.moments) - 0.5],
        showgrid=False,
    )
    figure.update_layout(dragmode=False, margin={"r": 110})
    _mark_collapsed(figure, found, theme)
    return Picture(title, figure, _("Heat map. {title}.", title=title), _grid_table(found))


def _height(rows: int) -> int:
    return 150 + (34 * max(4, rows) if rows <= TEXT else 20 * rows)


def _title(found: Grid) -> str:
    if found.collapsed:
        return _("{layers} lost everything: no signal can pass", layers=", ".join(found.collapsed))
    if found.levels and found.layers[0].startswith("depth"):
        left = len(found.layers) - len(found.gone)
        return _("The tree was {n} splits deep, {left} are left", n=len(found.layers), left=left)
    last = [row[-1] for row in found.sparsity]
    most, least = last.index(max(last)), last.index(min(last))
    if max(last) - min(last) < 0.005:
        return _("Every layer gives the same share: {share}", share=percent(max(last)))
    return _(
        "{first} gives most ({most}), {last} least ({least})",
        first=found.layers[most], most=percent(last[most]), last=found.layers[least],
        least=percent(last[least]),
    )  # fmt: skip


def _cells(found: Grid, theme: Theme) -> go.Heatmap:
    p = PALETTES[theme]
    text = {}
    if len(found.moments) <= WIDE and len(found.layers) <= TEXT:
        word = percent if found.levels else _cell
        words = [[word(v) for v in row] for row in found.sparsity]
        text = {"text": words, "texttemplate": "%{text}", "textfont": {"size": 12}}
    return go.Heatmap(
        z=found.sparsity,
        x=[*range(len(found.moments))],
        y=[*range(len(found.layers))],
        zmin=0,
        zmax=1,
        colorscale=scale(p.kept),
        xgap=1 if len(found.moments) <= 2 * TEXT else 0,
        ygap=3,
        hoverinfo="skip",
        colorbar={
            "title": {"text": _("removed"), "side": "top", "font": {"color": p.muted, "size": 13}},
            "tickvals": [0, 0.25, 0.5, 0.75, 1],
            "ticktext": ["0", "25", "50", "75", "100 %"],
            "tickfont": {"color": p.muted},
            "thickness": 12,
            "lenmode": "pixels",
            "len": 150,
            "y": 1,
            "yanchor": "top",
            "outlinewidth": 0,
        },
        **text,
    )


def _cell(share: float) -> str:
    return "✕ 100\u00a0%" if share >= 1 else percent(share)


def _overlay(found: Grid) -> go.Scatter:
    """Heat maps take no clicks, so invisible points above the cells do."""
    cells = [
        (column, row, name, found.moments[column], percent(found.sparsity[row][column]))
        for row, name in enumerate(found.layers)
        for column in range(len(found.moments))
    ][:2000]
    return go.Scatter(
        x=[c[0] for c in cells],
        y=[c[1] for c in cells],
        customdata=[c[2:] for c in cells],
        mode="markers",
        marker={"size": 22, "opacity": 0, "symbol": "square"},
        showlegend=False,
        hovertemplate=f"<b>%{{customdata[0]}}</b>, {_(found.along)} %{{customdata[1]}}<br>"
        + _("%{customdata[2]} removed<extra></extra>"),
    )


def _mark_collapsed(figure: go.Figure, found: Grid, theme: Theme) -> None:
    p = PALETTES[theme]
    for name in found.collapsed:
        row = found.layers.index(name)
        first = next(i for i, v in enumerate(found.sparsity[row]) if v >= 1)
        box: dict[str, Any] = {"x0": first - 0.5, "x1": len(found.moments) - 0.5}
        figure.add_shape(
            type="rect", y0=row - 0.45, y1=row + 0.45, line={"color": p.warn, "width": 3}, **box
        )
        if len(found.moments) > WIDE:
            where = {"x": (first + len(found.moments) - 1) / 2, "y": row, "showarrow": False}
            figure.add_annotation(text="<b>✕ 100\u00a0%</b>", font_color=p.warn, **where)


def _grid_table(found: Grid) -> pd.DataFrame:
    table = pd.DataFrame(found.sparsity, columns=found.moments)
    table.insert(0, "layer", found.layers)
    return table


def layers(result: Result, *, theme: Theme = "light") -> Picture:
    """What is left of each layer, as bars over what it had."""
    table = layer_table(result)
    p = PALETTES[theme]
    hover = _("<b>%{y}</b><br>%{customdata[0]:,} of %{customdata[1]:,} kept<extra></extra>")
    kept = 1 - table["sparsity"]
    common = {"y": table["layer"], "orientation": "h", "hovertemplate": hover}
    common["customdata"] = table[["kept", "units"]].to_numpy()
    figure = go.Figure(
        [
            go.Bar(x=kept, name=_("kept"), marker_color=p.accent, **common),
            go.Bar(x=table["sparsity"], name=_("removed"), marker_color=p.faint, **common),
        ]
    )
    total = int(table["units"].sum())
    left = int(table["kept"].sum())
    title = _(
        "{left} of {total} {units} remain",
        left=count(left), total=count(total), units=_(result.unit or "weights"),
    )  # fmt: skip
    layout(figure, title, theme=theme, height=130 + 40 * max(2, len(table)))
    figure.update_layout(barmode="stack", bargap=0.35)
    figure.update_xaxes(
        title_text=_("share of the layer's {units}", units=_(result.unit or "weights")),
        tickformat=".0%",
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return Picture(title, figure, _("Bars. {title}.", title=title), table)
