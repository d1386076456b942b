"""All ways on one plot: what each rule or forest finds on fresh splits, and what it believes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from pages.ui import desk, shell, show, tree_words
from prunelab import cards, figures
from prunelab.spec import RunSpec
from prunelab.speech import _, mark
from prunelab.treelab import Compared, Grown

USUAL = (
    *("one tree", "forest, one α", "forest, own rows", "thin-reduced-error", "thin-random"),
    *("fewer-stages", "boosting, smaller stages"),
)
WAYS = {
    mark("one tree"): (
        mark("Minimal cost-complexity pruning of a single tree, to compare with."),
        mark("Left of its best it is over-pruned, right of it it knows noise by heart."),
    ),
    mark("forest, one α"): (
        mark("Every tree of the forest is cut at the same α, as if grown with it."),
        mark("The whole curve comes from one forest (`prunelab.trees.forest_curve`)."),
    ),
    mark("forest, own rows"): (
        mark("Every tree is pruned on the rows it was not grown on, those out of its bag."),
        mark(
            "Reduced-error pruning (`prunelab.trees.prune_on_own_rows`): one answer, so a "
            "mark and no line. Trees that are best alone need not be best together."
        ),
    ),
    mark("boosting, smaller stages"): (
        mark("Every stage loses the same share of its splits, the weakest first."),
        mark(
            "What becomes a leaf gets the Newton step of its rows "
            "(`prunelab.trees.prune_boosting`). Later stages were fitted to what earlier "
            "ones left over, so only the whole is scored."
        ),
    ),
}


def show_rules(tree: Grown, spec: RunSpec, folder: Path) -> None:
    """Accuracy over leaves of every rule, means over splits."""
    found = desk.compared(folder, "rules")
    if found is None:
        st.info(_("The rules are still being tried, or could not be on these data."))
        return
    usual = [
        name
        for name, path in tree.paths.items()
        if path.decides or figures.is_baseline(name) or name == spec.method
    ]
    _lines(found, usual, spec, "rule")
    st.caption(_(
        "Lines are means of {splits} random splits: each grows its own tree, lets rules that want "
        "one see a pruning set, and scores on rows nobody has seen. Marks are where a rule stops "
        "by itself, the whisker is the sd of the splits. Random cuts are what a rule has to beat.",
        splits=_splits(found),
    ))  # fmt: skip
    _beliefs(_("What each rule does"), found.rules, {})


def show_forests(spec: RunSpec, folder: Path) -> None:
    """Accuracy over the leaves of all trees, of a forest and of boosting, means over splits."""
    found = desk.compared(folder, "ensembles")
    if found is None:
        st.info(_("Forests are still being grown, or could not be on these data."))
        return
    _lines(found, USUAL, spec, "way")
    st.caption(_(
        "A forest of 50 trees and 40 stages of boosting, on {splits} random splits of at most "
        "5,000 rows. Size counts the leaves of all trees. The right end of a line is nothing "
        "pruned, the left end few or small trees. A forest already averages the noise away: "
        "pruning makes it smaller, seldom better. Trees taken out at random are what an order of "
        "the trees has to beat.",
        splits=_splits(found),
    ))  # fmt: skip
    _beliefs(_("What each way does"), found.rules, WAYS)


def _lines(found: Compared, usual: Sequence[str], spec: RunSpec, noun: str) -> None:
    shown = st.pills(
        _("Rules") if noun == "rule" else _("Ways"), list(found.rules), format_func=_,
        selection_mode="multi", default=list(usual), key=f"{noun}s", bind="query-params",
    )  # fmt: skip
    called = ("", "") if noun == "rule" else (", 'ensembles'", f", noun={noun!r}")
    last = f"figures.rules(treelab.compared(folder{called[0]}){called[1]}).figure"
    show.picture(
        lambda: figures.rules(found, theme=shell.theme(), shown=shown or usual, noun=noun),
        f"{noun}s",
        python=tree_words.python(spec, last),
    )


def _splits(found: Compared) -> int:
    return int(found.scores.shape[1])


def _beliefs(title: str, names: Sequence[str], more: Mapping[str, tuple[str, str]]) -> None:
    known = desk.known()["methods"]
    st.header(title, anchor=False)
    for name in names:
        if name in more:
            summary, doc = map(_, more[name])
        elif name in known:
            source = f" ({known[name]['paper']})" if known[name]["paper"] else ""
            summary = _(known[name]["summary"])
            _title, *parts = cards.text(known[name])
            doc = show.plain(" ".join(_(part) for part in parts if part) + source)
        else:
            continue
        with st.expander(f"**{_(name)}**: {summary}"):
            st.markdown(doc)
