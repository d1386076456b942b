"""Looks into a network and leaves no trace: what can be pruned, and gradients on a batch.

Gradients are those of mean cross-entropy with respect to the prunable weights, in training mode
(batch normalisation sees the batch). Parameters, their ``grad``, buffers, modes and random numbers
are as before afterwards, because everything runs on stand-ins.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy, linear

from prunelab.spec import SpecError

PRUNABLE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
Batch = tuple[Tensor, Tensor]
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
CURVED = (nn.Embedding, nn.LayerNorm, nn.GroupNorm, nn.MultiheadAttention, nn.Softmax)
# Not homogeneous; on the positive values that flow here the identity stands in, as for ReLU.
BENT = (nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.ELU, nn.Softplus, nn.Hardswish)


def weights(net: nn.Module) -> dict[str, Tensor]:
    """The prunable weights by layer name: those of linear and convolutional layers, tied ones once.

    Biases, normalisation and embeddings are not prunable (``Conventions`` of the method cards).
    """
    embedded = {id(m.weight) for m in net.modules() if isinstance(m, nn.Embedding)}
    seen: set[int] = set(embedded)
    found: dict[str, Tensor] = {}
    for name, layer in net.named_modules():
        if isinstance(layer, PRUNABLE) and id(layer.weight) not in seen:
            if hasattr(layer, "parametrizations"):
                raise SpecError(f"{name} computes its weight (a parametrization); remove it first.")
            seen.add(id(layer.weight))
            found[name or "weight"] = layer.weight
    _of_one_kind(found)
    return found


def _of_one_kind(found: dict[str, Tensor]) -> None:
    """Scores of different precision are not comparable, and a network of two rarely runs."""
    kinds = {name: str(weight.dtype).removeprefix("torch.") for name, weight in found.items()}
    first = next(iter(kinds), "")
    for name, kind in kinds.items():
        if kind != kinds[first]:
            raise SpecError(
                f"{name} is {kind} and {first} {kinds[first]}: give all layers one dtype, as "
                f"net.float() does."
            )


def trainable(net: nn.Module) -> dict[str, Tensor]:
    """The prunable weights, all of which training changes.

    Raises:
        SpecError: a layer is frozen.
    """
    found = weights(net)
    frozen = [name for name, weight in found.items() if not weight.requires_grad]
    if frozen:
        raise SpecError(
            f"{frozen[0]} is frozen, so nothing can be learned about its weights: set "
            f"requires_grad, or choose a method that scores once."
        )
    return found


def gradient(weight: Tensor) -> Tensor:
    """The gradient that the last backward pass left; zeros for a weight that was not used."""
    if weight.grad is None:
        weight.grad = torch.zeros_like(weight)
    return weight.grad


def parameter_names(net: nn.Module) -> dict[str, str]:
    """The parameter name of each prunable weight, by layer name."""
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    return {layer: names[id(weight)] for layer, weight in weights(net).items()}


def batch(data: Any, size: int, generator: torch.Generator) -> Batch:
    """Examples of the training part drawn without repeats; all of them where there are fewer."""
    x, y = examples(data)
    chosen = torch.randperm(len(y), generator=generator)[:size]
    return x[chosen], y[chosen]


def balanced(data: Any, each: int, generator: torch.Generator) -> Batch:
    """So many examples of every class, drawn without repeats.

    Raises:
        SpecError: a class that has fewer.
    """
    x, y = examples(data)
    order = torch.randperm(len(y), generator=generator)
    chosen = []
    for number in range(int(y.max()) + 1):
        mine = order[y[order] == number][:each]
        if len(mine) < each:
            raise SpecError(
                f"Class {number} has {len(mine)} training examples, but the score needs {each} of "
                f"each class."
            )
        chosen.append(mine)
    picked = torch.cat(chosen)
    return x[picked], y[picked]


def examples(data: Any) -> Batch:
    """The training part of ``Parts``, or a pair of inputs and classes, as tensors.

    Raises:
        SpecError: data without classes.
    """
    if isinstance(data, tuple) and len(data) == 2:
        return torch.as_tensor(data[0]), torch.as_tensor(data[1])
    if not hasattr(data, "train"):
        raise SpecError("This method needs examples with their classes: pass data as (x, y).")
    return torch.from_numpy(data.train.x), torch.from_numpy(data.train.y)


def gradients(
    net: nn.Module, examples: Batch, at: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """The gradient of the loss for each prunable weight; a layer that is not used has zeros.

    ``at`` evaluates the network with other weights (by layer), such as masked ones: the gradient
    is then the dense one with respect to those values.
    """
    leaves = _leaves(weights(net) | dict(at or {}))
    with untouched(net):
        loss = loss_at(net, examples, leaves)
        found = torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)
    return dict(zip(leaves, (g.detach() for g in found), strict=True))


def curvature(
    net: nn.Module, examples: Batch, temperature: float = 1.0
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The gradient g and the Hessian times g, for each prunable weight.

    Raises:
        SpecError: an operation of the network has no second derivative.
    """
    leaves = _leaves(weights(net))
    wanted = list(leaves.values())
    with untouched(net):
        loss = loss_at(net, examples, leaves, temperature)
        g = torch.autograd.grad(loss, wanted, create_graph=True, allow_unused=True)
        along = [(a.detach() * a).sum() for a in g if a is not None]
        try:
            hg = torch.autograd.grad(torch.stack(along).sum(), wanted, allow_unused=True)
        except RuntimeError as error:
            raise SpecError(f"The network has no second derivative: {error}") from error
    return _filled(leaves, g), _filled(leaves, hg)


def loss_at(
    net: nn.Module, examples: Batch, at: Mapping[str, Tensor], temperature: float = 1.0
) -> Tensor:
    """Mean cross-entropy of a batch with the given prunable weights; buffers are stand-ins."""
    names = parameter_names(net)
    like = next(net.parameters())
    state: dict[str, Tensor] = {n: p.detach() for n, p in net.named_parameters()}
    state |= {name: buffer.clone() for name, buffer in net.named_buffers()}
    state |= {names[layer]: tensor for layer, tensor in at.items()}
    x, y = (t.to(like.device) for t in examples)
    x = x.to(like.dtype) if x.is_floating_point() else x
    return cross_entropy(functional_call(net, state, (x,)) / temperature, y)


def affine(layer: Any, x: Tensor, weight: Tensor, bias: Any) -> Tensor:
    """What a linear or convolutional layer computes with another weight and bias."""
    if isinstance(layer, nn.Linear):
        return linear(x, weight, bias)
    return layer._conv_forward(x, weight, bias)  # type: ignore[no-any-return]


def positive(net: nn.Module) -> nn.Module:
    """A copy in float64 whose weights are positive and which is linear on positive inputs.

    Raises:
        SpecError: a layer for which there is no such copy.
    """
    for name, module in net.named_modules():
        if isinstance(module, CURVED):
            raise SpecError(f"{name} is a {type(module).__name__}: flow through it is not defined.")
    flow = copy.deepcopy(net).double().eval()
    for module in list(flow.modules()):
        for name, child in module.named_children():
            if isinstance(child, BENT):
                setattr(module, name, nn.Identity())
    _straighten(flow)
    return flow.requires_grad_()


@torch.no_grad()
def _straighten(flow: nn.Module) -> None:
    for name, parameter in flow.named_parameters():
        parameter.copy_(parameter.abs())
        if name.endswith("bias"):
            parameter.zero_()
    for module in flow.modules():
        if isinstance(module, NORMS) and module.running_mean is not None:
            module.running_mean.zero_()


@torch.no_grad()
def reached(net: nn.Module, shape: tuple[int, ...]) -> tuple[int, int]:
    """How many outputs still have a path of weights from the input, and how many there are.

    None of none where that is not defined, as with attention.
    """
    like = next(net.parameters())
    try:
        flow = positive(net)
    except SpecError:
        return 0, 0
    out = flow(torch.ones(1, *shape, dtype=torch.float64, device=like.device))
    return int((out.sum(0) > 0).sum()), out[0].numel()


@contextmanager
def untouched(net: nn.Module) -> Iterator[None]:
    """Training mode inside; modes and random numbers as before outside. The numbers are fixed."""
    modes = {module: module.training for module in net.modules()}
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        try:
            net.train()
            yield
        finally:
            for module, mode in modes.items():
                module.training = mode


def _leaves(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: t.detach().clone().requires_grad_() for name, t in tensors.items()}


def _filled(leaves: Mapping[str, Tensor], found: tuple[Tensor | None, ...]) -> dict[str, Tensor]:
    return {
        name: torch.zeros_like(leaf) if t is None else t.detach()
        for (name, leaf), t in zip(leaves.items(), found, strict=True)
    }
