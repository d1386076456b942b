"""Language models: what survives in a transformer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import streamlit as st

from pages.ui import controls, desk, knobs, press, restore, shell, show, spoken, words
from prunelab import examples, pretrained
from prunelab.catalogue import fits, recoveries, unit_of
from prunelab.events import Result
from prunelab.figures import count, percent
from prunelab.spec import RunSpec

MODEL = "decoder"
OWN = "One I train here"


def main() -> None:
    known = desk.known()
    with st.sidebar:
        spec = _form(known)
        press.run_button(spec)
    key = press.shown(spec) or (examples.LANGUAGE if spec == pretrained.shown() else "")
    press.outcome(key, spec, _empty, _finished)


def _form(known: Mapping[str, Any]) -> RunSpec:
    start = _start()
    base = _model(known, start)
    method = _method(known, start)
    sparsity = st.slider(
        "Remove in %", 0, 95, round(100 * start.sparsity), 5, key="remove", bind="query-params",
        help="The share of the neurons (or weights) that go.",
    )  # fmt: skip
    entry = known["methods"][method]
    asked = knobs.ask(method, entry["knobs"][:2], start.knobs)
    options = recoveries(known, MODEL, unit_of(known, method, MODEL))
    recover = "none"
    if entry["when"] != "training" and len(options) > 1:
        recover = st.selectbox(
            "Then", options, options.index("none"), key="recover", bind="query-params",
            help="  \n".join(f"**{n}**: {known['recovers'][n]}" for n in options),
        )  # fmt: skip
        recover = recover if recover in options else "none"
    with st.expander("More settings"):
        asked |= knobs.ask(method, entry["knobs"][2:], start.knobs)
        asked |= knobs.ask(recover, known["recovery_knobs"].get(recover, []), start.knobs)
        epochs = st.number_input(
            "Epochs of recovery", 1, 100, start.recover_epochs or 1, key="recover_epochs",
            bind="query-params", help="A short fine-tuning: 1 is often enough.",
        )  # fmt: skip
        seed = st.number_input("Seed", 0, 2**31 - 1, start.seed, key="seed", bind="query-params")
    more = {} if recover == "none" else {"recover_epochs": int(epochs)}
    return replace(
        base, method=method, sparsity=sparsity / 100, recover=recover, seed=int(seed),
        knobs=asked, **more,
    )  # fmt: skip


def _start() -> RunSpec:
    start = restore.start()
    return start if start.model == MODEL else pretrained.shown()


def _model(known: Mapping[str, Any], start: RunSpec) -> RunSpec:
    """A model that ships, or the settings of one that is trained first."""
    names = [*pretrained.trained(), OWN]
    of = {m.spec.weights: m.name for m in pretrained.trained().values()}
    first = of.get(start.weights, OWN)
    name = st.selectbox(
        "Model", names, names.index(first), key="lm", bind="query-params",
        help="Those that ship have learned little tales by a grammar, letter by letter. They are "
        "small, so that everything takes seconds.",
    )  # fmt: skip
    if name in pretrained.trained():
        chosen = pretrained.trained()[name]
        st.caption(f"Trained, {count(chosen.parameters)} parameters, reads 64 letters.")
        return chosen.spec
    data, data_knobs = controls.dataset(known, start, (MODEL,))
    with st.expander("Shape of the model"):
        shape = knobs.ask(MODEL, known["models"][MODEL]["knobs"], {})
    epochs = controls.preset(known, data, MODEL)
    return RunSpec(data=data, model=MODEL, data_knobs=data_knobs, model_knobs=shape, epochs=epochs)


def _method(known: Mapping[str, Any], start: RunSpec) -> str:
    able = [
        name for name, entry in known["methods"].items()
        if not fits(known, name, MODEL) and entry["when"] != "init"
    ]  # fmt: skip
    kinds = {name: known["units"][unit_of(known, name, MODEL)]["noun"] for name in able}
    able = [name for name in able if kinds[name] != "examples"]
    able.sort(key=lambda name: (kinds[name] == "weights", name not in pretrained.METHODS))
    first = able.index(start.method) if start.method in able else 0
    method = st.selectbox(
        "Method", able, first, key="method", bind="query-params",
        help="Those for neurons first: they make the model smaller. Those for weights leave zeros.",
    )  # fmt: skip
    method = str(method) if method in able else able[first]
    st.caption(known["methods"][method]["summary"])
    return method


def _empty() -> None:
    st.title("What survives in a language model?")
    show.empty(
        "What you will see",
        "A method scores the neurons in the MLPs of a small transformer, the lowest are cut out "
        "for real. You see how perplexity grows with the share removed, which neurons stay, and "
        "how the dense and the pruned model go on with the same words. Press Run.",
    )
    st.page_link(
        shell.page("language"), label="Look at a finished run first", icon=":material/visibility:",
        query_params={"run": examples.LANGUAGE},
    )  # fmt: skip


def _finished(result: Result, spec: RunSpec) -> None:
    st.title(_headline(result))
    show.origin(result, spec, came=result.key == examples.LANGUAGE)
    if result.status == "failed":
        show.failed(result)
        return
    if "perplexity" not in result.recovered:
        st.info("This run is not of a language model. Choose one on the left, press Run.")
        return
    for warning in result.warnings:
        st.caption(show.plain(warning))
    _metrics(result)
    show.tabs(result, spoken.TABS)


def _headline(result: Result) -> str:
    if "perplexity" not in result.recovered:
        return words.headline(result)
    gone = percent(result.sparsity["achieved"])
    before, now = (stage["perplexity"] for stage in (result.dense, result.recovered))
    noun = result.unit.replace("filters", "neurons")
    return f"{gone} of the {noun} gone, perplexity {before:.2f} → {now:.2f}"


def _metrics(result: Result) -> None:
    with st.container(key="few-metrics"):
        one, two, three, four = st.columns(4)
    before, now = result.dense, result.recovered
    one.metric(
        "Test perplexity", f"{now['perplexity']:.2f}",
        f"{now['perplexity'] - before['perplexity']:+.2f}", delta_color="inverse",
        help="Among how many letters the model wavers, on text it never saw. 1 is certainty.",
    )  # fmt: skip
    two.metric(
        "Next letter right", percent(now["accuracy"]),
        f"{100 * (now['accuracy'] - before['accuracy']):+.1f} points",
    )  # fmt: skip
    three.metric(
        "Parameters", count(now["params"]), f"of {count(before['params'])}",
        delta_color="off", delta_arrow="off",
    )  # fmt: skip
    if "agreement" in now:
        four.metric(
            "Top 5 as before", percent(now["agreement"]),
            help="Top-5 agreement: of the five letters that the dense model finds likeliest to "
            "come next, so many are among the five of the pruned one, on the same text.",
        )  # fmt: skip
    else:
        four.metric("Dense perplexity", f"{before['perplexity']:.2f}")
    if result.pruned and result.spec.get("recover") != "none":
        st.caption(f"Right after the cut the perplexity was {result.pruned['perplexity']:.2f}.")


shell.show(main)
