"""What can be removed from a network for real, and why the rest cannot."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from prunelab.probes import PRUNABLE
from prunelab.surgery.atoms import Axis, Term
from prunelab.surgery.cut import Class, Member, apply_indices, cover, keep_indices
from prunelab.surgery.trace import Trace, call, quietly, state, trace

LAYERS = (*PRUNABLE, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-5}


@dataclass(frozen=True)
class Plan:
    """The classes of a network, and by layer name the reason why others are fixed."""

    classes: tuple[Class, ...]
    frozen: dict[str, str]


def plan(net: nn.Module, example: Any) -> Plan:
    """Find what can be removed from a network, and try each removal once on a copy.

    Args:
        net: any network whose forward is ordinary PyTorch; it is left as it was.
        example: an input of a few examples: a tensor, or a tuple of arguments.
    """
    seen = trace(net, example)
    candidates = list(_classes(seen, net))
    offered: list[Class] = []
    frozen = {c.name: "it has a single unit" for c in candidates if c.size < 2}
    candidates = [c for c in candidates if c.size > 1]
    if candidates and not _probe(net, example, candidates):
        offered, candidates = candidates, []
    for candidate in candidates:
        reason = _probe(net, example, [*offered, candidate])
        if reason:
            frozen[candidate.name] = reason
        else:
            offered.append(candidate)
    return Plan(tuple(offered), _reasons(seen, net, offered, frozen))


def differ(one: Any, other: Any) -> float:
    """The largest difference between two answers of a network, relative to the largest entry."""
    largest, apart = 1.0, 0.0
    for a, b in zip(_floats(one), _floats(other), strict=True):
        if a.shape != b.shape:
            return float("inf")
        largest = max(largest, float(a.abs().max()))
        apart = max(apart, float((a - b).abs().max()))
    return apart / largest


def _classes(seen: Trace, net: nn.Module) -> Iterator[Class]:
    """Atoms made for one axis that lie in the same tensors form a class, named by its producer."""
    where = _places(seen)
    groups: defaultdict[Any, list[int]] = defaultdict(list)
    for atom in sorted(where):
        groups[seen.atoms.family[atom], frozenset(where[atom])].append(atom)
    layers = _producers(net)
    named = [
        (name, atoms, frozenset(places))
        for (_, places), atoms in groups.items()
        if (name := next((layer for place, layer in layers.items() if place in places), None))
    ]
    order = list(layers.values())
    taken: dict[str, int] = {}
    for name, atoms, places in sorted(named, key=lambda n: order.index(n[0])):
        taken[name] = taken.get(name, 0) + 1
        title = name if taken[name] == 1 else f"{name}/{taken[name]}"
        members = tuple(_member(seen, place, atoms) for place in _in_order(seen, places))
        producers = tuple(layers[m.tensor, m.dim] for m in members if (m.tensor, m.dim) in layers)
        yield Class(title, len(atoms), producers, members)


def _axes(seen: Trace) -> Iterator[tuple[str, int, tuple[Term, ...]]]:
    """Tensor, dimension and solved terms of every axis, the groups of convolutions among them."""
    resolve = seen.atoms.resolve
    every: list[tuple[str, tuple[Axis, ...]]] = list(seen.known)
    every += [
        (name.removesuffix("weight") + "groups", (axis,)) for name, axis in seen.groups.items()
    ]
    for name, axes in every:
        for dim, axis in enumerate(axes):
            if axis:
                yield name, dim, tuple(resolve(term) for term in axis)


def _places(seen: Trace) -> dict[int, set[tuple[str, int]]]:
    where: defaultdict[int, set[tuple[str, int]]] = defaultdict(set)
    for name, dim, terms in _axes(seen):
        for atom in frozenset().union(*terms):
            where[atom].add((name, dim))
    return where


def _in_order(seen: Trace, places: frozenset[tuple[str, int]]) -> list[tuple[str, int]]:
    return [(name, dim) for name, dim, _ in _axes(seen) if (name, dim) in places]


def _member(seen: Trace, place: tuple[str, int], atoms: list[int]) -> Member:
    number = {atom: i for i, atom in enumerate(atoms)}
    (terms,) = (terms for name, dim, terms in _axes(seen) if (name, dim) == place)
    found = ([number[atom] for atom in term if atom in number] for term in terms)
    return Member(*place, torch.tensor([units[0] if units else -1 for units in found]))


def _producers(net: nn.Module) -> dict[tuple[str, int], str]:
    """The output axis of each linear and convolutional weight, and its layer."""
    names = {id(p): name for name, p in net.named_parameters()}
    return {
        (names[id(layer.weight)], int(getattr(layer, "transposed", False))): name or "weight"
        for name, layer in net.named_modules()
        if isinstance(layer, LAYERS) and id(layer.weight) in names
    }


def _reasons(
    seen: Trace, net: nn.Module, offered: list[Class], frozen: dict[str, str]
) -> dict[str, str]:
    removable = {name for c in offered for name in c.producers}
    axes = {(name, dim): terms for name, dim, terms in _axes(seen)}
    known = dict(seen.known)
    for (tensor, dim), layer in _producers(net).items():
        if layer in removable or layer in frozen:
            continue
        if tensor not in known:
            frozen[layer] = "it is not used on the example"
        elif known[tensor][dim] is None:
            frozen[layer] = "it has a single unit"
        elif not any(axes[tensor, dim]):
            frozen[layer] = seen.atoms.why((known[tensor][dim] or ())[0])
    return frozen


def _probe(net: nn.Module, example: Any, classes: list[Class]) -> str:
    """Why these classes cannot be removed together, or nothing.

    The weights of the copy are disturbed: a fresh normalisation or a zero would hide a mistake.
    """
    tried = _disturbed(net)
    example = _double(example)
    masks = _some(classes)
    try:
        small = apply_indices(tried, keep_indices(classes, masks))
        with quietly():
            _zero(tried, cover(classes, tried, masks))
            apart = differ(call(tried, example), call(small, example))
    except Exception as error:  # noqa: BLE001 - any failure of foreign code means: not removable
        return f"the small network does not run ({str(error).splitlines()[0]})"
    return "" if apart <= TOLERANCE[torch.float64] else f"the small network differs by {apart:.1e}"


def _disturbed(net: nn.Module) -> nn.Module:
    copied = copy.deepcopy(net).eval().double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _, tensor in state(copied):
            if tensor.is_floating_point():
                noise = torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype)
                tensor.mul_(1 + noise.to(tensor.device) / 2).add_(noise.to(tensor.device) / 10)
    return copied


def _double(example: Any) -> Any:
    if isinstance(example, tuple):
        return tuple(_double(x) for x in example)
    floats = isinstance(example, Tensor) and example.is_floating_point()
    return example.double() if floats else example


def _some(classes: list[Class]) -> dict[str, Tensor]:
    """Masks that remove different numbers of units, at least one and about half at most."""
    generator = torch.Generator().manual_seed(0)
    masks = {}
    for c in classes:
        out = int(torch.randint(1, max(2, c.size // 2 + 1), (), generator=generator))
        masks[c.name] = torch.ones(c.size, dtype=torch.bool)
        masks[c.name][torch.randperm(c.size, generator=generator)[:out]] = False
    return masks


@torch.no_grad()
def _zero(net: nn.Module, covered: dict[str, Tensor]) -> None:
    parameters = dict(net.named_parameters())
    for name, mask in covered.items():
        parameters[name].masked_fill_(~mask, 0.0)


def _floats(tree: Any) -> list[Tensor]:
    return [x for x in tree_leaves(tree) if isinstance(x, Tensor) and x.is_floating_point()]
