"""A grown tree in numpy alone: any subtree, its scores, its boundary, what a cut would change.

scikit-learn is needed once, in another process (``orders``); what it leaves is read here.
"""

from prunelab.treelab.asked import BEST, why
from prunelab.treelab.grown import Compared, CrossValidated, Grown, Plane
from prunelab.treelab.orders import State, look, place, start, stop
from prunelab.treelab.reading import compared, cross_validated, grown, test_counts
from prunelab.treelab.steps import Steps, at_leaves, best, kept, one_se, one_se_cv, optimal, steps
from prunelab.treelab.subtree import Gains, Seen, gains, seen, toggle

__all__ = [
    "BEST",
    "Compared",
    "CrossValidated",
    "Gains",
    "Grown",
    "Plane",
    "Seen",
    "State",
    "Steps",
    "at_leaves",
    "best",
    "compared",
    "cross_validated",
    "gains",
    "grown",
    "kept",
    "look",
    "one_se",
    "one_se_cv",
    "optimal",
    "place",
    "seen",
    "start",
    "steps",
    "stop",
    "test_counts",
    "toggle",
    "why",
]
