"""The size before and after are those of one object."""

from __future__ import annotations

import copy
import io

import torch
from torch import nn

from prunelab.measure.size import csr
from prunelab.museum import bench
from prunelab.museum.exhibit import Exhibit, Shown


def broken(net: nn.Module, sparsity: float) -> float:
    """Prune; the share of the file that was saved."""
    dense = net
    pruned = _zeroed(net, sparsity)
    return 1 - len(_file(pruned)) / len(_file(dense))


def mended(net: nn.Module, sparsity: float) -> float:
    """Prune a copy; the share of the file that was saved, zeros not stored."""
    dense = net
    pruned = _zeroed(copy.deepcopy(net), sparsity)
    return 1 - len(csr(pruned)) / len(_file(dense))


def _zeroed(net: nn.Module, sparsity: float) -> nn.Module:
    """The smallest weights of each layer are zero; the network itself is changed."""
    for weight in bench.matrices(net):
        order = weight.abs().flatten().argsort()
        weight.view(-1)[order[: round(sparsity * weight.numel())]] = 0
    return net


def _file(net: nn.Module) -> bytes:
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    return file.getvalue()


def show() -> Shown:
    """What a file loses by sparsity: as told, and where zeros are not stored."""
    asked = [0.5, 0.7, 0.8, 0.9, 0.95]
    printed, true = [[f(bench.mlp(), s) for s in asked] for f in (broken, mended)]
    return Shown(asked, printed, true, at=3)


EXHIBIT = Exhibit(
    title="Smaller by nothing",
    scene=("A tool prunes a network and then compares the size of the file before and after."),
    says="At {x} sparsity the file is {printed} smaller.",
    is_true="Written as sparse rows it is {true} smaller than the dense one.",
    options=(
        "The network is too small for its size to change",
        "The weights should have been rounded as well",
        "The file was compressed",
        "Both sizes are of the same pruned network, and its file stores every zero",
    ),
    answer=3,
    why=(
        "`dense = net` is a second name, not a copy: both files hold the pruned network. And even "
        "with a copy nothing would change, because a zero takes four bytes like any other number. "
        "Sparse rows pay two numbers for each weight that stays: at 50 % they save next to nothing."
    ),
    instead=(
        "Here sizes are those of real files in four forms: as it is, compressed, as sparse rows, "
        "and really shrunk."
    ),
    axes=("sparsity", "smaller by"),
    unit="%",
    broken=broken,
    mended=mended,
    show=show,
    link="lab",
)
