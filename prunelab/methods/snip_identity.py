"""Spectral-normalised identity priors, also called SNIP: residual modules come to add nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from prunelab.course import Course, Memory
from prunelab.filters.maps import inputs
from prunelab.masks import Scores
from prunelab.probes import weights
from prunelab.registry import Range, method
from prunelab.surgery.branches import flows
from prunelab.units.blocks import GROUP, residuals

EXAMPLES = 256  # that the norms are taken over


@method(
    unit="blocks",
    when="training",
    schedule="settle",
    start="trained",
    recover="finetune",
    paper="Lin, Liu, Yang, Hua, Roth 2020, arXiv:2010.01791 (Findings of EMNLP)",
    label="E‖F(x)‖ / E‖x‖",
    baseline="random-block",
    subjects=("vit-tiny",),
    needs={"network"},
)
def snip_identity(
    net: nn.Module,
    data: Any,
    *,
    memory: Memory,
    course: Course,
    prior: Annotated[float, Range(0, 10, 1e-4), "weight λ of what residual modules add"] = 1e-3,
    ceiling: Annotated[float, Range(0.1, 10, 0.1), "largest spectral norm c of a weight"] = 1.0,
) -> Iterator[Scores | None]:
    """Train residual modules towards adding nothing; those that add least go.

    The loss is cross-entropy + λ · Σ mean |F(x)| over the residual modules x + F(x), attention and
    feed-forward apart. Meanwhile W ← W · min(1, c/σ₁(W)) for each weight in them, σ₁ its largest
    singular value: else a module could shrink its answer, and the next one grow its weights, and
    nothing be won. s = E‖F(x)‖₂ / E‖x‖₂ at the end of the prior's time.
    Not to be confused with ``snip``, connection sensitivity, which has the same nickname and scores
    single weights before training.
    Deviations: written from the published abstract and equations of the idea, as there is no public
    code; λ and c are ours; σ₁ by one step of power iteration each training step (exactly when
    scores are taken); heads are left to head-importance; what is left trains on without prior.

    Example: ‖F(x)‖ = 0.1 beside ‖x‖ = 2 scores 0.05, and goes before a module with 0.5.
    """
    names = residuals(net, data)
    held = _weights_in(net, names)
    like = {n: w.detach().flatten(1)[:, 0] for n, w in held.items()}
    vectors = memory.tensors("singular", like, _first)
    added: dict[str, Tensor] = {}
    if not course.mask:
        course.forward = {n: _noting(added, n, adds=adds) for n, adds in names.items()}
        course.penalty = lambda: prior * torch.stack([f.abs().mean() for f in added.values()]).sum()
        yield scores(net, data) if course.due else None
    while not course.mask:
        if course.due:
            limit(held, ceiling)
            yield scores(net, data)
        else:
            _limit_by_step(held, vectors, ceiling)
            yield None
    course.penalty, course.forward = None, {}
    while True:
        yield None


@torch.no_grad()
def limit(held: dict[str, Tensor], ceiling: float) -> None:
    """Scale each weight down, in place, to a spectral norm of at most the ceiling."""
    for weight in held.values():
        largest = torch.linalg.matrix_norm(weight.flatten(1), 2)
        weight.mul_((ceiling / largest.clamp_min(1e-12)).clamp_max(1.0))


def scores(net: nn.Module, data: Any) -> Scores:
    """What each residual module adds, relative to the stream: E‖F(x)‖₂ / E‖x‖₂."""
    names = residuals(net, data)
    found = flows(net, inputs(net, data, EXAMPLES, 0), names)
    each = [_norm(found[n].added) / _norm(found[n].before).clamp_min(1e-30) for n in names]
    return {GROUP: torch.stack(each).cpu()}


@torch.no_grad()
def _limit_by_step(held: dict[str, Tensor], vectors: dict[str, Tensor], ceiling: float) -> None:
    for name, weight in held.items():
        matrix, u = weight.flatten(1), vectors[name].detach()
        v = normalize(matrix.T @ u, dim=0)
        along = matrix @ v
        vectors[name].detach().copy_(normalize(along, dim=0))
        weight.mul_((ceiling / along.norm().clamp_min(1e-12)).clamp_max(1.0))


def _weights_in(net: nn.Module, names: Iterable[str]) -> dict[str, Tensor]:
    found = weights(net)
    return {n: w for n, w in found.items() if any(n == m or n.startswith(m + ".") for m in names)}


def _first(layer: str, like: Tensor) -> Tensor:
    """Where power iteration starts: anything but orthogonal to the answer, the same each time."""
    generator = torch.Generator().manual_seed(len(like))
    return torch.randn(like.shape, generator=generator).to(like)


def _noting(added: dict[str, Tensor], name: str, *, adds: bool) -> Callable[..., Any]:
    """The forward of a residual module that notes what it adds."""

    def forward(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        out = type(module).forward(module, *args, **kwargs)
        answer = out[0] if isinstance(out, tuple) else out
        added[name] = answer if adds else answer - args[0]
        return out

    return forward


def _norm(x: Tensor) -> Tensor:
    """E‖x‖₂ over examples and positions."""
    vectors = (x.movedim(1, -1) if x.ndim == 4 else x).double()
    lengths: Tensor = torch.linalg.vector_norm(vectors, dim=-1)
    return lengths.mean()
