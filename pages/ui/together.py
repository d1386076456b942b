"""One slider, two models: a tree and a network on the same plane, both cut to the same share."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.ui import desk, elsewhere, shell, show
from prunelab import aside, figures, pair, treelab
from prunelab.figures import percent
from prunelab.pair import LEFT, Pair
from prunelab.spec import RunSpec, SpecError
from prunelab.speech import _
from prunelab.treelab import Grown


def show_pair(tree: Grown, spec: RunSpec) -> None:
    """The boundaries side by side, once the network has been pruned at every stop."""
    assert tree.plane is not None
    try:
        ordered = pair.order(spec, tree.plane.axes)
    except SpecError as refused:
        st.info(show.said(refused))
        return
    folder = pair.place(ordered, desk.store().home)
    found, damage = elsewhere.read(_read, folder, ready=True)
    if found is not None:
        _sides(tree, found, spec)
        return
    state = aside.look(folder)
    if damage or state.reason:
        st.error(show.said(damage or state.reason))
    if state.name == "growing":
        elsewhere.wait(folder, "pair")
        return
    show.empty(
        _("One slider for both"),
        _(
            "The network is pruned to {n} sizes and trained on each time. Then one slider "
            "cuts the tree and the network to the same share, and you see both boundaries "
            "change.",
            n=len(LEFT),
        ),
    )
    if st.button(_("Prune the network too"), key="pair", icon=":material/compare:"):
        elsewhere.begin(lambda: pair.start(ordered, desk.store().home))
        st.rerun()


def _sides(tree: Grown, net: Pair, spec: RunSpec) -> None:
    rule = next(iter(tree.paths))
    steps = treelab.steps(tree, rule)
    lines = figures.lines(tree, steps, net)
    left = st.select_slider(
        _("How much is left"), LEFT, 0.12, format_func=percent, key="left", bind="query-params",
        help=_("Of the leaves of the tree, and of the weights of the network."),
    )  # fmt: skip
    stop = LEFT.index(left) if left in LEFT else 0
    at = treelab.at_leaves(steps, figures.leaves_left(tree, LEFT[stop]))
    seen = treelab.seen(tree, treelab.kept(tree, rule, at))
    with st.container(key="pair-both"):
        places = st.columns(2, gap="large")
    with places[0]:
        st.markdown(_("**The tree**, cut by {rule}", rule=rule))
        show.picture(
            lambda: figures.boundary(tree, seen, theme=shell.theme()), "tree-side",
            python=_python(spec, f"seen = treelab.seen(tree, treelab.kept(tree, {rule!r}, {at}))\n"
                           "figures.boundary(tree, seen).figure"),
        )  # fmt: skip
    with places[1]:
        st.markdown(_(
            "**The network**, {model} cut by {method} and trained on",
            model=spec.model, method=spec.method,
        ))  # fmt: skip
        show.picture(
            lambda: figures.answered(
                tree, net.answers[stop], lines[1], stop, theme=shell.theme()
            ), "net-side",
            python=_python(spec, f"figures.answered(tree, net.answers[{stop}], lines[1], {stop})"
                           ".figure"),
        )  # fmt: skip
    show.picture(
        lambda: figures.both(lines, stop, theme=shell.theme()), "both",
        python=_python(spec, f"figures.both(lines, {stop}).figure"),
    )  # fmt: skip
    st.caption(_(
        "A tree answers in rectangles, a network in smooth regions. Both may lose much before new "
        "rows notice; then both miss structure that is there. The large mark is the smallest model "
        "within one standard error of its best. One seed: small differences may be luck."
    ))  # fmt: skip


def _read(folder: Path) -> Pair | None:
    return elsewhere.once(pair.read, folder / pair.FILE)


def _python(spec: RunSpec, last: str) -> str:
    fields = {"data": spec.data, "model": spec.model, "method": spec.method} | spec.to_json()
    rest = ", ".join(f"{name}={value!r}" for name, value in fields.items())
    told = {"data": spec.data, "data_knobs": dict(spec.data_knobs), "seed": spec.seed}
    return (
        "from prunelab import figures, pair, treelab\nfrom prunelab.pairing import compute\n"
        f"from prunelab.spec import RunSpec\n\nspec = RunSpec({rest})\n"
        f"grows = RunSpec(model='decision-tree', method='cost-complexity', **{told!r})\n"
        "tree = treelab.grown(treelab.start(grows))  # again in a second, if it is None\n"
        "net = compute(pair.order(spec, tree.plane.axes), print)\n"
        f"lines = figures.lines(tree, treelab.steps(tree, 'cost-complexity'), net)\n{last}"
    )
