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
from prunelab.speech import _, mark

MODEL = "decoder"
OWN = mark("One I train here")


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
        _("Remove in %"), 0, 95, round(100 * start.sparsity), 5, key="remove", bind="query-params",
        help=_("The share of the neurons (or weights) that go."),
    )  # fmt: skip
    entry = known["methods"][method]
    asked = knobs.ask(method, entry["knobs"][:2], start.knobs)
    options = recoveries(known, MODEL, unit_of(known, method, MODEL))
    recover = "none"
    if entry["when"] != "training" and len(options) > 1:
        recover = st.selectbox(
            _("Then"), options, options.index("none"), key="recover", bind="query-params",
            help="  \n".join(f"**{n}**: {_(known['recovers'][n])}" for n in options),
        )  # fmt: skip
        recover = recover if recover in options else "none"
    with st.expander(_("More settings")):
        asked |= knobs.ask(method, entry["knobs"][2:], start.knobs)
        asked |= knobs.ask(recover, known["recovery_knobs"].get(recover, []), start.knobs)
        epochs = st.number_input(
            _("Epochs of recovery"), 1, 100, start.recover_epochs or 1, key="recover_epochs",
            bind="query-params", help=_("A short fine-tuning: 1 is often enough."),
        )  # fmt: skip
        seed = st.number_input(_("Seed"), 0, 2**31 - 1, start.seed, key="seed", bind="query-params")
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
        _("Model"), names, names.index(first), key="lm", bind="query-params",
        format_func=lambda name: _(name) if name == OWN else name,
        help=_(
            "Those that ship have learned little tales by a grammar, letter by letter. They are "
            "small, so that everything takes seconds."
        ),
    )  # fmt: skip
    if name in pretrained.trained():
        chosen = pretrained.trained()[name]
        st.caption(_(
            "Trained, {parameters} parameters, reads 64 letters.",
            parameters=count(chosen.parameters),
        ))  # fmt: skip
        return chosen.spec
    data, data_knobs = controls.dataset(known, start, (MODEL,))
    with st.expander(_("Shape of the model")):
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
        _("Method"), able, first, key="method", bind="query-params",
        help=_(
            "Those for neurons first: they make the model smaller. Those for weights leave zeros."
        ),
    )  # fmt: skip
    method = str(method) if method in able else able[first]
    st.caption(_(known["methods"][method]["summary"]))
    return method


def _empty() -> None:
    st.title(_("What survives in a language model?"))
    show.empty(
        _("What you will see"),
        _(
            "A method scores the neurons in the MLPs of a small transformer, the lowest "
            "are cut out for real. You see how perplexity grows with the share removed, "
            "which neurons stay, and how the dense and the pruned model go on with the "
            "same words. Press Run."
        ),
    )
    st.page_link(
        shell.page("language"), label=_("Look at a finished run first"),
        icon=":material/visibility:",
        query_params={"run": examples.LANGUAGE},
    )  # fmt: skip


def _finished(result: Result, spec: RunSpec) -> None:
    st.title(_headline(result))
    show.origin(result, spec, came=result.key == examples.LANGUAGE)
    if result.status == "failed":
        show.failed(result)
        return
    if "perplexity" not in result.recovered:
        st.info(_("This run is not of a language model. Choose one on the left, press Run."))
        return
    for warning in result.warnings:
        st.caption(show.said(warning))
    _metrics(result)
    show.tabs(result, spoken.TABS)


def _headline(result: Result) -> str:
    if "perplexity" not in result.recovered:
        return words.headline(result)
    gone = percent(result.sparsity["achieved"])
    before, now = (stage["perplexity"] for stage in (result.dense, result.recovered))
    noun = result.unit.replace("filters", "neurons")
    return _(
        "{gone} of the {units} gone, perplexity {before:.2f} → {now:.2f}",
        gone=gone, units=_(noun), before=before, now=now,
    )  # fmt: skip


def _metrics(result: Result) -> None:
    with st.container(key="few-metrics"):
        one, two, three, four = st.columns(4)
    before, now = result.dense, result.recovered
    one.metric(
        _("Test perplexity"), f"{now['perplexity']:.2f}",
        f"{now['perplexity'] - before['perplexity']:+.2f}", delta_color="inverse",
        help=_("Among how many letters the model wavers, on text it never saw. 1 is certainty."),
    )  # fmt: skip
    two.metric(
        _("Next letter right"), percent(now["accuracy"]),
        _("{change:+.1f} points", change=100 * (now["accuracy"] - before["accuracy"])),
    )  # fmt: skip
    three.metric(
        _("Parameters"), count(now["params"]), _("of {n}", n=count(before["params"])),
        delta_color="off", delta_arrow="off",
    )  # fmt: skip
    if "agreement" in now:
        four.metric(
            _("Top 5 as before"), percent(now["agreement"]),
            help=_(
                "Top-5 agreement: of the five letters that the dense model finds likeliest to come "
                "next, so many are among the five of the pruned one, on the same text."
            ),
        )  # fmt: skip
    else:
        four.metric(_("Dense perplexity"), f"{before['perplexity']:.2f}")
    if result.pruned and result.spec.get("recover") != "none":
        st.caption(_(
            "Right after the cut the perplexity was {perplexity:.2f}.",
            perplexity=result.pruned["perplexity"],
        ))  # fmt: skip


shell.show(main)
