"""Who pays for pruning: the confusion of classes before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from prunelab.events import Result
from prunelab.figures.look import PALETTES, Picture, Theme, layout, scale
from prunelab.harmless import label
from prunelab.speech import _

TEXT = 16  # so many classes leave room for numbers in the cells


class Confusion(NamedTuple):
    """Counts, rows the true class; ``recall`` is the share of each class that is right."""

    classes: list[str]
    before: NDArray[np.int64]
    after: NDArray[np.int64]

    def recall(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Share of each true class that was told right."""
        recall: NDArray[np.float64] = np.diag(counts) / np.maximum(1, counts.sum(1))
        return recall


def confusion_numbers(result: Result, classes: Sequence[str] = ()) -> Confusion:
    """The two tables of counts.

    Raises:
        ValueError: the run has not measured both models.
    """
    before, after = result.dense.get("confusion"), result.recovered.get("confusion")
    if before is None or after is None:
        raise ValueError("The confusion tables come with the test, at the end of a run.")
    classes = classes or result.settings.get("classes", ())
    names = [str(c) for c in classes] or [str(i) for i in range(len(before))]
    return Confusion(names, np.asarray(before), np.asarray(after))


def confusion(result: Result, classes: Sequence[str] = (), *, theme: Theme = "light") -> Picture:
    """Rows are true classes, columns what the model said; before beside after."""
    found = confusion_numbers(result, classes)
    p = PALETTES[theme]
    names = [label(name) for name in found.classes]
    figure = make_subplots(cols=2, subplot_titles=(_("dense"), _("pruned")), horizontal_spacing=0.1)
    for column, counts in enumerate((found.before, found.after), 1):
        share = counts / np.maximum(1, counts.sum(1, keepdims=True))
        text = {"text": counts, "texttemplate": "%{text}"} if len(counts) <= TEXT else {}
        figure.add_trace(
            go.Heatmap(
                z=share,
                x=names,
                y=names,
                customdata=counts,
                zmin=0,
                zmax=1,
                colorscale=scale(p.kept[::-1]),
                showscale=False,
                xgap=1,
                ygap=1,
                hovertemplate=(
                    _("%{y} taken for %{x}: %{customdata} times (%{z:.1%})<extra></extra>")
                ),
                **text,
            ),
            row=1,
            col=column,
        )
    title = _title(found)
    layout(figure, title, theme=theme, height=440)
    figure.update_xaxes(title_text=_("predicted"), type="category", showgrid=False)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    figure.update_yaxes(title_text=_("true class"), col=1)
    figure.update_layout(margin={"t": 84})
    return Picture(title, figure, _("Two confusion tables. {title}.", title=title), _table(found))


def _title(found: Confusion) -> str:
    before, after = found.recall(found.before), found.recall(found.after)
    worst = int(np.argmin(after - before))
    if after[worst] >= before[worst]:
        return _("No class pays for the pruning")
    return _(
        "Class {label} pays most: {before:.1f} → {after:.1f}\u00a0% right",
        label=label(found.classes[worst]), before=100 * before[worst], after=100 * after[worst],
    )  # fmt: skip


def _table(found: Confusion) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "class": found.classes,
            "examples": found.before.sum(1),
            "right, dense": found.recall(found.before),
            "right, pruned": found.recall(found.after),
        }
    )
