"""How well a network predicts: accuracy, loss and confusion on one part of the data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from prunelab.parts import Part

BATCH = 1024
FIRST = 5  # of the likeliest tokens, that two language models are compared by


def quality(net: nn.Module, part: Part, classes: int) -> dict[str, Any]:
    """Accuracy (0..1), mean cross-entropy (nats) and confusion counts, rows the true class.

    Of a language model they are of the next token, and beside them is the perplexity, exp(loss):
    windows as the part has them, each token predicted from those before it in its window. The
    network is left as it was found, in training or evaluation mode.
    """
    return answered(net, part, classes)[0]


@torch.no_grad()
def answered(net: nn.Module, part: Part, classes: int) -> tuple[dict[str, Any], NDArray[np.int64]]:
    """The same numbers, and the class the network gives each example (each token, of texts)."""
    device = next(net.parameters()).device
    training = net.training
    net.eval()
    total = 0.0
    confusion = torch.zeros(classes * classes, dtype=torch.int64)
    said = []
    for start in range(0, len(part.y), BATCH):
        x = torch.from_numpy(part.x[start : start + BATCH]).to(device)
        y = torch.from_numpy(part.y[start : start + BATCH]).to(device)
        logits = net(x)
        total += float(cross_entropy(logits, y, reduction="sum"))
        guess = logits.argmax(1)
        said.append(guess.cpu())
        cells = (y * classes + guess).flatten()
        confusion += torch.bincount(cells.cpu(), minlength=classes * classes)
    net.train(training)
    table = confusion.reshape(classes, classes)
    loss = total / part.y.size
    text = {"perplexity": perplexity(loss)} if part.y.ndim == 2 else {}
    values = {
        "accuracy": int(table.trace()) / part.y.size,
        "loss": loss,
        **text,
        "confusion": table.tolist(),
    }
    return values, torch.cat(said).numpy()


@torch.no_grad()
def agreement(net: nn.Module, dense: nn.Module, part: Part, first: int = FIRST) -> float:
    """Top-5 agreement: what share of the dense model's likeliest tokens the other one also has.

    Both are in evaluation mode; no answer of the part is looked at.
    """
    device = next(net.parameters()).device
    both, count = 0, 0
    for start in range(0, len(part.x), BATCH):
        x = torch.from_numpy(part.x[start : start + BATCH]).to(device)
        ours, theirs = (model(x).movedim(1, -1) for model in (net, dense))
        both += shared(ours, theirs, first)
        count += theirs[..., :first].numel()
    return both / count


def shared(one: Tensor, two: Tensor, first: int = FIRST) -> int:
    """How many of the ``first`` likeliest of two answers (..., tokens) are the same.

    >>> shared(torch.tensor([[3.0, 2.0, 1.0]]), torch.tensor([[0.0, 2.0, 1.0]]), 2)
    1
    """
    first = min(first, one.shape[-1])
    ours, theirs = (logits.topk(first, dim=-1).indices for logits in (one, two))
    return int((ours[..., :, None] == theirs[..., None, :]).sum())


def perplexity(loss: float) -> float:
    """Among how many tokens a model with this loss wavers; infinite where that overflows.

    >>> round(perplexity(math.log(7)), 9)
    7.0
    """
    return math.exp(loss) if loss < 700 else math.inf
