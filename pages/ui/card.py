"""What a method's card unfolds: how it works, what differs from the paper, a worked example."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from pages.ui import desk, shell, show
from prunelab import cards, figures
from prunelab.speech import _, anew


def method(name: str, entry: Mapping[str, Any]) -> None:
    """The text of a method, part by part."""
    parts = cards.text(entry)
    _said("", parts.how)
    if entry["paper"]:
        st.markdown(_("**Paper.** {paper}", paper=paper(entry["paper"])))
    _said(_("What differs from it"), parts.deviations)
    _said(_("In numbers"), parts.example)


def worked(name: str) -> None:
    """The worked example: every number from the method's own run on a tiny model."""
    st.markdown(_("**Worked example**"))
    with st.spinner(_("Working it through, a few seconds the first time")):
        example = desk.worked().get(name, {"why": _("This method is new; load the page again.")})
    if "why" in example:
        st.info(show.said(example["why"]))
        return
    steps = example["steps"]
    if any(step["kind"] == "matrix" for step in steps):
        show.picture(
            lambda: figures.worked(name, steps, theme=shell.theme()),
            f"worked-{name}",
            python=f"from prunelab import cards, figures\n\nsteps = cards.worked()[{name!r}]"
            f'["steps"]\nfigures.worked({name!r}, steps).figure',
        )
    for number, step in enumerate(steps, 1):
        st.markdown(f"**{number}. {_(step['title'])}.** {show.said(step['text'])}")
        _working(step)
        if step["kind"] == "table":
            table(step)
    st.caption(_("Every number is the method's own, from a run on this tiny model."))


def table(step: Mapping[str, Any]) -> None:
    """The numbers of a step that are no matrix, its words in the reader's language."""
    head, *rows = ([anew(str(cell)) for cell in row] for row in (step["columns"], *step["rows"]))
    st.table(pd.DataFrame(rows, columns=head).set_index(head[0]))


def _working(step: Mapping[str, Any]) -> None:
    """The formula of the highest score with its numbers."""
    if not step.get("working"):
        return
    values = step["values"]
    i, j = max(
        ((i, j) for i, row in enumerate(values) for j in range(len(row))),
        key=lambda at: values[at[0]][at[1]],
    )
    said = show.plain(f"{step['working'][i][j]} = {values[i][j]:.3g}")
    st.markdown(_("The highest, row {i}, column {j}: {said}", i=i + 1, j=j + 1, said=said))


def paper(text: str) -> str:
    """The paper with its arXiv number as a link."""
    return re.sub(r"arXiv:(\d{4}\.\d{4,5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", text)


def _said(title: str, text: str) -> None:
    if text:
        words = _(text).replace("``", "`")
        st.markdown(f"**{title}.** {words}" if title else words)
