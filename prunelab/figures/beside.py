"""Trees beside nets: accuracy against what has to be stored, both on one plot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from prunelab.events import Result
from prunelab.figures.look import (
    PALETTES,
    Picture,
    Stroke,
    Theme,
    accuracy,
    count,
    layout,
    size,
    strokes,
)
from prunelab.spec import RunSpec
from prunelab.speech import _, mark

Measure = Literal["numbers", "bytes"]
AXES = {
    "numbers": mark("numbers to store: nodes, or weights that are not zero"),
    "bytes": mark("bytes, zipped"),
}


class Stored(NamedTuple):
    """One model: what it takes and how often it is right."""

    key: str
    family: str
    sparsity: float
    seed: int
    size: float
    accuracy: float


def stored(results: Iterable[Result], measure: Measure = "numbers") -> list[Stored]:
    """The pruned model of each run, and once for each seed the dense one it came from."""
    found: dict[tuple[str, float, int], Stored] = {}
    for result in results:
        spec = RunSpec.from_json(result.spec)
        for sparsity, values in ((0.0, result.dense), (spec.sparsity, result.recovered)):
            if "accuracy" not in values:
                continue
            one = Stored(
                result.key, f"{spec.model}, {spec.method}", sparsity, spec.seed,
                _size(values, measure), float(values["accuracy"]),
            )  # fmt: skip
            found.setdefault((one.family, sparsity, spec.seed), one)
    return sorted(found.values(), key=lambda one: (one.family, one.size))


def _size(values: Any, measure: Measure) -> float:
    return float(values["nonzero"] if measure == "numbers" else values["bytes"]["zip"])


def beside(
    results: Iterable[Result], measure: Measure = "numbers", *, theme: Theme = "light"
) -> Picture:
    """Accuracy over size, logarithmic; a dot a run, a line through the means.

    Raises:
        ValueError: no run has been measured yet.
    """
    found = stored(results, measure)
    if not found:
        raise ValueError("No run on these data has been measured yet.")
    families = sorted({one.family for one in found})
    styles, figure = strokes(families, theme), go.Figure()
    for family in families:
        mine = [one for one in found if one.family == family]
        figure.add_trace(_means(family, mine, styles[family]))
        figure.add_trace(_dots(family, mine, styles[family], measure))
    title = _title(found, measure)
    layout(figure, title, theme=theme, height=480)
    figure.update_xaxes(type="log", title_text=_(AXES[measure]), exponentformat="SI", dtick=1)
    figure.update_yaxes(title_text=_("test accuracy"), tickformat=".0%")
    figure.update_layout(margin_t=90, hovermode="closest")
    figure.update_xaxes(showgrid=True, gridcolor=PALETTES[theme].grid)
    table = pd.DataFrame(found).drop(columns="key")
    return Picture(title, figure, _("Scatter plot. {title}.", title=title), table)


def _means(family: str, mine: Sequence[Stored], style: Stroke) -> go.Scatter:
    groups = [[o for o in mine if o.sparsity == s] for s in sorted({o.sparsity for o in mine})]
    return go.Scatter(
        x=[float(np.mean([o.size for o in g])) for g in groups],
        y=[float(np.mean([o.accuracy for o in g])) for g in groups],
        mode="lines", line={"color": style.colour, "dash": style.dash, "width": 2.2},
        name=family, legendgroup=family, hoverinfo="skip",
    )  # fmt: skip


def _dots(family: str, mine: Sequence[Stored], style: Stroke, measure: Measure) -> go.Scatter:
    said = count if measure == "numbers" else size
    return go.Scatter(
        x=[o.size for o in mine], y=[o.accuracy for o in mine], mode="markers",
        marker={"color": style.colour, "symbol": style.marker, "size": 8},
        customdata=[
            (_(
                "dense",
            ) if o.sparsity == 0 else _("{value:g} % removed", value=100 * o.sparsity), o.seed,
             said(o.size), accuracy(o.accuracy)) for o in mine
        ],
        hovertemplate=_(
            "<b>{family}</b>, %{{customdata[0]}}, seed %{{customdata[1]}}<br>"
            "%{{customdata[2]}} → %{{customdata[3]}}<extra></extra>",
            family=family,
        ),
        showlegend=False, legendgroup=family,
    )  # fmt: skip


def _title(found: Sequence[Stored], measure: Measure) -> str:
    """The smallest model within one point of the best."""
    top = max(one.accuracy for one in found)
    near = min((o for o in found if o.accuracy >= top - 0.01), key=lambda one: one.size)
    amount = _("{size} numbers", size=count(near.size)) if measure == "numbers" else size(near.size)
    return _(
        "{amount} are enough for {accuracy}: {family}",
        amount=amount, accuracy=accuracy(near.accuracy), family=near.family.split(",")[0],
    )  # fmt: skip
