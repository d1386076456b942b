"""A first layer under many nested masks: every weight is multiplied once, not once for each mask.

Sorted from the sparsest on, a mask has all that the one before it has. What a layer answers under
it is the answer before, and the part of the weights that come in here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

FEW = 16  # masks: sparse products are slower a weight, so that fewer do not pay
NUMBERS = 1 << 23  # answers at a time: a batch should stay near the processor
BATCH = 256


def first(net: nn.Module) -> tuple[str, nn.Linear, nn.Sequential] | None:
    """The linear layer that sees the data, with its name, and what follows; None if it is other.

    None too on a GPU: what is gained here is the processor's.
    """
    if type(net) is not nn.Sequential or len(net) < 2:
        return None
    (_, flat), (name, layer), *after = zip(net._modules, net, strict=True)
    if type(flat) is not nn.Flatten or flat.start_dim != 1 or type(layer) is not nn.Linear:
        return None
    rest = nn.Sequential(OrderedDict(after))
    shared = {*layer.parameters()} & {*rest.parameters()}
    return None if shared or layer.weight.device.type != "cpu" else (name, layer, rest)


def entries(masks: Sequence[Tensor]) -> Tensor | None:
    """The number of the mask at which each weight comes in; None where they are not nested.

    >>> entries([torch.tensor([False, True, False]), torch.tensor([True, True, False])])
    tensor([1, 0, 2], dtype=torch.int16)
    """
    if any(bool((before > after).any()) for before, after in pairwise(masks)):
        return None
    found = torch.zeros(masks[0].shape, dtype=torch.int16)
    for mask in masks:
        found += ~mask
    return found


def answers(
    layer: nn.Linear, entry: Tensor, count: int, x: NDArray[np.float32]
) -> Iterator[Tensor]:
    """What the layer says under each of so many masks, some examples after the other.

    One row a mask, then a row an example.
    """
    tall = _tall(layer.weight.detach().numpy(), entry.numpy(), count)
    size = max(1, min(BATCH, NUMBERS // len(tall.indptr)))
    for at in range(0, len(x), size):
        some = x[at : at + size].reshape(len(x[at : at + size]), -1)
        found = torch.from_numpy(tall @ np.ascontiguousarray(some.T))
        found = found.view(count, layer.out_features, len(some))
        if layer.bias is not None:
            found[0] += layer.bias.detach().unsqueeze(1)
        for number in range(1, count):
            found[number] += found[number - 1]
        yield found.transpose(1, 2)


def _tall(weight: NDArray[np.float32], entry: NDArray[np.int16], count: int) -> Any:
    """The weights that come in at each mask, one matrix above the other, without their zeros."""
    from scipy.sparse import csr_matrix

    outputs, inputs = weight.shape
    neuron, column = np.nonzero(entry < count)
    row = entry[neuron, column].astype(np.int64) * outputs + neuron
    shape = (count * outputs, inputs)
    return csr_matrix((weight[neuron, column], (row, column)), shape=shape)
