"""The sidebar of the Lab: choices in, a RunSpec out. Everything comes from the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from pages.ui import knobs, uploads
from prunelab.catalogue import fits, fits_data, recoveries, unit_of
from prunelab.spec import RunSpec
from prunelab.speech import _, many, mark

SPARSITIES = [*(n / 100 for n in range(99)), 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999]
PRESETS = {mark("Quick"): 0.25, mark("Usual"): 1.0, mark("Long"): 2.0}
OPEN = 2  # knobs of a method that are shown at once


def choose(known: Mapping[str, Any], start: RunSpec, among: Sequence[str] = ()) -> RunSpec:
    """All controls of one run, as ``start`` has them until somebody moves one.

    ``among`` are the methods to choose from, where not all are.
    """
    data, model, data_knobs, model_knobs = subject(known, start, among)
    given = start.weights if model == start.model else ""
    weights = uploads.weights(model, known["models"][model], given)
    method = _method(known, model, start, among or tuple(known["methods"]))
    sparsity = st.select_slider(
        _("Sparsity in %"),
        sorted({*SPARSITIES, start.sparsity}),
        start.sparsity,
        format_func=lambda s: f"{100 * s:g}",
        key="sparsity",
        bind="query-params",
        help=_("The share of all prunable units to remove."),
    )
    entry = known["methods"][method]
    asked = knobs.ask(method, entry["knobs"][:OPEN], start.knobs)
    recover = _recover(known, model, method, start)
    asked |= knobs.ask(recover, known["recovery_knobs"].get(recover, []), start.knobs)
    epochs = preset(known, data, model)
    with st.expander(_("More settings")):
        asked |= knobs.ask(method, entry["knobs"][OPEN:], start.knobs)
        more = _training(known, model, start) | _budget(known, method, model, start)
        more |= _examples_first(known, model, method, start)
        seed = st.number_input(
            _("Seed"), 0, 2**31 - 1, start.seed, key="seed", bind="query-params",
            help=_("Two runs with the same seed give the same numbers."),
        )  # fmt: skip
    return RunSpec(
        data=data,
        model=model,
        method=method,
        sparsity=sparsity,
        recover=recover,
        seed=seed,
        weights=weights,
        knobs=asked,
        data_knobs=data_knobs,
        model_knobs=model_knobs,
        **{"epochs": epochs, **more},
    )


def subject(
    known: Mapping[str, Any], start: RunSpec, among: Sequence[str] = ()
) -> tuple[str, str, dict[str, Any], dict[str, Any]]:
    """Data and model with their knobs: what is pruned. ``among``: by one of these methods."""
    models = {
        name: entry
        for name, entry in known["models"].items()
        if not among or any(not fits(known, method, name) for method in among)
    }
    data, data_knobs = dataset(known, start, models)
    fitting = [m for m in models if not fits_data(known, m, data)]
    model = _pick(_("Model"), "model", fitting, start.model, help=_summary(models))
    misfits({m: fits_data(known, m, data) for m in models}, "models", _("these data"))
    model_knobs = {}
    if knobs_of_model := known["models"][model]["knobs"]:
        with st.expander(_("Shape of the model")):
            model_knobs = knobs.ask(model, knobs_of_model, start.model_knobs)
    return data, model, data_knobs, model_knobs


def dataset(
    known: Mapping[str, Any], start: RunSpec, models: Iterable[str]
) -> tuple[str, dict[str, Any]]:
    """Data that one of the models can learn from, with their knobs; an upload among them."""
    able = list(models)
    datasets = [
        name for name in known["datasets"] if any(not fits_data(known, m, name) for m in able)
    ]
    data = _pick(_("Data"), "data", datasets, start.data, titles=known["datasets"])
    return data, _data_knobs(data, known["datasets"][data]["knobs"], start)


def wants_file(known: Mapping[str, Any], spec: RunSpec) -> bool:
    """Whether the data are one's own and no file has been given."""
    knobs = known["datasets"][spec.data]["knobs"]
    return any(knob["name"] == "file" for knob in knobs) and "file" not in spec.data_knobs


def _pick(label: str, key: str, options: list[str], default: str, **more: Any) -> str:
    titles = more.pop("titles", None)
    place = options.index(default) if default in options else 0
    if titles:
        more["help"] = " · ".join(f"**{n}**: {_(titles[n]['title'])}" for n in options)
    chosen = st.selectbox(label, options, place, key=key, bind="query-params", **more)
    return str(chosen) if chosen in options else options[place]


def _summary(entries: Mapping[str, Any]) -> str:
    return "  \n".join(f"**{name}**: {_(entry['summary'])}" for name, entry in entries.items())


def _method(known: Mapping[str, Any], model: str, start: RunSpec, among: Sequence[str]) -> str:
    reasons = {m: fits(known, m, model) for m in known["methods"] if m in among}
    fitting = [m for m, reason in reasons.items() if not reason]
    fitting = (
        _of_kind(known, model, start, fitting) if len(among) == len(known["methods"]) else fitting
    )
    first = next((m for m in fitting if known["methods"][m]["baseline"] != m), fitting[0])
    default = start.method if start.method in fitting else first
    method = _pick(_("Method"), "method", fitting, default)
    st.caption(_(known["methods"][method]["summary"]))
    misfits(reasons, "methods", model)
    return method


def _of_kind(
    known: Mapping[str, Any], model: str, start: RunSpec, fitting: Sequence[str]
) -> list[str]:
    """The methods that remove one kind of thing: weights, filters, examples."""
    kinds = {m: known["units"][unit_of(known, m, model)]["noun"] for m in fitting}
    linked = st.query_params.get("method", start.method)
    usual = kinds.get(linked, next(iter(kinds.values())))
    many = [*kinds.values()]
    nouns = sorted(set(many), key=lambda noun: (noun == "examples", -many.count(noun)))
    if len(nouns) < 2:
        return [*fitting]
    kind = st.segmented_control(
        _("Prune"), nouns, default=usual, format_func=lambda noun: _(noun).capitalize(),
        key="prune", required=True,
        help=_("What the method removes. Which examples matter has a page of its own: Data."),
    )  # fmt: skip
    return [m for m in fitting if kinds[m] == (kind or usual)]


def misfits(reasons: Mapping[str, str], noun: str, subject: str) -> None:
    """What cannot be chosen, greyed, with its reason."""
    unfit = {name: reason for name, reason in reasons.items() if reason}
    if not unfit:
        return
    if noun == "models":
        label = many(
            "{n} model not for {subject}", "{n} models not for {subject}", len(unfit),
            subject=subject,
        )  # fmt: skip
    else:
        label = many(
            "{n} method not for {subject}", "{n} methods not for {subject}", len(unfit),
            subject=subject,
        )  # fmt: skip
    with st.popover(label, type="tertiary", key=f"not-{noun}"):
        st.caption("\n".join(f"- {reason}" for reason in unfit.values()))


def _recover(known: Mapping[str, Any], model: str, method: str, start: RunSpec) -> str:
    entry = known["methods"][method]
    options = recoveries(known, model, unit_of(known, method, model))
    if len(options) < 2 or entry["when"] == "training":
        return ""
    usual = entry["recover"] if entry["recover"] in options else options[0]
    chosen = st.selectbox(
        _("Recover"),
        options,
        options.index(start.recover if start.recover in options else usual),
        key="recover",
        bind="query-params",
        help="  \n".join(f"**{n}**: {_(known['recovers'][n])}" for n in options),
    )
    return "" if chosen == usual else str(chosen)


def preset(known: Mapping[str, Any], data: str, model: str) -> int | None:
    """How long to train, as a share of what the data set recommends; None is just that."""
    if "network" not in known["models"][model]["traits"]:
        return None
    usual = known["datasets"][data]["epochs"]
    size = st.segmented_control(
        _("Training"),
        list(PRESETS),
        default="Usual",
        format_func=_,
        key="training",
        bind="query-params",
        width="stretch",
        help=_("Usual is {usual} epochs, as recommended for these data.", usual=usual),
    )
    share = PRESETS.get(size or "Usual", 1.0)
    return None if share == 1 else max(1, round(share * usual))


def _training(known: Mapping[str, Any], model: str, start: RunSpec) -> dict[str, Any]:
    """What networks alone have: scope and the recipe. None and "" are as recommended."""
    if "network" not in known["models"][model]["traits"]:
        return {}
    bound: dict[str, Any] = {"bind": "query-params", "placeholder": _("as recommended")}
    scopes, optimizers = list(known["scopes"]), ["sgd", "adam"]
    scope = st.selectbox(
        _("Scope"),
        scopes,
        scopes.index(start.scope) if start.scope else None,
        key="scope",
        help="  \n".join(f"**{n}**: {_(text)}" for n, text in known["scopes"].items()),
        **bound,
    )
    floor = st.number_input(
        _("Keep at least"), 0, 10**6, start.floor, key="floor", bind="query-params",
        help=_(
            "So many weights of every layer stay, whatever their scores: no layer loses all."
        ),
    )  # fmt: skip
    epochs = st.number_input(_("Epochs"), 1, 1000, start.epochs, key="epochs", **bound)
    more = st.number_input(
        _("Epochs of recovery"), 1, 1000, start.recover_epochs, key="recover_epochs", **bound
    )
    lr = st.number_input(_("Learning rate"), 1e-6, 10.0, start.lr, format="%g", key="lr", **bound)
    batch = st.number_input(_("Batch size"), 1, 65536, start.batch_size, key="batch_size", **bound)
    place = optimizers.index(start.optimizer) if start.optimizer else None
    optimizer = st.selectbox(_("Optimizer"), optimizers, place, key="optimizer", **bound)
    found = {"recover_epochs": more, "lr": lr, "batch_size": batch}
    found |= {"scope": scope or "", "optimizer": optimizer or ""}
    found |= {"floor": floor} if floor else {}
    return found | ({"epochs": epochs} if epochs else {})


def _budget(known: Mapping[str, Any], method: str, model: str, start: RunSpec) -> dict[str, Any]:
    """What the sparsity is a share of, for methods that remove whole units at once."""
    entry, unit = known["methods"][method], known["units"][unit_of(known, method, model)]
    once = entry["when"] == "trained" and entry["schedule"] == "one-shot"
    if not (unit["structured"] and once and "network" in unit["needs"]):
        return {}
    budgets = list(known["budgets"])
    budget = st.selectbox(
        _("Budget"), budgets, budgets.index(start.budget) if start.budget else None, key="budget",
        bind="query-params", placeholder=_("share of the {units}", units=_(unit["noun"])),
        help="  \n".join(f"**{name}**: {_(text)}" for name, text in known["budgets"].items()),
    )  # fmt: skip
    multiple = st.number_input(
        _("Keep a multiple of"), 1, 1024, start.round_to, key="round_to", bind="query-params",
        help=_("Hardware likes widths such as 8 or 16: a few more units stay."),
    )  # fmt: skip
    return {"budget": budget or "", "round_to": int(multiple)}


def _examples_first(
    known: Mapping[str, Any], model: str, method: str, start: RunSpec
) -> dict[str, Any]:
    """Examples to prune before the network is: by which method, and how many."""
    network = "network" in known["models"][model]["traits"]
    if not network or unit_of(known, method, model) == "examples":
        return {}
    able = [
        name
        for name, entry in known["methods"].items()
        if entry["units"] == ["examples"] and not fits(known, name, model)
    ]
    before = start.examples_method
    name = st.selectbox(
        _("Prune examples first, by"), able, able.index(before) if before in able else None,
        key="examples_method", bind="query-params", placeholder=_("no method"),
        help=_("The network then learns from the examples that stay alone, for as many steps."),
    )  # fmt: skip
    if not name:
        return {}
    share = st.slider(
        _("Examples removed in %"), 0, 99, round(100 * (start.examples_sparsity or 0.5)),
        key="examples_sparsity", bind="query-params",
    )  # fmt: skip
    knobs_of = start.examples_knobs if name == before else {}
    return {
        "examples_method": name, "examples_sparsity": share / 100, "examples_knobs": knobs_of,
    }  # fmt: skip


def _data_knobs(data: str, asked: list[Mapping[str, Any]], start: RunSpec) -> dict[str, Any]:
    """The knobs of the data; where one is a file, an upload takes its place."""
    place = st.container()  # the file stands above what is to be known of it
    rest = [knob for knob in asked if knob["name"] != "file"]
    found = {}
    if rest:
        with st.expander(_("Settings of the data")):
            found = knobs.ask(data, rest, start.data_knobs)
    if len(rest) < len(asked):
        with place:
            given = str(start.data_knobs.get("file", ""))
            file = uploads.data(data, given, str(found.get("target", "")))
            found |= {"file": file} if file else {}
    return found
