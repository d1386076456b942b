"""What a network takes on disk, in the forms people store it."""

from __future__ import annotations

import zlib

from safetensors.torch import save
from torch import Tensor, nn

from prunelab.dead import without_dead
from prunelab.probes import weights
from prunelab.spec import SpecError

INDEX_BYTES = 4  # int32 column indices and row starts, as scipy and torch store them


def size(net: nn.Module, shipped: nn.Module) -> dict[str, int]:
    """Bytes of a network with its zeros: as it is, compressed, as sparse rows, and shrunk.

    Where layers form a chain also "folded": the same answers without dead neurons.

    Args:
        net: the network with its masks multiplied in.
        shipped: the network one would ship, its units really removed (or ``net`` itself).
    """
    tensors = _tensors(net)
    raw = save(tensors)
    matrices = {id(w): w for w in weights(net).values()}
    dense = sum(t.numel() * t.element_size() for t in net.state_dict().values())
    saved = sum(w.numel() * w.element_size() - _csr(w) for w in matrices.values())
    forms = {
        "raw": len(raw),
        "zip": len(zlib.compress(raw, 6)),
        "csr": dense - saved,
        "shrunk": len(raw) if shipped is net else len(save(_tensors(shipped))),
    }
    try:
        return forms | {"folded": len(save(_tensors(without_dead(net))))}
    except SpecError:  # shortcuts, attention: there it is not exact
        return forms


def _tensors(net: nn.Module) -> dict[str, Tensor]:
    return {name: t.detach().cpu().contiguous() for name, t in net.state_dict().items()}


def _csr(weight: Tensor) -> int:
    nonzero = int(weight.count_nonzero())
    return nonzero * (weight.element_size() + INDEX_BYTES) + (len(weight) + 1) * INDEX_BYTES
