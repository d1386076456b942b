"""Fashion-MNIST: the shape of MNIST, but harder."""

from __future__ import annotations

from prunelab.parts import Table
from prunelab.registry import dataset

CLASSES = (
    "T-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


@dataset(
    traits={"images"},
    title="Fashion-MNIST",
    licence="MIT",
    source="H. Xiao, K. Rasul, R. Vollgraf 2017, Zalando SE; openml.org/d/40996",
    epochs=8,
    download=True,
)
def fashion_mnist() -> Table:
    """70,000 pictures of clothes, 28 × 28 pixels; 10,000 of them are the fixed test part."""
    from prunelab.downloads import images

    return images("fashion-mnist", 40996, (1, 28, 28), CLASSES)
