"""How much accuracy each layer costs when it alone is pruned: a heatmap."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from prunelab.figures.look import PALETTES, Picture, Theme, accuracy, layout, percent, scale
from prunelab.speech import _

TEXT = 16  # rows up to which there is room for numbers in the cells


def sensitive(
    dense: float, accuracies: Mapping[str, Mapping[float, float]], *, theme: Theme = "light"
) -> Picture:
    """Accuracy by layer and sparsity; pale where it is gone.

    Raises:
        ValueError: no layer.
    """
    if not accuracies:
        raise ValueError("No layer was scanned.")
    layers, p = list(accuracies), PALETTES[theme]
    sparsities = sorted(next(iter(accuracies.values())))
    rows = [{"layer": n, **{percent(s): a for s, a in accuracies[n].items()}} for n in layers]
    middle = min(sparsities, key=lambda s: abs(s - 0.5))
    lost = {n: dense - accuracies[n][middle] for n in layers}
    worst, best = max(lost, key=lost.__getitem__), min(lost, key=lost.__getitem__)
    title = _(
        "At {middle}, {worst} costs most accuracy and {best} least",
        middle=percent(middle), worst=worst, best=best,
    )  # fmt: skip
    figure = go.Figure(
        go.Heatmap(
            z=[[accuracies[n][s] for s in sparsities] for n in layers],
            x=[percent(s) for s in sparsities],
            y=layers,
            zmin=0,
            zmax=max(dense, 1e-9),
            colorscale=scale(p.kept[::-1]),
            xgap=2,
            ygap=2,
            colorbar={
                "tickformat": ".0%",
                "thickness": 12,
                "title": {"text": _("accuracy"), "font_size": 13},
                "tickfont": {"color": p.muted},
            },
            texttemplate="%{z:.0%}" if len(layers) <= TEXT else "",
            hovertemplate=_("%{y}<br>%{x} gone<br>accuracy %{z:.1%}<extra></extra>"),
        )
    )
    layout(figure, title, theme=theme, height=110 + 30 * len(layers))
    figure.update_xaxes(
        title_text=_("share of the layer that goes, alone"), showgrid=False, type="category"
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    alt = _(
        "Accuracy with one layer pruned at a time, dense {dense}. ", dense=accuracy(dense)
    ) + "; ".join(
        f"{n}, {percent(sparsities[-1])}: {accuracy(accuracies[n][sparsities[-1]])}" for n in layers
    )
    return Picture(title, figure, alt + ".", pd.DataFrame(rows))
