"""The tabs of the Structure page: each asks one question of a network that is open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from pages.ui import allocate, bars, desk, fleet, shell, show, studies, why
from prunelab import aside, figures, structure
from prunelab.figures import accuracy, count
from prunelab.spec import RunSpec
from prunelab.speech import _, mark
from prunelab.structure import Keep, Study


def show_layers(study: Study, folder: Path, keep: Keep) -> None:
    """The network layer by layer, before and after, and what it then answers."""
    bars.show(study, keep, lambda: allocate.dragged(study))
    _measured(study, keep)
    show.picture(
        lambda: figures.network(study.layers(keep), theme=shell.theme()),
        "network",
        python=_python(study, f"figures.network(study.layers({dict(keep)!r})).figure"),
    )
    st.caption(_(
        "A filter that goes takes along its row, its normalisation, and the columns of the next "
        "layers that read it: costs fall on both sides."
    ))  # fmt: skip
    if len(study.fixed):
        with st.expander(_("What cannot go, and why")):
            show.table(study.fixed, "fixed")
            show.downloads(study.fixed, "fixed")


def _measured(study: Study, keep: Keep) -> None:
    """The run that removes these units, trains what is left and measures it."""
    if keep == study.sizes:
        return
    spec = study.spec(keep)
    row = next(iter(desk.store().rows([spec.key])), None)
    if row is None or row.state != "finished":
        left = st.columns([2, 3])[0]
        with left:
            fleet.start_button(
                [spec],
                lambda _key: False,
                key="measure",
                label=mark("Train what is left and measure"),
            )
        fleet.progress([spec])
        fleet.failures([spec])
        return
    result = row.result
    before, after = result.dense["accuracy"], result.recovered["accuracy"]
    with st.container(border=True, key="card-measured"):
        st.markdown(_(
            "**Measured: accuracy {before} before, {cut} right after the cut, {after} "
            "trained on.** {params:,} parameters, {macs:,} multiply-adds.",
            before=accuracy(before), cut=accuracy(result.pruned["accuracy"]),
            after=accuracy(after), params=result.recovered["params"],
            macs=result.recovered["macs"]["shipped"],
        ))  # fmt: skip
        st.page_link(
            shell.page("lab"), label=_("All of this run"), icon=":material/arrow_forward:",
            query_params={"run": spec.key},
        )  # fmt: skip


def show_scan(study: Study, folder: Path, keep: Keep) -> None:
    """How much each layer bears to lose, alone."""
    scan = studies.scanned(folder)
    if scan is None:
        growing = aside.look(folder).name == "growing"
        words = _("Each layer is being pruned alone; the map appears here when all are done.")
        st.info(words if growing else _("The scan was stopped. Press Look inside for it."))
        return
    show.picture(
        lambda: figures.sensitive(scan.dense, scan.accuracies, theme=shell.theme()),
        "sensitive",
        python=_python(
            study,
            "scan = structure.scanned(folder)\n"
            "figures.sensitive(scan.dense, scan.accuracies).figure",
        ),
    )
    st.caption(_(
        "One layer is pruned at a time and nothing is trained again; accuracy is that of the "
        "validation part. Where a cell fades into the page, the network breaks. “By sensitivity” "
        "above takes little from layers that fade early."
    ))  # fmt: skip


def show_maps(study: Study, folder: Path, keep: Keep) -> None:
    """Feature maps with their singular values and rank: HRank made visible."""
    arrays = studies.pictures(folder)
    layers = [name.partition(".")[2] for name in arrays if name.startswith("rank.")]
    if not layers:
        st.info(_("No layer of this network makes maps of more than one pixel."))
        return
    left, middle = st.columns([3, 2])
    layer = left.selectbox(_("Layer"), layers, key="maps", bind="query-params")
    layer = layer if layer in layers else layers[0]
    names = [study.told["classes"][label] for label in arrays["labels"]]
    numbers = list(range(len(names)))
    one = middle.segmented_control(
        _("Example"), numbers, default=0, format_func=lambda n: str(names[n]), key="example",
        required=True,
    )  # fmt: skip
    _one_layer(study, layer, one if one in numbers else 0, studies.pictures(folder))


def _one_layer(study: Study, layer: str, one: int, arrays: studies.Arrays) -> None:
    maps, units = arrays[f"maps.{layer}"][one], arrays[f"units.{layer}"].tolist()
    ranks, sigma = arrays[f"ranks.{layer}"][one].tolist(), arrays[f"sigma.{layer}"][one]
    high, wide = maps.shape[1:]
    code = f"arrays = structure.pictures(folder)\nmaps = arrays['maps.{layer}'][{one}]\n"
    code += f"ranks, units = arrays['ranks.{layer}'][{one}], arrays['units.{layer}']\n"
    with st.container(key="pair-maps"):
        left, right = st.columns([3, 2], gap="large")
    with left:
        show.picture(
            lambda: figures.feature_maps(maps, ranks, units, layer, theme=shell.theme()), "maps",
            python=_python(study, f"{code}figures.feature_maps(maps, ranks, units, {layer!r})"
                           ".figure"),
        )  # fmt: skip
    with right:
        show.picture(
            lambda: figures.spectrum(sigma, ranks, units, (high, wide), theme=shell.theme()),
            "spectrum",
            python=_python(study, f"{code}sigma = arrays['sigma.{layer}'][{one}]\n"
                           f"figures.spectrum(sigma, ranks, units, {(high, wide)}).figure"),
        )  # fmt: skip
    show.picture(
        lambda: figures.ranks(
            arrays[f"rank.{layer}"], arrays[f"effective.{layer}"], layer, theme=shell.theme()
        ),
        "ranks",
        python=_python(study, f"arrays = structure.pictures(folder)\nfigures.ranks(arrays"
                       f"['rank.{layer}'], arrays['effective.{layer}'], {layer!r}).figure"),
    )  # fmt: skip
    st.caption(_(
        "A map is what a filter answers to one example, after normalisation and activation. Its "
        "rank says how many directions it has: HRank removes the filters whose maps have the "
        "lowest rank. A map that is mostly zero has a low one."
    ))  # fmt: skip


def show_filters(study: Study, folder: Path, keep: Keep) -> None:
    """The units that stay and go, as pictures of their weights."""
    arrays = studies.pictures(folder)
    layers = [name for name in study.sizes if f"filter.{name}" in arrays]
    if not layers:
        st.info(_("The units of this network have no weights that make one picture."))
        return
    layer = st.selectbox(_("Layer"), layers, key="filters", bind="query-params")
    layer = layer if layer in layers else layers[0]
    weights, scores = arrays[f"filter.{layer}"], study.scores[layer]
    stays: np.ndarray[tuple[int], np.dtype[np.bool_]] = study.stays(keep)[layer]
    clicked: list[Any] = []
    with st.container(key="pair-filters"):
        for place, kept in zip(st.columns(2, gap="large"), (True, False), strict=True):
            call = "arrays = structure.pictures(folder)\nfigures.filters(\n"
            call += f"    arrays['filter.{layer}'], study.scores[{layer!r}],\n"
            call += f"    study.stays({dict(keep)!r})[{layer!r}], {layer!r}, kept={kept},\n).figure"
            with place:
                clicked += show.picture(
                    lambda kept=kept: figures.filters(  # type: ignore[misc]
                        weights, scores, stays, layer, kept=kept, label=study.told["label"],
                        theme=shell.theme(),
                    ),
                    f"filters-{'stay' if kept else 'go'}",
                    python=_python(study, call), clicks=True,
                )  # fmt: skip
    if clicked and "customdata" in clicked[0]:
        _why(study, folder, keep, layer, int(clicked[0]["customdata"][0]))
    st.caption(_(
        "Click a picture to ask why it stays or goes. A convolution is shown by the kernel of the "
        "input it weighs most, a neuron by all its weights, row by row. Each picture has its own "
        "scale: white is zero, the two colours are the two signs. Below it is its score: {score}.",
        score=show.plain(_(study.told["label"] or mark("the score"))),
    ))  # fmt: skip


def _why(study: Study, folder: Path, keep: Keep, layer: str, unit: int) -> None:
    """One unit among those of its layer, and what other methods would do with it."""
    found = study.why(layer, unit, keep, structure.peers(folder))
    noun = _(study.noun.removesuffix("s"))
    why.card(
        found, _("{unit} {number} of {layer}", unit=noun, number=unit, layer=layer),
        among=_("{n} in this layer", n=count(found.of)),
        score=f"{_(study.told['label'] or mark('score'))} = {found.score:.4g}",
    )  # fmt: skip
    if aside.look(folder).name == "growing" and not found.also_kept + found.also_gone:
        st.caption(_("What other methods say is known when the scan of the layers is done."))


def _python(study: Study, call: str) -> str:
    base = RunSpec.from_json(study.told["spec"])
    fields = {"data": base.data, "model": base.model, "method": base.method} | base.to_json()
    rest = "".join(f"    {name}={value!r},\n" for name, value in fields.items())
    return (
        "from pathlib import Path\n\nfrom prunelab import figures, structure\n"
        f"from prunelab.spec import RunSpec\n\nspec = RunSpec(\n{rest})\n"
        f"folder = Path('study')\nstudy = structure.look(spec, folder)\n{call}"
    )
