"""Rows or events to figures: the numbers first, the drawing second. Plain plotly, no app.

Every drawing function returns a ``Picture``: title, figure, alt text and the table of its numbers.
"""

from prunelab.figures.beside import beside, stored
from prunelab.figures.by_layer import heatmap, layer_table, layers
from prunelab.figures.classes import confusion
from prunelab.figures.comparison import tradeoff
from prunelab.figures.cost import latency, macs, size
from prunelab.figures.curves import curve, live
from prunelab.figures.histograms import histogram
from prunelab.figures.leaves import leaf_curve, live_leaves, rules, scores_by_leaves
from prunelab.figures.look import (
    PALETTES,
    Picture,
    Theme,
    accuracy,
    count,
    is_baseline,
    percent,
    strokes,
)
from prunelab.figures.matrix import weights
from prunelab.figures.plane import boundary, taken_for
from prunelab.figures.trees import tree
from prunelab.figures.worked import worked

__all__ = [
    "PALETTES", "Picture", "Theme", "accuracy", "beside", "boundary", "confusion", "count",
    "curve", "heatmap", "histogram", "is_baseline", "latency", "layer_table", "layers",
    "leaf_curve", "live", "live_leaves", "macs", "percent", "rules", "scores_by_leaves", "size",
    "stored", "strokes", "taken_for", "tradeoff", "tree", "weights", "worked",
]  # fmt: skip
