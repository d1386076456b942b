"""After a cut: the down-projection solved anew by least squares, or a short training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from prunelab.lm.anatomy import blocks, linears, matrix, mlp
from prunelab.lm.counting import without_lowest
from prunelab.lm.walk import Block, listening, walk
from prunelab.masks import removed
from prunelab.spec import SpecError
from prunelab.training import seeded

DAMP = 1e-4  # of the mean of the diagonal
CLIP = 1.0  # norm of the gradient


@torch.no_grad()
def least_squares(model: Any, ids: Tensor, stays: list[Tensor], damp: float = DAMP) -> None:
    """Let the neurons that stay say what all said: W' = W G[:, S] G[S, S]⁻¹, G = Σ h hᵀ.

    h is what the down-projection reads. Blocks in order, each seeing what is left of those before;
    columns of neurons that go become zero. Nothing is trained.
    """

    def visit(number: int, block: nn.Module, arriving: Tensor, run: Block) -> Tensor:
        down, stay = mlp(block).down, stays[number]
        found: dict[str, Tensor] = {}

        def hear(name: str, given: Tensor, out: Tensor) -> None:
            h = given.flatten(0, -2).float()
            found[name] = found[name] + h.T @ h if name in found else h.T @ h

        with listening(block, {"down": down}, hear):
            run(arriving)
        _solve(matrix(down), found["down"].double(), stay.to(arriving.device), damp)
        return run(arriving, arriving)

    walk(model, ids, visit)


def _solve(weight: Tensor, gram: Tensor, stay: Tensor, damp: float) -> None:
    inside = gram[stay][:, stay]
    inside.diagonal().add_(damp * float(gram.diagonal().mean()) + torch.finfo(torch.float64).tiny)
    lower, failed = torch.linalg.cholesky_ex(inside)
    if failed:
        raise SpecError(
            "Least squares found no solution: the calibration text says too little. Give more text."
        )
    new = torch.cholesky_solve(gram[stay] @ weight.double().T, lower).T
    weight.zero_()
    weight[:, stay] = new.to(weight.dtype)


def finetune(
    model: Any, ids: Tensor, *, steps: int = 50, lr: float = 1e-4, batch: int = 8, seed: int = 0
) -> list[float]:
    """Train a model in place for some steps on texts (sequences, tokens); zeros stay zero.

    Returns the loss of each step.
    """
    zeros = {name: p.detach() == 0 for name, p in model.named_parameters() if p.ndim > 1}
    sparse = {name: zero for name, zero in zeros.items() if bool(zero.any())}
    named = dict(model.named_parameters())
    optimizer, losses = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.0), []
    with _training(model):
        for some in _batches(ids, batch, steps, seed, model.device):
            losses.append(_step(model, optimizer, some))
            with torch.no_grad():
                for name, zero in sparse.items():
                    named[name].masked_fill_(zero, 0)
    return losses


def movement(
    model: Any,
    ids: Tensor,
    sparsity: float,
    *,
    steps: int = 100,
    lr: float = 1e-4,
    batch: int = 8,
    seed: int = 0,
) -> tuple[int, int]:
    """Prune single weights while fine-tuning, by movement; weights there were, and that stay.

    A weight's score is −Σ w · ∂loss/∂w: high where training moves it away from zero. Sparsity grows
    along a cubic, of each layer by itself; weights that are masked go on learning (straight
    through), so that they can come back until the end.
    """
    layers = {f"{i} {n}": m for i, b in enumerate(blocks(model)) for n, m in linears(b).items()}
    weights: dict[str, Any] = {name: layer.weight for name, layer in layers.items()}
    whole = {name: w.detach().clone() for name, w in weights.items()}
    scores = {name: torch.zeros_like(w, dtype=torch.float32) for name, w in whole.items()}
    stays = {name: torch.ones_like(w, dtype=torch.bool) for name, w in whole.items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.0)
    with _training(model):
        for number, some in enumerate(_batches(ids, batch, steps, seed, model.device), start=1):
            _step(model, optimizer, some, before=lambda: _moved(weights, whole, scores))
            share = sparsity * (1 - (1 - number / steps) ** 3)
            with torch.no_grad():
                for name, w in weights.items():
                    whole[name] += w - whole[name] * stays[name]
                    flat = scores[name].flatten()[None]
                    mask = without_lowest(flat, removed(share, flat.numel()))
                    stays[name] = mask.view_as(w)
                    w.copy_(whole[name] * stays[name])
    return sum(s.numel() for s in stays.values()), sum(int(s.sum()) for s in stays.values())


def _moved(
    weights: Mapping[str, Any], whole: Mapping[str, Tensor], scores: Mapping[str, Tensor]
) -> None:
    with torch.no_grad():
        for name, w in weights.items():
            scores[name] -= (whole[name] * w.grad).float()


def _step(model: Any, optimizer: Any, ids: Tensor, before: Any = None) -> float:
    optimizer.zero_grad()
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1].float()
    loss = cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
    loss.backward()  # type: ignore[no-untyped-call]
    if before:
        before()
    torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
    optimizer.step()
    return loss.item()


def _batches(
    ids: Tensor, batch: int, steps: int, seed: int, device: torch.device
) -> Iterator[Tensor]:
    """Batches where the model is, in an order of their own each time through."""
    chance, left = seeded(seed, "batches"), torch.zeros(0, dtype=torch.long)
    for _ in range(steps):
        if len(left) < min(batch, len(ids)):
            left = torch.randperm(len(ids), generator=chance)
        rows, left = left[:batch], left[batch:]
        yield ids[rows].to(device)


class _training:
    """Inside, a model trains; after it, as it was."""

    def __init__(self, model: Any) -> None:
        self.model, self.was = model, model.training

    def __enter__(self) -> None:
        self.model.train()

    def __exit__(self, *_: object) -> None:
        self.model.train(self.was)
