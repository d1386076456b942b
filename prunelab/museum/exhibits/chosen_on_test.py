"""The best of many checkpoints is chosen by the test rows, and told by the same rows."""

from __future__ import annotations

import torch
from torch import Tensor

from prunelab.museum import bench
from prunelab.museum.exhibit import Exhibit, Shown

SMALL = 60  # test rows; few, so that chance has room
SEEDS, FEW = 20, 300  # trainings, and digits of each


def broken(scores: Tensor, again: Tensor, tried: int) -> float:
    """The accuracy one reports: ``scores`` (checkpoints,) of the test rows."""
    best = scores[:tried].argmax()
    return float(scores[best])


def mended(scores: Tensor, again: Tensor, tried: int) -> float:
    """The accuracy one reports: ``again`` (checkpoints,) of rows that chose nothing."""
    best = scores[:tried].argmax()
    return float(again[best])


def _answers(data: bench.Digits, seed: int, epochs: int) -> list[Tensor]:
    """Which test rows a network has right after each epoch of one training on few digits."""
    net, hits = bench.mlp(seed), []

    @torch.no_grad()
    def look() -> None:
        hits.append((net.eval()(data.x_test).argmax(1) == data.y_test).double())

    bench.train(net, data.x[:FEW], data.y[:FEW], epochs, seed=seed, lr=0.3, after=look)
    return hits


def show() -> Shown:
    """What is reported after so many checkpoints were tried; mean over several trainings."""
    data = bench.digits()
    counts = [1, 2, 5, 10, 20, 40]
    found = torch.zeros(2, len(counts))
    for seed in range(SEEDS):
        hits = torch.stack(_answers(data, seed, max(counts)))
        order = torch.randperm(len(hits), generator=torch.Generator().manual_seed(seed))
        one, other = hits[order, :SMALL].mean(1), hits[order, SMALL:].mean(1)
        found += torch.tensor([[f(one, other, n) for n in counts] for f in (broken, mended)])
    printed, true = (found / SEEDS).tolist()
    return Shown([float(n) for n in counts], printed, true, at=len(counts) - 1)


EXHIBIT = Exhibit(
    title="The best checkpoint, chosen by the examiner",
    scene=(
        "A script trains for 40 epochs, keeps the checkpoint with the best test accuracy, and "
        "reports that accuracy. Many published scripts do."
    ),
    says="Best of {x} checkpoints: {printed} right on the test rows.",
    is_true="The same checkpoints get {true} right on rows that chose nothing.",
    options=(
        "Accuracy should have been measured on the training rows",
        "Early checkpoints are not comparable with late ones",
        "The test rows chose the checkpoint, so their accuracy is the luck of the best",
        "The network had too few weights",
    ),
    answer=2,
    why=(
        "Every look at the test rows is a draw; the best of many draws is partly luck, and the "
        "luck does not come again on other rows. The fewer rows and the more looks, the more."
    ),
    instead=(
        "Here validation rows choose, and test rows are used once, when nothing is left to choose; "
        "the code has one function that gives them."
    ),
    axes=("checkpoints tried", "right answers of the chosen one"),
    unit="%",
    broken=broken,
    mended=mended,
    show=show,
    link="sweep",
)
