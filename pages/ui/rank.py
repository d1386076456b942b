"""PageRank over the layers of a model, drawn step by step: a plain component, its numbers below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pages.ui.browser import component
from prunelab import talk
from prunelab.figures import PALETTES
from prunelab.talk import Mlp, Ranked

NEURONS, INPUTS = 24, 16  # that are drawn of a layer
_component = component("rank")


def picture(mlps: Sequence[Mlp], *, gamma: float, theta: float, sparsity: float) -> pd.DataFrame:
    """Draw the sweep; returns the numbers of all neurons."""
    found = [(mlp, talk.ranked(mlp, gamma, theta)) for mlp in mlps]
    layers = [_layer(m, r, sparsity) | {"gamma": gamma, "theta": theta} for m, r in found]
    light, dark = PALETTES["light"]._asdict(), PALETTES["dark"]._asdict()
    _component(data={"layers": layers, "light": light, "dark": dark}, key="rank")
    return pd.concat([_table(mlp, rank, sparsity) for mlp, rank in found])


def _layer(mlp: Mlp, found: Ranked, sparsity: float) -> dict[str, Any]:
    """What is drawn of a layer: where it is large, neurons evenly along the ranks."""
    places, stay = _places(found), _stays(found, sparsity)
    order = np.argsort(places)
    chosen = np.sort(order[np.linspace(0, len(order) - 1, min(NEURONS, len(order))).astype(int)])
    inputs = np.sort(np.argsort(-found.incoming, kind="stable")[:INPUTS])
    many, few = (
        f"{len(part)} {what}" if len(part) == of else f"{len(part)} of {of} {what}"
        for part, of, what in (
            (chosen, len(places), "neurons"), (inputs, len(found.incoming), "inputs"),
        )
    )  # fmt: skip
    return {
        "name": f"Block {mlp.name.split('.')[1]}" if "." in mlp.name else mlp.name,
        "incoming": _list(found.incoming[inputs]),
        "flow": [_list(row) for row in found.flow[np.ix_(chosen, inputs)]],
        "through": _list(found.through[chosen]),
        "active": _list(found.active[chosen]),
        "rank": _list(found.rank[chosen]),
        "places": places[chosen].tolist(),
        "neurons": chosen.tolist(),
        "stay": stay[chosen].tolist(),
        "many": many,
        "few": few,
    }


def _places(found: Ranked) -> NDArray[np.int64]:
    """1 for the highest rank; of equals the first."""
    places = np.empty(len(found.rank), np.int64)
    places[np.argsort(-found.rank, kind="stable")] = np.arange(1, len(places) + 1)
    return places


def _stays(found: Ranked, sparsity: float) -> NDArray[np.bool_]:
    return np.asarray(
        _places(found) <= len(found.rank) - int(np.floor(sparsity * len(found.rank) + 0.5))
    )


def _table(mlp: Mlp, found: Ranked, sparsity: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "layer": mlp.name,
            "neuron": np.arange(len(found.rank)),
            "comes in": found.through,
            "active": found.active,
            "rank": found.rank,
            "place": _places(found),
            "stays": _stays(found, sparsity),
        }
    )


def _list(values: NDArray[Any]) -> list[float]:
    return [float(f"{v:.4g}") for v in values]
