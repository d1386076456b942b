"""Home: what pruning is, one picture that moves, three ways to start."""

from __future__ import annotations

import streamlit as st

from pages.ui import desk, moving, shell, show
from prunelab import examples, figures
from prunelab.figures import accuracy, percent
from prunelab.spec import RunSpec
from prunelab.speech import _, mark

WAYS = (
    (
        "lab",
        mark("Prune one model"),
        mark("Choose data, a model and a method, and watch its weights go while it learns."),
        mark("Open the Lab"),
    ),
    (
        "sweep",
        mark("Compare methods"),
        mark(
            "Accuracy against sparsity for several methods, with random beside them and error "
            "bands."
        ),
        mark("Start a sweep"),
    ),
    (
        "methods",
        mark("Read up"),
        mark("What each method scores, which paper it is from, what can be set."),
        mark("Open the library"),
    ),
)


def main() -> None:
    example = examples.example()
    _hero(example)
    _ways()
    _finished(example)


def _hero(example: examples.Example) -> None:
    left, right = st.columns([5, 6], gap="large", vertical_alignment="center")
    with left, st.container(key="hero"):
        st.title(_("Most of a neural network is not needed"))
        st.markdown(_(
            "Pruning removes the weights, filters or branches a model can do without. PruneLab "
            "lets you see which ones go, measure what that costs, and argue about it."
        ))  # fmt: skip
        with st.container(horizontal=True):
            if st.button(_("Prune a model"), type="primary", icon=":material/content_cut:"):
                st.switch_page(shell.page("lab"))
            if st.button(_("Look at a finished run"), icon=":material/visibility:"):
                st.switch_page(shell.page("lab"), query_params={"run": examples.KEY})
    with right:
        found = desk.weights(examples.KEY, example.layer, "finished")
        if found is not None:
            moving.picture(found[0], example)


def _ways() -> None:
    st.header(_("Three ways to start"), anchor=False)
    for place, (page, title, text, label) in zip(st.columns(3), WAYS, strict=True):
        with place, st.container(border=True, height="stretch", key=f"card-{page}"):
            st.markdown(f"**{_(title)}**")
            st.markdown(_(text))
            st.page_link(shell.page(page), label=_(label), icon=":material/arrow_forward:")


def _finished(example: examples.Example) -> None:
    result = example.result
    spec = RunSpec.from_json(result.spec)
    st.header(_("A finished sweep to look into"), anchor=False)
    st.markdown(_(
        "{model} on {data}: with {gone} gone, {method} still tells {accuracy} right.",
        model=spec.model, data=spec.data, gone=percent(result.sparsity["achieved"]),
        method=spec.method, accuracy=accuracy(result.recovered["accuracy"]),
    ))  # fmt: skip
    show.picture(
        lambda: figures.tradeoff(example.sweep, theme=shell.theme(), log=True),
        "example",
        python=_code(example),
    )


def _code(example: examples.Example) -> str:
    specs = [RunSpec.from_json(result.spec) for result in example.sweep]
    real = sorted({s.method for s in specs if not figures.is_baseline(s.method)})
    sparsities = sorted({s.sparsity for s in specs})
    return (
        "import prunelab as pl\n\ncurve = pl.sweep(\n"
        f"    data={specs[0].data!r},\n    model={specs[0].model!r},\n    method={real!r},\n"
        f"    sparsity={sparsities!r},\n    seed=range({len({s.seed for s in specs})}),\n)\n"
        "curve.plot.tradeoff()"
    )


shell.show(main, chooses=False)
