"""A tree is judged on the rows it was grown on."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import make_classification
from sklearn.tree import DecisionTreeClassifier

from prunelab.museum.exhibit import Exhibit, Shown

Rows = tuple[np.ndarray, np.ndarray]


def broken(train: Rows, fresh: Rows, leaves: int) -> float:
    """Accuracy of a tree with so many leaves."""
    tree = DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=0)
    tree.fit(*train)
    return float(tree.score(*train))


def mended(train: Rows, fresh: Rows, leaves: int) -> float:
    """Accuracy of a tree with so many leaves."""
    tree = DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=0)
    tree.fit(*train)
    return float(tree.score(*fresh))


def show() -> Shown:
    """Trees of several sizes on a table where 15 of 100 labels are wrong."""
    x, y = make_classification(4000, 20, n_informative=6, flip_y=0.15, random_state=0)
    train, fresh = (x[:2000], y[:2000]), (x[2000:], y[2000:])
    sizes = [5, 10, 20, 40, 80, 160, 320]
    printed, true = [[f(train, fresh, n) for n in sizes] for f in (broken, mended)]
    return Shown([float(n) for n in sizes], printed, true, at=6)


EXHIBIT = Exhibit(
    title="The tree that pruning can only hurt",
    scene=(
        "A page lets people move a slider for the size of a decision tree and shows the accuracy. "
        "Whoever tries it learns that the largest tree is always the best."
    ),
    says="With {x} leaves {printed} of the answers are right: more leaves are better.",
    is_true="On rows the tree has not seen, {true} are right; smaller trees do better.",
    options=(
        "The accuracy is that of the rows the tree was grown on",
        "Trees were grown best-first instead of depth-first",
        "Accuracy is the wrong measure for trees",
        "The random state was the same for all trees",
    ),
    answer=0,
    why=(
        "A full tree knows its own rows by heart, their wrong labels too. On those rows every cut "
        "costs; what a cut gains shows only on others."
    ),
    instead=(
        "Here the slider shows validation rows beside training rows, and test rows are looked at "
        "once, at the end of a run."
    ),
    axes=("leaves", "right answers"),
    unit="%",
    broken=broken,
    mended=mended,
    show=show,
    link="trees",
)
