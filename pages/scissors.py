"""Scissors: drag a threshold over the weights of a trained network, see what that breaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.ui import blade, controls, desk, elsewhere, shell, show
from prunelab import aside, examples, figures, scissors
from prunelab.scissors import ALL, METHODS, Scissors
from prunelab.spec import RunSpec, SpecError
from prunelab.speech import _

START = RunSpec()


def main() -> None:
    with st.sidebar:
        ordered, refused = _form(desk.known())
        shipped = ordered == examples.scissors().told["order"]
        folder = scissors.place(ordered, desk.store().home) if ordered and not shipped else None
        state = aside.look(folder) if folder else aside.State("ready" if shipped else "none")
        elsewhere.order_button(
            _("Train and lay out"), lambda: scissors.start(ordered or {}, desk.store().home), state,
            key="lay-out", icon=":material/model_training:", refused=refused,
            words={"ready": _("Ready to be cut"), "growing": _("Laying it out")},
        )  # fmt: skip
    found = examples.scissors() if shipped else elsewhere.found(
        scissors.read, folder, state, key="scissors", otherwise=_empty,
        words={"growing": _("Trying every cut"), "button": _("Train and lay out"),
               "failed": _("This network could not be laid out for cutting")},
    )  # fmt: skip
    if found:
        _body(found, folder.name if folder else "shipped")


def _form(known: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str]:
    data, model, data_knobs, model_knobs = controls.subject(known, START, METHODS[:1])
    epochs = controls.preset(known, data, model)
    base = RunSpec(
        data=data, model=model, epochs=epochs, data_knobs=data_knobs, model_knobs=model_knobs
    )
    if controls.wants_file(known, base):
        return None, _("Upload a file first.")
    try:
        return scissors.order(base), ""
    except SpecError as problem:
        return None, str(problem)


def _empty() -> None:
    st.title(_("How much would you cut?"))
    show.empty(
        _("What you will see"),
        _(
            "The network is trained, or taken from a run that trained it. Then each of 64 "
            "thresholds is tried on all layers together and on every layer alone, and as "
            "many weights at random. After that the line follows your hand at once. Choose "
            "on the left, press the button."
        ),
    )


def _body(found: Scissors, of: str) -> None:
    place, stop = blade.at(found)
    st.title(figures.cut_title(found, place))
    st.markdown(_(
        "Drag a line, or use the slider and the arrow keys: every weight between the two lines is "
        "set to zero. Nothing is trained again, until you press the button below."
    ))  # fmt: skip
    blade.picture(found, of, place, stop)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            _("Cut here and fine-tune"), type="primary", icon=":material/content_cut:", key="cut",
            disabled=not found.told["cuts"][place][stop]["gone"],
        ):  # fmt: skip
            _cut(found, place, stop)
        st.caption(_(
            "Starts a run with exactly this cut in the Lab: the weights that stay learn on."
        ))  # fmt: skip
    show.twins(
        figures.cut(found, place, theme=shell.theme()).table, "cut", python=_python(found, place)
    )
    places = len(found.told["cuts"][ALL])
    st.caption(_(
        "Every accuracy is measured, at one of {places} places of the line and on {examples} "
        "validation examples; none is guessed between them. Colours are signed weights; of large "
        "layers every n-th row and column is drawn.",
        places=places, examples=found.told["examples"],
    ))  # fmt: skip


def _cut(found: Scissors, place: str, stop: int) -> None:
    """Queue the run of this cut, and go where it can be watched."""
    if keys := desk.start([found.spec(place, stop)]):
        st.switch_page(shell.page("lab"), query_params={"run": keys[0]})
    st.rerun()


def _python(found: Scissors, place: str) -> str:
    base = RunSpec.from_json(found.told["order"]["spec"])
    fields = {"data": base.data, "model": base.model} | base.to_json()
    rest = "".join(f"    {name}={value!r},\n" for name, value in fields.items())
    return (
        "from prunelab.scissors import scissors\n\n"
        f"cuts = scissors(\n{rest})\ncuts.plot({place!r})\ncuts.table"
    )


shell.show(main)
