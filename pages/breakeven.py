"""Break-even: from which sparsity on is a layer faster, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from pages.ui import desk, elsewhere, shell, show
from prunelab import aside, crossing, examples, figures
from prunelab.crossing import DENSE, FORMS, HALF, SPARSITIES, BreakEven
from prunelab.spec import SpecError
from prunelab.speech import _

WIDTHS = (64, 128, 256, 304, 512, 784, 1024, 2048, 4096)
BATCHES = (1, 8, 64, 256, 1024)
GUESSES = (*SPARSITIES[1:], figures.NEVER)


def main() -> None:
    with st.sidebar:
        ordered, guess, refused = _form()
        folder = crossing.place(ordered, desk.whole().home) if ordered else None
        state = aside.look(folder) if folder else aside.State("none")
        _button(ordered, state, guess, refused)
    found = elsewhere.found(
        crossing.read, folder, state, key="timing",
        words={"growing": _("Timing this layer"), "failed": _("This layer could not be timed"),
               "button": _("Time it here")},
        otherwise=lambda: _body(examples.breakeven(), guess, shipped=True),
    )  # fmt: skip
    if found:
        _body(found, guess)


def _form() -> tuple[dict[str, Any] | None, float | None, str]:
    inputs = st.selectbox(_("Inputs"), WIDTHS, WIDTHS.index(784), key="inputs", bind="query-params")
    outputs = st.selectbox(
        _("Outputs"), WIDTHS, WIDTHS.index(304), key="outputs", bind="query-params"
    )
    batch = st.selectbox(
        _("Examples at once"), BATCHES, BATCHES.index(64), key="batch", bind="query-params"
    )
    guess = st.selectbox(
        _("Sparse rows win from, in %"), GUESSES, None, key="guess",
        bind="query-params", placeholder=_("Guess first"),
        format_func=lambda g: _("never") if g >= figures.NEVER else f"{100 * g:g}",
        help=_(
            "Sparse rows (CSR) store only what is not zero. Multiplying by less is less work, but "
            "finding it costs time."
        ),
    )  # fmt: skip
    try:
        return crossing.order(int(inputs), int(outputs), int(batch)), guess, ""
    except (SpecError, TypeError) as problem:
        return None, guess, str(problem)


def _button(
    ordered: dict[str, Any] | None, state: aside.State, guess: float | None, refused: str
) -> None:
    def start() -> Path:
        return crossing.start(ordered or {}, desk.whole().home)

    first = _("Guess first; then it is timed.") if guess is None else ""
    elsewhere.order_button(
        _("Time it here"), start, state, key="time", icon=":material/timer:",
        words={"ready": _("Timed on this machine"), "growing": _("Timing")},
        refused=refused or first,
    )  # fmt: skip
    again = _("Time it again")
    if ordered and state.name == "ready" and st.button(again, width="stretch", key="again"):
        aside.stop(crossing.place(ordered, desk.whole().home))
        elsewhere.begin(start)
        st.rerun()


def _body(found: BreakEven, guess: float | None, *, shipped: bool = False) -> None:
    st.title(_("When is sparse faster?"))
    if guess is None:
        st.markdown(_(
            "Zeros save nothing by themselves: a dense layer multiplies them like any number. "
            "Formats that skip zeros must look for what is left. **From which share of zeros on is "
            "that worth it?** Guess on the left; the answer appears here."
        ))  # fmt: skip
    else:
        st.markdown(f"**{figures.judged(found, guess)}**")
    if shipped:
        inputs, outputs, batch = found.layer
        st.info(_(
            "These times came with PruneLab: {inputs} × {outputs}, {batch} examples, on "
            "{processor}. Yours may differ: press Time it here.",
            inputs=inputs, outputs=outputs, batch=batch, processor=found.machine["processor"],
        ))  # fmt: skip
    inputs, outputs, batch = found.layer
    python = f"import prunelab as pl\n\ntimes = pl.breakeven({inputs}, {outputs}, {batch})"
    hidden = guess is None
    show.picture(
        lambda: figures.breakeven(found, guess=guess, hidden=hidden, theme=shell.theme()),
        "breakeven",
        python=f"{python}\ntimes.plot({'' if guess is None else guess})",
    )
    if not hidden:
        _forms(found)
    _machine(found)


def _forms(found: BreakEven) -> None:
    rows = []
    for form in (f for f in found.forms if f not in (DENSE, HALF)):
        faster = found.crossing(form)[1]
        words = _("never, as far as was tried")
        if faster is not None:
            words = _("{sparsity} on", sparsity=figures.percent(faster))
        rows.append(
            {"form": _(form), "faster than dense from": words, "what it is": _(FORMS[form])}
        )
    for form, why in found.missing.items():
        rows.append({"form": _(form), "faster than dense from": _("not timed"), "what it is": why})
    table = pd.DataFrame(rows)
    st.table(show.headed(table).set_index(_("form")))
    show.downloads(table, "forms")


def _machine(found: BreakEven) -> None:
    about = found.machine
    where = about.get("gpu", "") and f", {about['gpu']}"
    st.caption(_(
        "{processor}{where}, {threads} thread, torch {torch}. All forms take turns in shuffled "
        "order after a warm-up; the median and its 95 % interval are shown; “faster” means that "
        "the intervals do not touch.",
        processor=about["processor"], where=where, threads=about["threads"], torch=about["torch"],
    ))  # fmt: skip


shell.show(main, chooses=False)
