"""Rows or events to figures: the numbers first, the drawing second. Plain plotly, no app.

Every drawing function returns a ``Picture``: title, figure, alt text and the table of its numbers.
"""

from prunelab.figures.balance import balance
from prunelab.figures.beside import beside, stored
from prunelab.figures.breakeven import NEVER, breakeven, judged
from prunelab.figures.by_layer import heatmap, layer_table, layers
from prunelab.figures.card import card, speed
from prunelab.figures.chosen import Chosen, chosen, finding, kept_table, places, spread
from prunelab.figures.classes import confusion
from prunelab.figures.compare import agreement, compare, damage, gaps
from prunelab.figures.comparison import tradeoff
from prunelab.figures.cost import latency, macs, size
from prunelab.figures.course import begun, course
from prunelab.figures.curves import curve, live
from prunelab.figures.cut import cut, cut_title
from prunelab.figures.effort import effort
from prunelab.figures.exhibit import exhibit
from prunelab.figures.film import NONE, badge, moments, names
from prunelab.figures.film import turnover as came_and_went
from prunelab.figures.foretold import exact, paths, survivors, verdict
from prunelab.figures.forgotten import Forgotten, forget, forgotten, forgotten_table
from prunelab.figures.gallery import Which, gallery, rows_table
from prunelab.figures.histograms import histogram
from prunelab.figures.learned import learned, work, work_numbers
from prunelab.figures.leaves import leaf_curve, live_leaves, scores_by_leaves
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
from prunelab.figures.matrix import closer, weights
from prunelab.figures.means import points
from prunelab.figures.microscope import slide, strip
from prunelab.figures.movement import UNMOVED, movement, movement_numbers
from prunelab.figures.narrow import narrow
from prunelab.figures.pair import answered, both, leaves_left, lines
from prunelab.figures.perplexity import alike, neurons, perplexity
from prunelab.figures.plane import boundary, taken_for
from prunelab.figures.race import ahead, lane_table, medal_table, race
from prunelab.figures.rethinking import rethinking
from prunelab.figures.ribbon import ribbons
from prunelab.figures.rules import rules
from prunelab.figures.sensitive import sensitive
from prunelab.figures.sketched import sketched
from prunelab.figures.stills import cells, gates, values
from prunelab.figures.structure import (
    feature_maps,
    filters,
    given_up,
    network,
    ranks,
    spectrum,
)
from prunelab.figures.together import together
from prunelab.figures.topology import degrees, pixels, topology, turnover
from prunelab.figures.trees import tree
from prunelab.figures.when import courses, when
from prunelab.figures.worked import worked
from prunelab.figures.xray import agree, step

__all__ = [
    "NEVER", "NONE", "PALETTES", "UNMOVED", "Chosen", "Forgotten", "Picture", "Theme", "Which",
    "accuracy", "agree", "agreement", "ahead", "alike", "answered", "badge", "balance",
    "begun", "beside", "both", "boundary",
    "breakeven", "came_and_went", "card", "cells", "chosen", "closer", "compare", "confusion",
    "count",
    "course", "courses", "curve", "cut", "cut_title", "damage", "degrees", "effort", "exact",
    "exhibit", "feature_maps", "filters", "finding", "forget", "forgotten", "forgotten_table",
    "gallery", "gaps", "gates", "given_up", "heatmap", "histogram", "is_baseline", "judged",
    "kept_table", "lane_table", "latency", "layer_table", "layers", "leaf_curve", "learned",
    "leaves_left", "lines",
    "live", "live_leaves", "macs", "medal_table", "moments", "movement", "movement_numbers",
    "names", "narrow", "network", "neurons", "paths", "percent", "perplexity", "pixels", "places",
    "points",
    "race", "ranks", "rethinking", "ribbons", "rows_table", "rules", "scores_by_leaves",
    "sensitive", "size", "sketched", "slide", "spectrum", "speed", "spread", "step", "stored",
    "strip", "strokes",
    "survivors", "taken_for", "together", "topology", "tradeoff", "tree", "turnover", "values",
    "verdict", "weights", "when", "work", "work_numbers", "worked",
]  # fmt: skip
