"""The tabs of a run on a language model: each asks one question of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import streamlit as st

from pages.ui import costs, desk, fleet, rank, shell, show, words
from prunelab import figures, pretrained, talk
from prunelab.catalogue import fits
from prunelab.events import Result
from prunelab.figures import count
from prunelab.spec import RunSpec, SpecError, sweep
from prunelab.speech import _, anew, mark

SHARES = (0.2, 0.4, 0.6, 0.8)
PROMPTS = (
    "on a cold day the crow ran to the mill. ",
    "the old woman was hungry and wanted ",
    "two days later the king came back to ",
)
OWN = mark("One of my own")
ELSEWHERE = mark("""The same methods work on causal language models of Hugging Face (Llama, Mistral,
Qwen, GPT-2, OPT and GPT-NeoX families) from a folder or by their name on its hub: safetensors
only, no code of the folder runs, on CPU or GPU. What is saved loads with plain transformers.""")


def show_perplexity(result: Result) -> None:
    """How fast a model gets lost, method by method."""
    specs = _wanted(RunSpec.from_json(result.spec))
    if not specs:
        st.info(_("Choose a method and a share to remove."))
        return
    there = _there(specs, result)
    own = RunSpec.from_json(result.spec).key  # a run that ships has another key
    here = own if own in there else result.key
    fleet.start_button(specs, there.__contains__, key="start-perplexity")
    fleet.progress(specs)
    show.picture(
        lambda: figures.perplexity(there.values(), theme=shell.theme(), highlight=here),
        "perplexity", python=_python(specs),
    )  # fmt: skip
    st.caption(_(
        "Perplexity: among how many letters the model wavers, on text it never saw; 1 is certain. "
        "Nothing was trained after pruning unless you chose so. Seeds draw the text that methods "
        "look at, and chance where a method rolls dice; the model is the same."
    ))  # fmt: skip
    fleet.failures(specs)


def _there(specs: list[RunSpec], result: Result) -> dict[str, Result]:
    """What is finished of them: runs that shipped, those of the store, the one that is shown."""
    wanted = [spec.key for spec in specs]
    shipped = {key: run for key, run in pretrained.runs().items() if key in wanted}
    mine = {r.key: r.result for r in desk.store().rows(wanted) if r.state == "finished"}
    one = {result.key: result} if result.recovered else {}
    key = RunSpec.from_json(result.spec).key
    if key in shipped or key in mine:
        one = {}
    return shipped | mine | one


def _wanted(base: RunSpec) -> list[RunSpec]:
    known = desk.known()
    able = [
        name for name, entry in known["methods"].items()
        if not fits(known, name, base.model) and entry["when"] == "trained"
        and entry["units"] != ["examples"]
    ]  # fmt: skip
    left, middle, right = st.columns([5, 3, 2], vertical_alignment="bottom")
    first = list(dict.fromkeys(m for m in (base.method, *pretrained.METHODS) if m in able))
    methods = left.multiselect(_("Methods"), able, first, key="curves", bind="query-params")
    shares = middle.multiselect(
        _("Removed in %"), (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9), SHARES, key="shares",
        bind="query-params", format_func=lambda s: f"{100 * s:g}",
    )  # fmt: skip
    seeds = right.slider(_("Seeds"), 1, 10, pretrained.SEEDS, key="seeds", bind="query-params")
    chosen = [
        replace(base, method=n, knobs=base.knobs if n == base.method else {}) for n in methods
    ]
    return [
        spec
        for one in chosen
        for spec in sweep(one, sparsity=sorted(shares), seed=range(int(seeds)))
    ]


def _python(specs: list[RunSpec]) -> str:
    one, seeds = specs[0], len({s.seed for s in specs})
    fields = {
        n: getattr(one, n) for n in ("data", "model", "weights", "recover") if getattr(one, n)
    }
    fields |= {"data_knobs": dict(one.data_knobs), "model_knobs": dict(one.model_knobs)}
    fields["method"] = list(dict.fromkeys(s.method for s in specs))
    fields["sparsity"] = sorted({s.sparsity for s in specs})
    rest = "".join(f"    {name}={value!r},\n" for name, value in fields.items())
    return (
        f"import prunelab as pl\n\ncurve = pl.sweep(\n{rest}    seed=range({seeds}),\n)\n"
        "curve.plot.perplexity()"
    )


def looked(result: Result, view: Callable[[Path], None]) -> None:
    """A view of what another process finds out about a run; it is asked when nobody has."""
    folder = desk.folder(result.key)
    _when_ready(
        talk.place(folder, desk.store().home),
        lambda: talk.begin_look(result.spec, folder, desk.store().home), view,
    )  # fmt: skip


def _when_ready(place: Path, begin: Callable[[], Path], view: Callable[[Path], None]) -> None:
    state = talk.look(place)
    if state.name == "none":
        try:
            begin()
        except SpecError as refused:
            st.error(show.said(refused))
            return
        state = talk.look(place)
    if state.name == "ready":
        view(place)
    elif state.name == "failed":
        st.error(show.said(state.reason))
        st.button(_("Try again"), on_click=talk.stop, args=(place,), key=f"again-{place.name}")
    else:
        _wait(place)


def _wait(place: Path) -> None:
    def bar() -> None:
        state = talk.look(place)
        if state.name in ("ready", "failed"):
            st.rerun()
        st.progress(state.share, text=anew(state.doing) or _("Starting"))

    st.fragment(bar, run_every=0.5)()


def show_neurons(result: Result) -> None:
    """Who stays in each layer."""

    def view(place: Path) -> None:
        mlps = talk.mlps(place)
        show.picture(
            lambda: figures.neurons(mlps, theme=shell.theme()), "neurons",
            python=words.python(RunSpec.from_json(result.spec), "run.masks"),
        )  # fmt: skip
        st.caption(_(
            "Each bar is a neuron of an MLP, those with the highest score first; pale ones go. "
            "LLM-Rank takes the same share from every block, for its scores of different blocks "
            "cannot be compared. Where a method removes single weights, a bar is the mean over the "
            "weights of a neuron."
        ))  # fmt: skip

    looked(result, view)


def show_rank(result: Result) -> None:
    """How LLM-Rank comes to its order."""

    def view(place: Path) -> None:
        mlps = [mlp for mlp in talk.mlps(place) if mlp.weight.size]
        if not mlps:
            st.info(_("The layers of this model are too large to be drawn link by link."))
            return
        left, right = st.columns(2, gap="large")
        gamma = left.slider(
            _("γ: how much flows in through the links"), 0.0, 1.0, 0.9, 0.05, key="gamma",
            bind="query-params", help=_("0 is activity alone, the default of the published code."),
        )  # fmt: skip
        theta = right.slider(
            _("θ: how much of that goes by weight"), 0.0, 1.0, 0.5, 0.05, key="theta",
            bind="query-params", help=_("The rest goes evenly over all links."),
        )  # fmt: skip
        spec = RunSpec.from_json(result.spec)
        table = rank.picture(mlps, gamma=gamma, theta=theta, sparsity=spec.sparsity)
        show.twins(table, "rank", python=_rank_python(spec, gamma, theta))
        st.caption(_(
            "PageRank on the web goes round and round, for pages link in circles. A network has no "
            "circles: one step a layer is all there is, and the film goes through the blocks one "
            "after another. The smallest model, Pocket, is drawn whole."
        ))  # fmt: skip

    looked(result, view)


def _rank_python(spec: RunSpec, gamma: float, theta: float) -> str:
    chosen = replace(spec, method="llm-rank", knobs={"gamma": gamma, "theta": theta})
    return words.python(chosen, "run.table")


def show_text(result: Result) -> None:
    """What is left to say."""
    chosen = st.selectbox(
        _("Begin with"), [*_prompts(result), OWN], key="begin", bind="query-params",
        format_func=lambda text: _(text) if text == OWN else text,
        help=_("Both models go on with it, the likeliest letter each time."),
    )  # fmt: skip
    prompt = chosen
    if chosen == OWN:
        prompt = st.text_input(
            _("Your words"), PROMPTS[0], max_chars=talk.LONGEST, key="prompt", bind="query-params"
        )
    if not prompt or not prompt.strip():
        st.info(_("Write a few words to begin with."))
        return
    folder, home = desk.folder(result.key), desk.store().home
    _when_ready(
        talk.place(folder, home, prompt),
        lambda: talk.begin_say(result.spec, folder, home, prompt), _beside,
    )  # fmt: skip


def _prompts(result: Result) -> tuple[str, ...]:
    return PROMPTS if result.spec.get("data") == "tales" else ()


def _beside(place: Path) -> None:
    told = talk.said(place)
    same = figures.alike(told["dense"], told["pruned"])
    whole = same == len(told["dense"])
    at = same + len(told["prompt"]) - len(told["prompt"].rstrip())
    parted = (
        _("They part after {same} letters", same=count(same))
        if same
        else _("They part at the first letter")
    )
    show.finding(_("Both say the same") if whole else parted, "continued")
    with st.container(key="pair-continued"):
        for column, name in zip(st.columns(2, gap="large"), ("dense", "pruned"), strict=True):
            with column, st.container(border=True):
                st.markdown(f"**{_(name).capitalize()}**")
                begun, new = show.plain(told["prompt"].rstrip()), told[name]
                new = told["prompt"][len(told["prompt"].rstrip()) :] + new
                first, rest = show.plain(new[:at]), show.plain(new[at:])
                if rest.strip() and name == "pruned":  # no space may stand inside the bold
                    bold = rest.strip()
                    rest = rest.replace(bold, f"**{bold}**", 1)
                st.markdown(f":gray[{begun}]{first}{rest}".replace("\n", "  \n"))
    if not whole:
        st.caption(_("Bold is where the pruned model leaves the dense one."))


def show_costs(result: Result) -> None:
    """Is it smaller, is it faster."""

    def view(place: Path) -> None:
        found = talk.speeds(place)
        with st.container(key="few-speeds"):
            for column, (what, both) in zip(st.columns(2), found.items(), strict=False):
                now, before = both["pruned"], both.get("dense", both["pruned"])
                ratio = now["median"] / before["median"]
                column.metric(
                    _("{what}, tokens a second", what=_(what).capitalize()), count(now["median"]),
                    _("{ratio:.2f} × dense ({n})", ratio=ratio, n=count(before["median"])),
                    delta_color="off", delta_arrow="off",
                )  # fmt: skip
                column.caption(_(
                    "Pruned {low} to {high}, dense {dense_low} to {dense_high}: 95 % intervals of "
                    "the median, {runs} rounds in turn, one thread.",
                    low=count(now["low"]), high=count(now["high"]), dense_low=count(before["low"]),
                    dense_high=count(before["high"]), runs=now["runs"],
                ))  # fmt: skip
        _sizes(result)

    looked(result, view)


def _sizes(result: Result) -> None:
    spec = RunSpec.from_json(result.spec)
    costs.card(result, words.python(spec, "run.costs"))
    for name in ("size", "macs"):
        draw = getattr(figures, name)
        show.picture(
            lambda draw=draw: draw(result, theme=shell.theme()), name,
            python=words.python(spec, f"run.plot.{name}()"),
        )  # fmt: skip


def show_python(result: Result) -> None:
    """The same elsewhere, and on models of others."""
    spec = RunSpec.from_json(result.spec)
    st.markdown(_("**In a notebook**"))
    st.code(words.python(spec, "run.table"), language="python")
    st.markdown(_("**On the command line**"))
    st.code(words.command(spec), language="bash")
    st.markdown(_("**A model that others trained**"))
    st.markdown(_(ELSEWHERE))
    st.code(
        "pip install 'prunelab[lm]'\n"
        f"python -m prunelab.lm FOLDER --text corpus.txt --sparsity {spec.sparsity:g} --out pruned",
        language="bash",
    )


TABS = {
    mark("Perplexity"): show_perplexity,
    mark("Neurons"): show_neurons,
    mark("PageRank"): show_rank,
    mark("What it says"): show_text,
    mark("Size & speed"): show_costs,
    mark("Python"): show_python,
}
