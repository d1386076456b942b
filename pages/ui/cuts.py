"""Which subtree is shown: where the slider is, and what was cut or brought back by hand since."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from prunelab import treelab
from prunelab.speech import _, many
from prunelab.treelab import Grown, Seen
from prunelab.treelab.grown import Bools

EVERY = treelab.BEST  # beside the rules' own paths
LEAVES, _HAND, _ASKED = "leaves", "_cuts", "_asked-node"


class Place(NamedTuple):
    """A position of the controls; cuts by hand belong to one."""

    tree: str
    rule: str
    leaves: int

    @property
    def of(self) -> str:
        """What pictures in the browser are of; another means the server's answer is due."""
        return f"{self.tree} {self.rule}"


class Chosen(NamedTuple):
    """The subtree shown, and how it differs from the slider's."""

    place: Place
    splitting: Bools
    seen: Seen
    by_hand: tuple[int, ...]
    threshold: str  # of the rule at this place; empty where no rule has one


def choose(tree: Grown, place: Place) -> Chosen:
    """The slider's subtree with the cuts made by hand at this very position."""
    hand = by_hand(place)
    splitting = base(tree, place)
    for node in hand:
        splitting = treelab.toggle(tree, splitting, node)
    return Chosen(place, splitting, treelab.seen(tree, splitting), hand, threshold(tree, place))


def base(tree: Grown, place: Place) -> Bools:
    """What the rule leaves at so many leaves."""
    if place.rule not in tree.paths:
        return treelab.optimal(tree, min(max(1, place.leaves), tree.leaves))
    found = treelab.steps(tree, place.rule)
    return treelab.kept(tree, place.rule, treelab.at_leaves(found, place.leaves))


def threshold(tree: Grown, place: Place) -> str:
    """The rule's parameter where the slider stands: α for cost-complexity."""
    if place.rule not in tree.paths:
        return ""
    found = treelab.steps(tree, place.rule)
    return written(float(found.alphas[treelab.at_leaves(found, place.leaves)]))


def written(threshold: float) -> str:
    """A threshold in words short enough for a large number."""
    return f"{threshold:.3g}"


def by_hand(place: Place) -> tuple[int, ...]:
    """The nodes clicked since the controls came to this position."""
    at, nodes = st.session_state.get(_HAND, (None, ()))
    return tuple(nodes) if at == place else ()


def click(tree: Grown, place: Place, node: int | None) -> None:
    """Cut or regrow a node; what cannot be (a link, a stale picture) changes nothing."""
    if node is None:
        return
    now = choose(tree, place)
    try:
        treelab.toggle(tree, now.splitting, node)
    except ValueError:
        return
    st.session_state[_HAND] = (place, (*now.by_hand, node))


def ask(tree: Grown, place: Place, node: int | None) -> None:
    """Ask why a node stays or goes; of one that asks nothing there is nothing to say."""
    if node is not None and 0 <= node < len(tree.left) and tree.inner[node]:
        st.session_state[_ASKED] = (place.tree, node)


def asked(place: Place) -> int | None:
    """The node of this tree that was asked about."""
    of, node = st.session_state.get(_ASKED, ("", None))
    return node if of == place.tree else None


def undo(place: Place) -> None:
    """Take the last cut back."""
    st.session_state[_HAND] = (place, by_hand(place)[:-1])


def clear() -> None:
    """Back to what the slider says."""
    st.session_state.pop(_HAND, None)


def go(leaves: int) -> None:
    """Move the slider."""
    clear()
    st.session_state[LEAVES] = leaves


def told(tree: Grown, chosen: Chosen) -> str:
    """What the last click did, in words."""
    if not chosen.by_hand:
        return ""
    before = treelab.seen(tree, _before(tree, chosen))
    more = chosen.seen.leaves - before.leaves
    rows, held = int(tree.train[0].sum()), int(tree.validation[0].sum())
    errors = round((before.train - chosen.seen.train) * rows)
    new = round((before.validation - chosen.seen.validation) * held)
    size = (
        many("{n} leaf more", "{n} leaves more", more)
        if more > 0
        else many("{n} leaf fewer", "{n} leaves fewer", -more)
    )
    return _(
        "By hand: {size}, training errors {training:+d}, validation errors {validation:+d}.",
        size=size, training=errors, validation=new,
    )  # fmt: skip


def _before(tree: Grown, chosen: Chosen) -> Bools:
    splitting = base(tree, chosen.place)
    for node in chosen.by_hand[:-1]:
        splitting = treelab.toggle(tree, splitting, node)
    return splitting
