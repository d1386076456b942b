"""Trees: how much tree does one need, and which rule finds it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from pages.ui import (
    beside,
    controls,
    desk,
    elsewhere,
    knobs,
    one_tree,
    rules,
    shell,
    show,
    tree_words,
)
from pages.ui.cuts import Chosen
from prunelab import aside, treelab
from prunelab.catalogue import validate
from prunelab.spec import RunSpec, SpecError
from prunelab.speech import _, mark
from prunelab.treelab import Grown

MODEL, RULE = "decision-tree", "cost-complexity"
START = RunSpec(data="moons", model=MODEL, method=RULE)
TABS = (mark("One tree"), mark("All rules"), mark("Forests"), mark("Trees beside nets"))


def main() -> None:
    with st.sidebar:
        spec, refused = _form()
        folder = treelab.place(spec, desk.store().home)
        tree, damage = elsewhere.read(desk.grown, folder, ready=not refused)
        state = aside.look(folder)
        elsewhere.order_button(
            _("Grow the tree"), lambda: desk.grow(spec), state, key="grow", icon=":material/park:",
            words={"ready": _("This tree is grown"), "growing": _("Growing")}, refused=refused,
        )  # fmt: skip
    if damage or (tree is None and state.name == "failed"):
        st.title(_("This tree could not be grown"))
        st.error(show.said(damage or state.reason))
        st.markdown(_(
            "**What to do.** Change the data or the settings on the left, or press Grow."
        ))  # fmt: skip
    elif tree is not None:
        with st.container(key="above"):  # always there: what follows must not change its place
            if state.name == "growing":
                elsewhere.wait(folder, "growing", pieces="*.npz")
            for note in state.notes:
                st.caption(show.said(note))
        _body(tree, spec, folder)
    elif state.name == "growing":
        elsewhere.wait(folder, "growing", title=_("The tree is growing"), pieces="*.npz")
    else:
        _empty()


def _form() -> tuple[RunSpec, str]:
    """Data, how the tree grows, a seed; and why that cannot be, if it cannot."""
    known = desk.known()
    data, data_knobs = controls.dataset(known, START, (MODEL,))
    with st.expander(_("How the tree grows")):
        model_knobs = knobs.ask(MODEL, known["models"][MODEL]["knobs"], {})
        seed = st.number_input(
            _("Seed"), 0, 2**31 - 1, 0, key="seed", bind="query-params",
            help=_("Breaks ties between splits that are equally good."),
        )  # fmt: skip
    spec = RunSpec(
        data=data, model=MODEL, method=RULE, seed=seed, data_knobs=data_knobs,
        model_knobs=model_knobs,
    )  # fmt: skip
    if controls.wants_file(known, spec):
        return spec, _("Upload a file first.")
    try:
        validate(spec, known)
    except SpecError as refused:
        return spec, str(refused)
    return spec, ""


def _empty() -> None:
    st.title(_("How much tree does one need?"))
    show.empty(
        _("What you will see"),
        _(
            "The tree is grown until every leaf is pure, which is too much: it knows the "
            "noise by heart. Then you move one slider from its many leaves to a single "
            "one, see what each size answers, and cut or bring back branches by hand. "
            "Choose data on the left, press Grow."
        ),
    )


def _body(tree: Grown, spec: RunSpec, folder: Path) -> None:
    if tree.leaves == 1:
        st.title(_("This tree is a single leaf"))
        st.info(_(
            "No split was worth making, so there is nothing to prune. Lower the examples a leaf "
            "must hold, or allow more depth, on the left."
        ))  # fmt: skip
        return

    def body() -> None:
        chosen = one_tree.now(tree, folder.name)
        st.title(_title(tree, chosen))
        views = (
            lambda: one_tree.show_tree(tree, chosen, spec, folder),
            lambda: rules.show_rules(tree, spec, folder),
            lambda: rules.show_forests(spec, folder),
            lambda: beside.show_beside(tree, spec),
        )
        places = st.tabs(
            [_(name) for name in TABS], key="view", on_change="rerun", bind="query-params"
        )
        for place, view in zip(places, views, strict=True):
            if place.open:
                with place:
                    _shown(view)

    st.fragment(body)()


def _shown(view: Callable[[], None]) -> None:
    try:
        view()
    except SpecError as damaged:
        st.error(show.said(damaged))


def _title(tree: Grown, chosen: Chosen) -> str:
    """The answer of the tab that is open."""
    view = st.session_state.get("view") or st.query_params.get("view", "")
    if view == _(TABS[1]):
        return _("Which rule finds the tree one needs?")
    if view == _(TABS[2]):
        return _("Many trees: how few are enough?")
    if view == _(TABS[3]):
        return _("A tree or a network: what must be stored?")
    return tree_words.headline(tree, chosen.seen)


shell.show(main)
