"""What a network takes on disk, in the forms people store it."""

from __future__ import annotations

import zlib

import torch
from safetensors.torch import save
from scipy.sparse import csr_array
from torch import Tensor, nn

from prunelab.dead import without_dead
from prunelab.probes import weights
from prunelab.spec import SpecError


def size(net: nn.Module, shipped: nn.Module) -> dict[str, int]:
    """Bytes of a network with its zeros: as it is, compressed, as sparse rows, and shrunk.

    Where layers form a chain also "folded": the same answers without dead neurons.

    Args:
        net: the network with its masks multiplied in.
        shipped: the network one would ship, its units really removed (or ``net`` itself).
    """
    tensors = _tensors(net)
    raw = save(tensors)
    forms = {
        "raw": len(raw),
        "zip": len(zlib.compress(raw, 6)),
        "csr": len(csr(net)),
        "shrunk": len(raw) if shipped is net else len(save(_tensors(shipped))),
    }
    try:
        return forms | {"folded": len(save(_tensors(without_dead(net))))}
    except SpecError:  # shortcuts, attention: there it is not exact
        return forms


def _tensors(net: nn.Module) -> dict[str, Tensor]:
    return {name: t.detach().cpu().contiguous() for name, t in net.state_dict().items()}


def csr(net: nn.Module) -> bytes:
    """A file of the network whose weight matrices are sparse rows: values, columns, row starts.

    A weight of several dimensions is a matrix with one row an output. Everything else is whole.
    """
    tensors = _tensors(net)
    sparse = {id(w): name for name, w in net.named_parameters()}
    for weight in {id(w): w for w in weights(net).values()}.values():
        name = sparse.get(id(weight), "")
        if name not in tensors:
            continue  # part of a larger tensor, stored with it
        whole = tensors.pop(name)
        wide = whole if whole.element_size() >= 4 else whole.float()  # scipy has no short floats
        rows = csr_array(wide.flatten(1).numpy())
        tensors[f"{name}.values"] = torch.from_numpy(rows.data).to(whole.dtype)
        tensors[f"{name}.columns"] = torch.from_numpy(rows.indices.astype("int32"))
        tensors[f"{name}.starts"] = torch.from_numpy(rows.indptr.astype("int32"))
    return save(tensors)
