"""One tree under the slider: its picture, its boundary, its scores and its mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st

from pages.ui import cuts, desk, follow, grove, plane, shell, show, tally, tree_words, why
from prunelab import figures, treelab
from prunelab.figures import accuracy, count
from prunelab.figures.leaves import Scores, scores_table, scores_title
from prunelab.figures.plane import plane_table, plane_title, taken_table, taken_title
from prunelab.spec import RunSpec
from prunelab.speech import _, mark
from prunelab.treelab import Grown
from prunelab.treelab.subtree import counted

HIGH = 340  # pixels of the curves
FEW = 80  # leaves of a full tree that is shown whole at first
CELLS = 16  # classes whose table is drawn cell by cell


def now(tree: Grown, name: str) -> cuts.Chosen:
    """The subtree that the controls and the clicks so far describe."""
    at = cuts.Place(name, _rule(tree), _leaves(tree, _rule(tree)))
    return cuts.choose(tree, at)


def _rule(tree: Grown) -> str:
    asked = st.session_state.get("rule") or st.query_params.get("rule", "")
    return asked if asked in (*tree.paths, cuts.EVERY) else next(iter(tree.paths))


def _leaves(tree: Grown, rule: str) -> int:
    asked = st.session_state.get(cuts.LEAVES) or st.query_params.get(cuts.LEAVES, "")
    if str(asked).isdigit() and 1 <= int(asked) <= tree.leaves:
        return int(asked)
    return _first(tree, rule)


def _first(tree: Grown, rule: str) -> int:
    found = treelab.steps(tree, rule if rule in tree.paths else next(iter(tree.paths)))
    return int(found.leaves[treelab.best(found)])


def show_tree(tree: Grown, chosen: cuts.Chosen, spec: RunSpec, folder: Path) -> None:
    """Everything about one subtree; no fit happens here, only sums."""
    path = chosen.place.rule if chosen.place.rule in tree.paths else next(iter(tree.paths))
    scores = desk.scores(folder, path)
    _controls(tree, chosen, scores)
    _verdict(chosen, scores)
    tally.numbers(tree, chosen, scores)
    if tree.plane is None:
        _picture(tree, chosen, spec)
    else:
        with st.container(key="pair-pictures"):
            left, right = st.columns([3, 2], gap="large")
        with left:
            _picture(tree, chosen, spec)
        with right:
            show.finding(plane_title(tree, chosen.seen), "plane")
            plane.picture(tree, chosen.seen, chosen.place)
            last = "seen = treelab.seen(tree, treelab.optimal(tree, 5))\n"
            last += "figures.boundary(tree, seen).figure"
            show.twins(
                plane_table(tree, chosen.seen), "plane", python=tree_words.python(spec, last)
            )
    with st.container(key="pair-scores"):
        left, right = st.columns([3, 2], gap="large")
    with left:
        _curves(chosen, scores, spec)
    with right:
        _mistakes(tree, chosen, spec)
    _test(tree, chosen, folder)


def _controls(tree: Grown, chosen: cuts.Chosen, scores: Scores) -> None:
    with st.container(key="few-controls"):
        rule, slider = st.columns([1, 3], gap="large", vertical_alignment="bottom")
    rule.selectbox(
        _("Rule"), [*tree.paths, cuts.EVERY], key="rule", bind="query-params", on_change=cuts.clear,
        help=_(
            "Who decides what goes first: splits that score above its threshold stay. “Best of "
            "each size” is the subtree of fewest training errors with exactly so many leaves; "
            "those need not lie within each other."
        ),
    )  # fmt: skip
    slider.slider(
        _("Leaves"), 1, tree.leaves, chosen.place.leaves, key=cuts.LEAVES, bind="query-params",
        on_change=cuts.clear,
    )  # fmt: skip
    follow.slider(tree, chosen.place)
    stops = {
        "Full tree": tree.leaves,
        "Best on validation": int(scores.leaves[scores.best]),
        "1-SE": int(scores.leaves[scores.one_se]),
        "One leaf": 1,
    }
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        for word, leaves in stops.items():
            st.button(
                _(word), key=f"go-{word}", on_click=cuts.go, args=(leaves,), help=_(_HELP[word])
            )
        st.button(
            _("Undo"), key="undo", on_click=cuts.undo, args=(chosen.place,), icon=":material/undo:",
            disabled=not chosen.by_hand, help=_("Takes the last cut by hand back."),
        )  # fmt: skip
        st.button(
            _("As the slider says"), key="clear", on_click=cuts.clear, disabled=not chosen.by_hand,
        )  # fmt: skip
    if chosen.by_hand:
        st.caption(cuts.told(tree, chosen))


_HELP = {
    mark("Full tree"): mark("Nothing cut: as it was grown."),
    mark("Best on validation"): mark(
        "The most accurate on validation rows; of equals the smallest."
    ),
    mark("1-SE"): mark(
        "The smallest within one standard error of the best: simpler, and no worse for sure."
    ),
    mark("One leaf"): mark("One answer for everything."),
}


def _verdict(chosen: cuts.Chosen, scores: Scores) -> None:
    word, meaning = tree_words.verdict(chosen.seen, scores)
    st.markdown(f"**{word}.** {show.plain(meaning)}")


def _picture(tree: Grown, chosen: cuts.Chosen, spec: RunSpec) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        gone = tree.leaves - chosen.seen.leaves
        end = _("{n} leaves fewer than it grew", n=count(gone)) if gone else _("nothing is cut")
        nodes, depth = count(chosen.seen.nodes), chosen.seen.depth
        said = _("{nodes} nodes, {depth} deep, {end}", nodes=nodes, depth=depth, end=end)
        show.finding(said, "grove")
        whole = st.toggle(_("Show cut parts"), tree.leaves <= FEW, key="whole", bind="query-params")
        asks = st.toggle(_("Click asks why"), key="asks", bind="query-params", help=_(_ASKS))
    answer, last = (cuts.ask, cuts.asked(chosen.place)) if asks else (cuts.click, _last(chosen))
    grove.picture(
        tree,
        chosen.seen,
        lambda: answer(tree, chosen.place, grove.clicked()),
        place=chosen.place,
        whole=whole,
        last=-1 if last is None else last,
        asks=asks,
    )
    if asks and last is not None:
        _why(tree, chosen, last)
    show.twins(
        grove.table(tree, chosen.seen),
        "grove",
        python=tree_words.python(spec, "tree.left, tree.right, tree.feature, tree.threshold"),
    )


_ASKS = mark(
    "Then a click does not cut: it says what decided over the split, and which rules keep it."
)


def _last(chosen: cuts.Chosen) -> int | None:
    return chosen.by_hand[-1] if chosen.by_hand else None


def _why(tree: Grown, chosen: cuts.Chosen, node: int) -> None:
    """What decided over one split, at the leaves the slider says."""
    place, stays = chosen.place, bool(chosen.seen.there[node] and not chosen.seen.leaf[node])
    found = treelab.why(tree, place.rule, place.leaves, node, stays=stays)
    label = tree.paths[place.rule].label if place.rule in tree.paths else ""
    by_hand = _("You changed this tree by hand; by its rule alone it may be otherwise.")
    why.card(
        found, f"“{grove.question(tree, node)}”", among=_("all {n} splits", n=count(found.of)),
        score=f"{label} = {found.score:.4g}" if found.score is not None else "",
        note=by_hand if chosen.by_hand else "",
    )  # fmt: skip


def _curves(chosen: cuts.Chosen, scores: Scores, spec: RunSpec) -> None:
    show.finding(scores_title(scores), "curves")
    with st.container(key="over-curves"):
        st.echarts_chart(
            figures.live_leaves(scores, theme=shell.theme()), height=HIGH, key="curves",
            theme=None, alt=_("Line chart. {title}.", title=scores_title(scores)),
        )  # fmt: skip
        tally.ring(chosen, scores)
    st.caption(_(
        "Left of the best: over-pruned, both curves fall. Right of it: under-pruned, the training "
        "curve climbs on and new rows gain nothing."
    ))  # fmt: skip
    last = "figures.leaf_curve(figures.scores_by_leaves(tree, 'cost-complexity')).figure"
    show.twins(scores_table(scores), "curves", python=tree_words.python(spec, last))


def _mistakes(tree: Grown, chosen: cuts.Chosen, spec: RunSpec) -> None:
    show.finding(taken_title(tree.classes, chosen.seen.confusion), "mistakes")
    if len(tree.classes) <= CELLS:
        tally.mistakes(tree, chosen)
    else:
        st.caption(_("Too many classes to draw each; the numbers are below."))
    last = "seen = treelab.seen(tree, treelab.optimal(tree, 5))\n"
    last += "figures.taken_for(tree.classes, seen.confusion).figure"
    show.twins(
        taken_table(tree.classes, chosen.seen.confusion), "mistakes",
        python=tree_words.python(spec, last),
    )  # fmt: skip


def _test(tree: Grown, chosen: cuts.Chosen, folder: Path) -> None:
    """Test rows: not looked at by anything above, and only when somebody asks."""
    looks: dict[str, list[tuple[int, float]]] = st.session_state.setdefault("_test", {})
    with st.container(border=True, key="card-test"):
        st.button(
            _("Touch the test data once"), key="test", icon=":material/lock_open:",
            on_click=_touch, args=(tree, chosen, folder),
        )  # fmt: skip
        mine = looks.get(folder.name, [])
        if not mine:
            st.caption(_(
                "Everything above chose by validation rows, so its accuracy there is a little "
                "flattered. When the choice is made, the test rows say how good it really is."
            ))  # fmt: skip
            return
        leaves, right = mine[-1]
        st.markdown(_(
            "**Test accuracy {right}** with {leaves} leaves.",
            right=accuracy(right), leaves=count(leaves),
        ))  # fmt: skip
        if len(mine) > 1:
            st.caption(_(
                "You have looked {n} times. Choosing by what you saw would make the test rows a "
                "second validation set; the first look was {first}.",
                n=len(mine), first=accuracy(mine[0][1]),
            ))  # fmt: skip


def _touch(tree: Grown, chosen: cuts.Chosen, folder: Path) -> None:
    counts = treelab.test_counts(folder)
    if counts is None:
        return
    table = counted(tree, counts, np.flatnonzero(chosen.seen.leaf))
    right = float(np.trace(table) / max(1, table.sum()))
    looks = st.session_state.setdefault("_test", {})
    looks.setdefault(folder.name, []).append((chosen.seen.leaves, right))
