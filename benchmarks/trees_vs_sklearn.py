"""Tree pruning of ours against scikit-learn refitting, and how long each rule takes.

The two take turns in one process, with one thread; CPU time, medians of the rounds. Every answer is
compared before the times are. Of the large table only some alphas are refitted (``--sample``), and
scikit-learn's time is that per refit times all alphas; the table says so.

    python benchmarks/trees_vs_sklearn.py [--rounds 3] [--rows 50000] [--sample 12] [--write]

``--write`` puts the table into docs/trees.md.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.tree import DecisionTreeClassifier
from written import put, table

from prunelab.registry import METHODS
from prunelab.trees import PruningPath, PruningPathCV, forest_curve, raise_subtrees
from prunelab.trees.counts import Rows, Sets

TREE = DecisionTreeClassifier(random_state=0)
WHOLE = 5e-324  # the least α that takes collapses that cost nothing


class Line(NamedTuple):
    """One row of the table."""

    what: str
    theirs: str
    ours: str
    ratio: str
    goal: str
    reached: str
    equal: str


def yes(reached: bool) -> str:
    """A word for a table."""
    return "yes" if reached else "no"


def seconds(act: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds an act takes, and its answer."""
    start = time.process_time()
    answer = act()
    return time.process_time() - start, answer


def turns(rounds: int, theirs: Callable[[], Any], ours: Callable[[], Any]) -> tuple[Any, ...]:
    """Median seconds of both, the median ratio of neighbours, and the last answers."""
    pairs = []
    for _ in range(rounds):
        mine, answer = seconds(ours)
        other, reference = seconds(theirs)
        pairs.append((other, mine))
    ratio = statistics.median(other / mine for other, mine in pairs)
    other, mine = (statistics.median(times) for times in zip(*pairs, strict=True))
    return other, mine, ratio, reference, answer


def same(one: Any, two: Any) -> bool:
    """Equal trees, node for node and bit for bit."""
    a, b = one.tree_.__getstate__(), two.tree_.__getstate__()
    fields = a["nodes"].dtype.names
    return len(a["nodes"]) == len(b["nodes"]) and (
        all(np.array_equal(a["nodes"][f], b["nodes"][f]) for f in fields)
        and np.array_equal(a["values"], b["values"])
    )


def curve(name: str, data: Any, goal: float, rounds: int, sample: int = 0) -> Line:
    """The whole cost-complexity curve on validation data."""
    x, held, y, answers = data
    path = PruningPath(clone(TREE).fit(x, y), held, answers)
    alphas = [float(path.alphas[0]), *(max(float(a), WHOLE) for a in path.alphas[1:])]
    picked = np.arange(len(alphas))
    if sample:
        picked = np.linspace(0, len(alphas) - 1, min(sample, len(alphas))).astype(int)

    def theirs() -> Any:
        grown = [clone(TREE).set_params(ccp_alpha=alphas[i]).fit(x, y) for i in picked]
        return grown, [tree.score(held, answers) for tree in grown]

    def ours() -> Any:
        return PruningPath(clone(TREE).fit(x, y), held, answers)

    other, mine, ratio, (grown, scores), found = turns(rounds, theirs, ours)
    equal = all(same(tree, found.tree(int(i))) for tree, i in zip(grown, picked, strict=True))
    equal &= np.array_equal(scores, found.scores[picked])
    factor = len(alphas) / len(picked)
    about = f"{len(alphas)} alphas, {found.leaves[0]} leaves"
    how = f", {len(picked)} refitted, rest extrapolated" if sample else ""
    return Line(
        f"whole curve, {name} ({about}{how})",
        f"{other * factor:.3g} s",
        f"{mine:.3g} s",
        f"{ratio * factor:.0f}×",
        f"≥ {goal:,.0f}×",
        yes(ratio * factor >= goal),
        "every tree and score" if equal else "NO",
    )


def cross_validation(rounds: int) -> Line:
    """Five folds over all alphas."""
    x, y = load_digits(return_X_y=True)
    alphas = PruningPathCV(TREE, x, y).alphas

    def theirs() -> Any:
        return GridSearchCV(TREE, {"ccp_alpha": alphas}, cv=5).fit(x, y)

    other, mine, ratio, search, found = turns(
        rounds, theirs, lambda: PruningPathCV(TREE, x, y, cv=5).best()
    )
    ours = PruningPathCV(TREE, x, y, cv=5)
    folds = [search.cv_results_[f"split{i}_test_score"] for i in range(5)]
    equal = np.array_equal(folds, ours.fold_scores)
    equal &= search.best_params_["ccp_alpha"] == ours.best_alpha
    equal &= same(search.best_estimator_, found)
    return Line(
        f"5-fold CV over {len(alphas)} alphas against GridSearchCV, digits",
        f"{other:.3g} s",
        f"{mine:.3g} s",
        f"{ratio:.0f}×",
        "≥ 50×",
        yes(ratio >= 50),
        "fold scores, best alpha, tree" if equal else "NO",
    )


def large() -> tuple[Any, Any, Any]:
    """A tree of about 10,000 nodes and the rows it was grown on."""
    x, y = make_classification(35_000, 20, n_informative=6, flip_y=0.3, random_state=0)
    return clone(TREE).fit(x, y), x, y


def slider(rounds: int) -> Line:
    """From one subtree to another: the tree, its scores and its confusion matrix."""
    tree, x, y = large()
    path = PruningPath(tree, x[:5000], y[:5000])
    steps = np.linspace(0, len(path) - 1, 40).astype(int)

    def step(i: int) -> Any:
        return path.tree(i), path.scores[i], path.confusion(i), path.kept(i)

    times = [1000 * seconds(lambda i=i: step(int(i)))[0] for _ in range(rounds) for i in steps]
    median, what = statistics.median(times), f"slider step, tree of {tree.tree_.node_count} nodes"
    worst = f"{median:.1f} ms (worst {max(times):.1f})"
    return Line(what, "-", worst, "-", "< 20 ms", yes(median < 20), "-")


def rules(rounds: int) -> list[Line]:
    """Every classical rule on the large tree."""
    tree, x, y = large()
    data = Sets(Rows(x, y), Rows(x[:5000], y[:5000]))
    nodes = tree.tree_.node_count
    lines = []
    for name, entry in METHODS.items():
        if "nodes" in entry.units and "tree" in entry.needs:
            times = [seconds(lambda e=entry: e.function(tree, data))[0] for _ in range(rounds)]
            took = 1000 * statistics.median(times)
            what = f"{name}, {nodes} nodes"
            lines.append(Line(what, "-", f"{took:.1f} ms", "-", "< 100 ms", yes(took < 100), "-"))
    took = seconds(lambda: raise_subtrees(tree, x, y))[0]
    what = f"subtree raising, {nodes} nodes, {len(y)} rows"
    return [*lines, Line(what, "-", f"{took:.2f} s", "-", "< 10 s", yes(took < 10), "-")]


def forest(rounds: int, trees: int) -> Line:
    """Probabilities of a forest at sixteen alphas from one that is there already."""
    x, y = make_classification(3000, 20, n_informative=6, flip_y=0.2, random_state=0)
    grow = RandomForestClassifier(trees, random_state=0)
    fit_time, dense = seconds(lambda: clone(grow).fit(x[:2000], y[:2000]))
    alphas = [0.0, *np.geomspace(1e-4, 2e-2, 15)]

    def theirs() -> Any:
        grown = [clone(grow).set_params(ccp_alpha=a).fit(x[:2000], y[:2000]) for a in alphas]
        return np.array([f.predict_proba(x[2000:]) for f in grown])

    other, mine, ratio, expected, found = turns(
        rounds, theirs, lambda: forest_curve(dense, x[2000:], alphas)
    )
    worst = np.abs(found.answers - expected).max()
    return Line(
        f"probabilities of {trees} trees at 16 alphas (one fit takes {fit_time:.2f} s more)",
        f"{other:.3g} s",
        f"{mine:.3g} s",
        f"{ratio:.0f}× ({other / (mine + fit_time):.1f}× with the fit)",
        "≥ 15×",
        yes(ratio >= 15),
        f"to {worst:.0e}" if worst < 1e-12 else "NO",
    )


def lines(asked: argparse.Namespace) -> list[Line]:
    """Everything there is to measure."""
    digits = train_test_split(*load_digits(return_X_y=True), random_state=0)
    noisy = make_classification(asked.rows, 20, n_informative=6, flip_y=0.2, random_state=0)
    table = train_test_split(*noisy, random_state=0)
    return [
        curve("digits", digits, 80, asked.rounds),
        curve(f"noisy table of {asked.rows} × 20", table, 1000, 1, asked.sample),
        cross_validation(asked.rounds),
        slider(asked.rounds),
        *rules(asked.rounds),
        forest(asked.rounds, asked.trees),
    ]


def settings(given: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--sample", type=int, default=12)
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--write", action="store_true", help="into docs/trees.md")
    return parser.parse_args(given)


def told(measured: Sequence[Line]) -> str:
    """Where it was measured, and the table."""
    columns = ["what", "scikit-learn", "PruneLab", "ratio", "goal", "reached", "equal"]
    about = f"scikit-learn {sklearn.__version__}, {platform.machine()}, CPU time, one thread."
    return f"{about}\n\n{table(columns, list(map(list, measured)))}"


def main() -> None:
    """Measure, then print the table or put it into its page."""
    asked = settings()
    warnings.simplefilter("error")
    text = told(lines(asked))
    print(text)
    if asked.write:
        put("trees.md", "trees", text)


if __name__ == "__main__":
    main()
