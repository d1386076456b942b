"""A training that prunes as a whole: how its connections spread, where its weights went."""

from __future__ import annotations

import streamlit as st

from pages.ui import shell, show, words
from prunelab import figures
from prunelab.events import Result
from prunelab.spec import RunSpec
from prunelab.speech import _, mark

READING = mark("""
A weight is a point: to the right what it was before, upwards what it was at the end. On the dotted
line nothing changed.

- **Away from zero** is beyond the dotted line, in the upper right and the lower left: training made
  the weight larger.
- **Towards zero** is between the dotted line and the horizontal axis: training made it smaller.
- **Past zero** are the other two corners: it changed its sign.

Magnitude pruning asks where a point ends up and empties a band around the horizontal axis. Movement
pruning asks which way it went: it keeps small weights that grow and removes large ones that shrink.
A weight of a method that lets pruned ones go on (movement, SR-STE) is shown at its last value;
otherwise it ends at zero. The picture is a sample, the table counts all weights.
""")


def show_topology(result: Result) -> None:
    """How the connections of one layer spread, and what came and went."""
    if not result.frames:
        st.info(show.plain(_(figures.NONE)))
        return
    spec = RunSpec.from_json(result.spec)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = figures.names(result)
        chosen = st.selectbox(_("Layer"), names, key="layer", width=220, bind="query-params")
        side = st.segmented_control(
            _("Connections of"), [mark("Neurons"), mark("Inputs")],
            default="Neurons", format_func=_,
            key="side",
            help=_("Into each neuron of the layer, or out of each of its inputs."),
        )  # fmt: skip
    layer, out = str(chosen) if chosen in names else names[0], side == "Inputs"
    more = ", out=True" if out else ""
    show.picture(
        lambda: figures.topology(result, layer, out=out, theme=shell.theme()),
        "topology",
        python=words.python(spec, f"run.plot.topology({layer!r}{more})"),
    )
    show.picture(
        lambda: figures.turnover(result, theme=shell.theme()),
        "turnover",
        python=words.python(spec, "run.plot.turnover()"),
    )
    show.picture(
        lambda: figures.heatmap(result, theme=shell.theme()),
        "heatmap",
        python=words.python(spec, "run.plot.heatmap()"),
    )


def show_movement(result: Result) -> None:
    """Where each weight went, and whether that saved it."""
    if result.moved is None:
        st.info(show.plain(_(figures.UNMOVED)))
        return
    names = ["all", *(str(row["name"]) for row in result.moved.layers)]
    chosen = str(st.selectbox(
        _("Layer"), names, key="moved-layer", width=220,
        format_func=lambda name: _(name) if name == "all" else name,
    ))  # fmt: skip
    layer = "" if chosen == "all" else chosen
    show.picture(
        lambda: figures.movement(result, layer, theme=shell.theme()),
        "movement",
        python=words.python(RunSpec.from_json(result.spec), f"run.plot.movement({layer!r})"),
    )
    ways = figures.movement_numbers(result, layer)
    percent = st.column_config.NumberColumn(format="percent")
    show.table(ways, "ways", formats={"share kept": percent})
    show.downloads(ways, "ways")
    with st.expander(_("How to read this picture")):
        st.markdown(_(READING))


def show_python(result: Result) -> None:
    """The same in a notebook and on the command line."""
    spec = RunSpec.from_json(result.spec)
    st.code(words.python(spec, "run.plot.course()"), language="python")
    st.code(words.command(spec), language="bash")
