"""The picture that moves: real weights vanish, smallest first, while the accuracy holds, then not.

A plain component: one canvas for the weights, one for the curve, a slider; no build, no network.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pages.ui.browser import component
from prunelab.examples import Example
from prunelab.figures.look import PALETTES, is_baseline
from prunelab.figures.matrix import image
from prunelab.figures.means import lines, points

_component = component("moving")


def picture(weight: NDArray[Any], example: Example) -> None:
    """The weights of one layer and the mean accuracies of the example's sweep."""
    cells = np.nan_to_num(image(weight.astype(np.float32)).values)[:64, :96]
    rank = np.argsort(np.argsort(np.abs(cells), axis=None)).reshape(cells.shape) / cells.size
    drawn = {is_baseline(line.method): line for line in lines(points(example.sweep))}
    dense = example.result.dense["accuracy"]
    _component(
        data={
            "values": _whole(100 * cells / np.abs(cells).max()),
            "rank": _whole(1000 * rank),
            "wide": cells.shape[1],
            "method": drawn[False].method,
            "curve": [[0.0, dense], *_pairs(drawn[False])],
            "random": [[0.0, dense], *_pairs(drawn[True])] if True in drawn else [],
            "light": PALETTES["light"]._asdict(),
            "dark": PALETTES["dark"]._asdict(),
        },
        key="moving",
    )


def _whole(values: NDArray[Any]) -> list[int]:
    return [int(v) for v in np.round(values).ravel()]


def _pairs(line: Any) -> list[list[float]]:
    return [[s, a] for s, a in zip(line.sparsity, line.mean, strict=True)]
