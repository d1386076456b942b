"""Prototypes: how far an example is from the middle of its own kind, labels unseen."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from sklearn.cluster import KMeans

from prunelab.masks import Scores
from prunelab.rating.difficulty import Side, embedding, keep_side
from prunelab.registry import Range, method


@method(
    unit="examples",
    paper="Sorscher et al. 2022, arXiv:2206.14486",
    scope="uniform",
    label="1 − cosine to the prototype",
    recover="equal-steps",
    baseline="random-examples",
    subjects=("mlp", "decision-tree"),
)
def prototypes(
    model: Any,
    data: Any,
    *,
    seed: int,
    keep: Annotated[Side, "which examples stay"] = "hardest",
    clusters: Annotated[int, Range(0, 1000), "prototypes; 0 for as many as classes"] = 0,
) -> Scores:
    """Keep the examples farthest from the prototypes that k-means finds without labels.

    k-means on embeddings of length 1; the score is 1 − cosine to the nearest centre. The embedding
    is the first 50 principal components of the inputs, so no label is used; the paper's comes from
    a large self-supervised network. Rule: keep the hardest where many examples a parameter stay
    (about 2.5 in the paper's perceptron), the easiest where few do.
    """
    h = embedding(None, data)
    h = h / np.maximum(np.linalg.norm(h, axis=1, keepdims=True), 1e-12)
    count = min(clusters or len(data.classes), len(h))
    found = KMeans(count, n_init=4, random_state=seed % 2**32).fit(h)
    centres = found.cluster_centers_
    centres = centres / np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
    return keep_side(1 - (h * centres[found.labels_]).sum(1), keep, 0.0, data, seed)
