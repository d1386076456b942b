"""MNIST: seventy thousand handwritten digits."""

from __future__ import annotations

from prunelab.parts import Table
from prunelab.registry import dataset


@dataset(
    traits={"images"},
    title="MNIST",
    licence="CC BY-SA 3.0",
    source="Y. LeCun, C. Cortes; openml.org/d/554",
    epochs=5,
    download=True,
)
def mnist() -> Table:
    """70,000 handwritten digits, 28 × 28 pixels; 10,000 of them are the fixed test part."""
    from prunelab.downloads import images

    return images("mnist", 554, (1, 28, 28), tuple("0123456789"))
