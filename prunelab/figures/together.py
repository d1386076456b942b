"""Both prunings at once: accuracy over the share of examples kept and of weights removed."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd
import plotly.graph_objects as go

from prunelab.events import Result
from prunelab.figures.look import PALETTES, Picture, Theme, accuracy, layout, percent, scale
from prunelab.spec import RunSpec
from prunelab.speech import _

POINT = 0.01  # of accuracy: what one may lose


class Cell(NamedTuple):
    """One place of the plane: the runs there, how many are done, and what they say."""

    kept: float
    sparsity: float
    runs: int
    found: tuple[float, ...]  # accuracies, one a seed

    @property
    def mean(self) -> float:
        """Mean accuracy; NaN where no run is done."""
        return statistics.fmean(self.found) if self.found else float("nan")

    @property
    def left(self) -> float:
        """Examples times weights, as a share of all: what there is still to learn from and with."""
        return round(self.kept * (1 - self.sparsity), 9)


def cells(specs: Sequence[RunSpec], results: Mapping[str, Result]) -> list[Cell]:
    """The plane of these runs, most examples and fewest removed weights first."""
    places: dict[tuple[float, float], list[RunSpec]] = {}
    for spec in specs:
        kept = round(1 - spec.examples_sparsity, 6)
        places.setdefault((kept, spec.sparsity), []).append(spec)
    return [
        Cell(
            kept,
            sparsity,
            len(here),
            tuple(
                results[s.key].recovered["accuracy"]
                for s in here
                if s.key in results and "accuracy" in results[s.key].recovered
            ),
        )
        for (kept, sparsity), here in sorted(places.items(), key=lambda p: (-p[0][0], p[0][1]))
    ]


def together(
    specs: Sequence[RunSpec], results: Mapping[str, Result], *, theme: Theme = "light"
) -> Picture:
    """Mean accuracy of each cell; those whose runs are missing show a plus.

    Raises:
        ValueError: no runs are asked for.
    """
    plane = cells(specs, results)
    if not plane:
        raise ValueError("Choose at least one share of examples and one sparsity.")
    title = _title(plane)
    rows = sorted({c.kept for c in plane}, reverse=True)
    columns = sorted({c.sparsity for c in plane})
    figure = go.Figure(
        [_colours(plane, rows, columns, theme), _overlay(plane, rows, columns, theme)]
    )
    layout(figure, title, theme=theme, height=130 + 62 * len(rows))
    ticks = {"showgrid": False, "zeroline": False, "fixedrange": True}
    figure.update_xaxes(
        title_text=_("weights removed"), tickvals=[*range(len(columns))],
        ticktext=[percent(c) for c in columns], range=[-0.5, len(columns) - 0.5], **ticks,
    )  # fmt: skip
    figure.update_yaxes(
        title_text=_("examples kept"), tickvals=[*range(len(rows))],
        ticktext=[percent(r) for r in rows], range=[len(rows) - 0.5, -0.5], **ticks,
    )  # fmt: skip
    figure.update_layout(dragmode=False, margin={"r": 20})
    if best := _smallest(plane):
        at = {"x": columns.index(best.sparsity), "y": rows.index(best.kept)}
        figure.add_shape(
            type="rect", x0=at["x"] - 0.47, x1=at["x"] + 0.47, y0=at["y"] - 0.44,
            y1=at["y"] + 0.44, line={"color": PALETTES[theme].warn, "width": 3},
        )  # fmt: skip
    return Picture(title, figure, _("Heat map. {title}.", title=title), _table(plane))


def _colours(
    plane: Sequence[Cell], rows: list[float], columns: list[float], theme: Theme
) -> go.Heatmap:
    by = {(c.kept, c.sparsity): c for c in plane}
    grid = [[by.get((row, column)) for column in columns] for row in rows]
    return go.Heatmap(
        z=[[c.mean if c else None for c in line] for line in grid],
        hoverinfo="skip", showscale=False,
        colorscale=scale(PALETTES[theme].kept[::-1]), xgap=3, ygap=3,
    )  # fmt: skip


def _words(cell: Cell) -> str:
    if not cell.found:
        return "+"
    if len(cell.found) < 2:
        return accuracy(cell.mean)
    return f"{accuracy(cell.mean)}<br>± {100 * statistics.stdev(cell.found):.1f}"


def _inks(plane: Sequence[Cell], theme: Theme) -> list[str]:
    """The colour of each cell's words: paper on the better half of the colours, ink elsewhere."""
    p = PALETTES[theme]
    means = [c.mean for c in plane if c.found]
    middle = (min(means) + max(means)) / 2 if means else 0.0
    return [p.paper if c.found and c.mean >= middle else p.ink for c in plane]


def _overlay(
    plane: Sequence[Cell], rows: list[float], columns: list[float], theme: Theme
) -> go.Scatter:
    """Heat maps take no clicks, so points above the cells do; empty cells show a plus."""
    return go.Scatter(
        x=[columns.index(c.sparsity) for c in plane],
        y=[rows.index(c.kept) for c in plane],
        customdata=[
            (c.kept, c.sparsity, percent(c.kept), percent(c.sparsity), len(c.found), c.runs)
            for c in plane
        ],
        text=[_words(c) for c in plane],
        mode="markers+text", showlegend=False, textposition="middle center",
        textfont={"size": [13 if c.found else 22 for c in plane], "color": _inks(plane, theme)},
        marker={"size": 34, "opacity": 0, "symbol": "square"},
        hovertemplate=(
            _("%{customdata[2]} of the examples, %{customdata[3]} of the weights removed<br>"
            "%{customdata[4]} of %{customdata[5]} runs done<extra></extra>")
        ),
    )  # fmt: skip


def _whole(plane: Sequence[Cell]) -> Cell | None:
    """The cell of all examples and all weights."""
    return next((c for c in plane if c.kept == 1 and c.sparsity == 0 and c.found), None)


def _smallest(plane: Sequence[Cell]) -> Cell | None:
    """The cell with least left that loses at most a point against everything."""
    whole = _whole(plane)
    if whole is None:
        return None
    good = [c for c in plane if c.found and c.mean >= whole.mean - POINT]
    return min(good, key=lambda c: (c.left, -c.mean))


def _title(plane: Sequence[Cell]) -> str:
    whole, best = _whole(plane), _smallest(plane)
    if whole is None or best is None:
        done = sum(bool(c.found) for c in plane)
        return _(
            "{done} of {all} cells are there; that of everything is still missing",
            done=done, all=len(plane),
        )  # fmt: skip
    if best == whole:
        return _("Whatever goes costs more than a point of {mean}", mean=accuracy(whole.mean))
    return _(
        "{kept} of the examples and {sparsity} of the weights still tell {mean} "
        "right, all of both {whole}",
        kept=percent(best.kept), sparsity=percent(1 - best.sparsity), mean=accuracy(best.mean),
        whole=accuracy(whole.mean),
    )  # fmt: skip


def _table(plane: Sequence[Cell]) -> pd.DataFrame:
    """One row a cell; ``beyond`` is what is lost beyond the two losses alone, added up."""
    by = {(c.kept, c.sparsity): c for c in plane}
    whole = _whole(plane)
    rows = []
    for c in plane:
        alone = [by.get((c.kept, 0.0)), by.get((1.0, c.sparsity))]
        beyond = None
        if whole and c.found and all(a and a.found for a in alone):
            beyond = c.mean + whole.mean - sum(a.mean for a in alone if a)
        rows.append(
            {
                "examples kept": c.kept, "weights removed": c.sparsity,
                "accuracy": c.mean if c.found else None,
                "sd": statistics.stdev(c.found) if len(c.found) > 1 else None,
                "seeds": len(c.found), "beyond both alone": beyond,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
