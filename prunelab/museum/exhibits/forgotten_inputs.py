"""Multiply-adds are counted without the inputs that went."""

from __future__ import annotations

from prunelab.measure.macs import macs
from prunelab.museum import bench
from prunelab.museum.exhibit import Exhibit, Shown

SIDE = 8  # pixels


def broken(filters: list[int], kept: list[int]) -> int:
    """Multiply-adds of 3 × 3 convolutions with so many filters left."""
    total, before = 0, 1
    for all_of_them, left in zip(filters, kept, strict=True):
        total += SIDE * SIDE * left * before * 9
        before = all_of_them
    return total


def mended(filters: list[int], kept: list[int]) -> int:
    """Multiply-adds of 3 × 3 convolutions with so many filters left."""
    total, before = 0, 1
    for all_of_them, left in zip(filters, kept, strict=True):  # noqa: B007
        total += SIDE * SIDE * left * before * 9
        before = left
    return total


def show() -> Shown:
    """The count by the tool, and that of the small network by PyTorch's own counter."""
    filters, shares = [16, 32, 32], [0.0, 0.25, 0.5, 0.75]
    data, said, true = bench.digits(), [], []
    for share in shares:
        kept = [round(n * (1 - share)) for n in filters]
        net = bench.cnn(widths=kept)
        counted = macs(net, data.x[:1])
        said.append(float(broken(filters, kept)))
        true.append(float(sum(counted[name] for name in ("0", "3", "6"))))
    return Shown(shares, said, true, at=2)


EXHIBIT = Exhibit(
    title="Work that nobody does",
    scene=(
        "A paper removes half of the filters of every layer and counts the multiplications that "
        "are left, layer by layer."
    ),
    says="With {x} of the filters gone, {printed} multiply-adds are left.",
    is_true="The small network needs {true}.",
    options=(
        "Additions were counted as well as multiplications",
        "Each layer is counted with all the inputs it had before, though they are gone too",
        "The size of the picture was taken wrong",
        "Batch normalisation was not counted",
    ),
    answer=1,
    why=(
        "A filter that goes takes its output with it, and the next layer has fewer inputs. Half "
        "of the filters in two layers in a row is a quarter of the work. Here the tool does "
        "itself an injustice; published tables that mix both ways of counting cannot be compared."
    ),
    instead=(
        "Here three counts stand side by side: of the dense network, if zeros were free, and of "
        "the network one would ship. The last is PyTorch's own count of the small network."
    ),
    axes=("filters removed", "multiply-adds of the convolutions"),
    unit="",
    broken=broken,
    mended=mended,
    show=show,
    link="lab",
)
