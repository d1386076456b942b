"""N:M patterns: of every M weights in a row N stay, which hardware can use."""

from __future__ import annotations

import warnings
from typing import Annotated

from torch import nn

from prunelab.masks import Scores
from prunelab.probes import weights
from prunelab.registry import Note, Range, method
from prunelab.units.patterns import blockwise, pattern


@method(
    unit="weights",
    recover="lr-rewind",
    paper="Mishra et al. 2021, arXiv:2104.08378",
    label="rank in its block",
    subjects=("lenet-300-100",),
    needs={"network"},
)
def n_m(
    net: nn.Module,
    data: object,
    *,
    sparsity: float,
    m: Annotated[int, Range(2, 32, 1), "weights of a block"] = 4,
) -> Scores:
    """Keep the N largest |w| of every M consecutive inputs; N follows from the sparsity.

    Blocks lie along the input of a linear layer, and along the input channels of a convolution for
    each tap of its kernel. A sparsity of 1 − N/M (0.5 for 2:4) gives exactly N in every block; at
    another one some blocks keep one more than others, and a note says so. Retrained as it was
    trained, at the full learning rate.
    Deviations: no layer is skipped, one whose inputs M does not divide is refused.

    Example: (1, −4, 2, 3 | 0, 1, 0, −2) at 2:4 keeps −4, 3 and 1, −2.
    """
    if text := pattern(sparsity, m):
        warnings.warn(text, Note, stacklevel=2)
    return {name: blockwise(name, w.detach(), m) for name, w in weights(net).items()}
