"""All rules on one plot: what each finds on fresh splits, and what each believes."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.ui import desk, shell, show, tree_words
from prunelab import figures
from prunelab.spec import RunSpec
from prunelab.treelab import Grown


def show_rules(tree: Grown, spec: RunSpec, folder: Path) -> None:
    """Accuracy over leaves of every rule, means over splits."""
    found = desk.compared(folder)
    if found is None:
        st.info("The rules are still being tried, or could not be on these data.")
        return
    usual = [
        name
        for name, path in tree.paths.items()
        if path.decides or figures.is_baseline(name) or name == spec.method
    ]
    shown = st.pills(
        "Rules", list(found.rules), selection_mode="multi", default=usual, key="rules",
        bind="query-params",
    )  # fmt: skip
    splits = found.scores.shape[1]
    last = "figures.rules(treelab.compared(folder)).figure"
    show.picture(
        lambda: figures.rules(found, theme=shell.theme(), shown=shown or usual),
        "rules",
        python=tree_words.python(spec, last),
    )
    st.caption(
        f"Lines are means of {splits} random splits: each grows its own tree, lets rules that want "
        "one see a pruning set, and scores on rows nobody has seen. Marks are where a rule stops "
        "by itself, the whisker is the sd of the splits. Random cuts are what a rule has to beat."
    )
    _beliefs(list(found.rules))


def _beliefs(names: list[str]) -> None:
    known = desk.known()["methods"]
    st.header("What each rule does", anchor=False)
    for name in (name for name in names if name in known):
        source = f" ({known[name]['paper']})" if known[name]["paper"] else ""
        with st.expander(f"**{name}**: {known[name]['summary']}"):
            st.markdown(show.plain(known[name]["doc"] + source))
