"""Resurrection microscope: one optimiser step at a time, and what becomes of the zeros."""

from __future__ import annotations

import streamlit as st

from pages.ui import shell, show
from prunelab import figures, microscope
from prunelab.microscope import Guards, Slide
from prunelab.speech import _, mark

STATE = "_slide"
TOGGLES = (
    ("weights", False, mark("Mask the weights"),
     mark("After each step weights are multiplied by the mask.")),
    ("gradients", True, mark("Mask the gradients"),
     mark("Before each step gradients are multiplied by it.")),
    ("momentum", False, mark("Mask the momentum"),
     mark("So is the running sum of earlier gradients.")),
    ("decay", True, mark("Weight decay"),
     mark("Each step pulls every weight a little towards zero.")),
)  # fmt: skip


def main() -> None:
    seen: Slide = st.session_state[STATE] if STATE in st.session_state else microscope.begin()
    place = st.container()
    with st.container(horizontal=True, key="guards"):
        on = {
            name: st.toggle(_(label), start, key=name, bind="query-params", help=_(text))
            for name, start, label, text in TOGGLES
        }
    guards = Guards(**on)
    with st.container(horizontal=True):
        taken = sum(
            number * st.button(label, type=kind, key=f"steps-{number}")
            for number, label, kind in (
                (1, _("One step"), "primary"),
                (10, _("Ten steps"), "secondary"),
            )
        )
        if st.button(_("Cut anew"), icon=":material/restart_alt:"):
            seen = microscope.begin()
    for _step in range(taken):
        seen = microscope.step(seen, guards)
    st.session_state[STATE] = seen
    place.title(microscope.verdict(seen, guards))
    place.markdown(_(
        "A layer was trained for thirty steps and its smallest weights were set to zero. Now the "
        "training goes on. Which guards does it take for zeros to stay zero?"
    ))  # fmt: skip
    _pictures(seen)
    _explained()


def _pictures(seen: Slide) -> None:
    code = (
        "from prunelab import figures, microscope\n\nslide = microscope.begin()\n"
        "guards = microscope.Guards(gradients=True)\n"
        f"for _ in range({seen.steps}):\n    slide = microscope.step(slide, guards)\n"
    )
    show.picture(
        lambda: figures.slide(seen, theme=shell.theme()), "slide",
        python=f"{code}figures.slide(slide).figure",
    )  # fmt: skip
    show.picture(
        lambda: figures.strip(seen, theme=shell.theme()), "strip",
        python=f"{code}figures.strip(slide).figure",
    )  # fmt: skip


def _explained() -> None:
    with st.expander(_("What is going on")):
        st.markdown(_(
            "- **Nothing masked**: the first gradient moves every weight.\n"
            "- **Gradients masked**: the optimiser still remembers earlier gradients of those "
            "weights. The memory shrinks by a tenth each step and moves them all the while.\n"
            "- **Momentum masked**: it is the sum of all gradients, this step's too, so nothing "
            "moves a zero. Weight decay cannot either: it pulls by a share of the weight, and that "
            "is nought.\n"
            "- **Weights masked**: whatever moved them, they are put back.\n\n"
            "PruneLab masks all three in every step and counts the zeros in every epoch."
        ))  # fmt: skip


shell.show(main, chooses=False)
