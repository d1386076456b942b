"""CIFAR-10: small colour photographs of ten things."""

from __future__ import annotations

from prunelab.parts import Table
from prunelab.registry import dataset

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


@dataset(
    traits={"images"},
    title="CIFAR-10",
    licence="none stated; for research",
    source="A. Krizhevsky 2009; openml.org/d/40927",
    epochs=20,
    download=True,
)
def cifar_10() -> Table:
    """60,000 colour photographs, 32 × 32 pixels; 10,000 of them are the fixed test part."""
    from prunelab.downloads import images

    return images("cifar-10", 40927, (3, 32, 32), CLASSES)
