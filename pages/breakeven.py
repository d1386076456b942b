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
        words={"growing": "Timing this layer", "failed": "This layer could not be timed",
               "button": "Time it here"},
        otherwise=lambda: _body(examples.breakeven(), guess, shipped=True),
    )  # fmt: skip
    if found:
        _body(found, guess)


def _form() -> tuple[dict[str, Any] | None, float | None, str]:
    inputs = st.selectbox("Inputs", WIDTHS, WIDTHS.index(784), key="inputs", bind="query-params")
    outputs = st.selectbox("Outputs", WIDTHS, WIDTHS.index(304), key="outputs", bind="query-params")
    batch = st.selectbox(
        "Examples at once", BATCHES, BATCHES.index(64), key="batch", bind="query-params"
    )
    guess = st.selectbox(
        "Sparse rows win from, in %", GUESSES, None, key="guess",
        bind="query-params", placeholder="Guess first",
        format_func=lambda g: "never" if g >= figures.NEVER else f"{100 * g:g}",
        help="Sparse rows (CSR) store only what is not zero. Multiplying by less is less work, "
        "but finding it costs time.",
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

    first = "Guess first; then it is timed." if guess is None else ""
    elsewhere.order_button(
        "Time it here", start, state, key="time", icon=":material/timer:",
        words={"ready": "Timed on this machine", "growing": "Timing"}, refused=refused or first,
    )  # fmt: skip
    again = "Time it again"
    if ordered and state.name == "ready" and st.button(again, width="stretch", key="again"):
        aside.stop(crossing.place(ordered, desk.whole().home))
        elsewhere.begin(start)
        st.rerun()


def _body(found: BreakEven, guess: float | None, *, shipped: bool = False) -> None:
    st.title("When is sparse faster?")
    if guess is None:
        st.markdown(
            "Zeros save nothing by themselves: a dense layer multiplies them like any number. "
            "Formats that skip zeros must look for what is left. **From which share of zeros on "
            "is that worth it?** Guess on the left; the answer appears here."
        )
    else:
        st.markdown(f"**{figures.judged(found, guess)}**")
    if shipped:
        inputs, outputs, batch = found.layer
        st.info(
            f"These times came with PruneLab: {inputs} × {outputs}, {batch} examples, on "
            f"{found.machine['processor']}. Yours may differ: press Time it here."
        )
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
        _, faster = found.crossing(form)
        words = "never, as far as was tried" if faster is None else f"{figures.percent(faster)} on"
        rows.append({"form": form, "faster than dense from": words, "what it is": FORMS[form]})
    for form, why in found.missing.items():
        rows.append({"form": form, "faster than dense from": "not timed", "what it is": why})
    table = pd.DataFrame(rows)
    st.table(table.set_index("form"))
    show.downloads(table, "forms")


def _machine(found: BreakEven) -> None:
    about = found.machine
    where = about.get("gpu", "") and f", {about['gpu']}"
    st.caption(
        f"{about['processor']}{where}, {about['threads']} thread, torch {about['torch']}. All "
        "forms take turns in shuffled order after a warm-up; the median and its 95 % interval "
        "are shown; “faster” means that the intervals do not touch."
    )


shell.show(main, chooses=False)
