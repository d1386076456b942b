"""From the solved equations of a network to classes of units, and reasons for what is fixed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import nn

from prunelab.probes import PRUNABLE
from prunelab.surgery.atoms import Term
from prunelab.surgery.cut import Class, Member
from prunelab.surgery.trace import Trace

LAYERS = (*PRUNABLE, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
Place = tuple[str, int]  # a tensor and its dimension
SolvedAxes = Mapping[Place, tuple[Term, ...]]


def axes_of(seen: Trace) -> SolvedAxes:
    """The solved terms of every axis by its place, the groups of convolutions among them."""
    every = list(seen.known)
    every += [
        (name.removesuffix("weight") + "groups", (axis,)) for name, axis in seen.groups.items()
    ]
    return {
        (name, dim): tuple(seen.atoms.resolve(term) for term in axis)
        for name, axes in every
        for dim, axis in enumerate(axes)
        if axis
    }


def classes_of(seen: Trace, net: nn.Module, axes: SolvedAxes) -> list[Class]:
    """Atoms made for one axis that lie in the same places form a class, in the order of layers."""
    layers = producers(net)
    order = {place: i for i, place in enumerate(layers)}
    groups = _grouped(seen, axes)
    first = {key: min((order[p] for p in key[1] if p in order), default=-1) for key in groups}
    found = []
    for key in sorted((key for key in groups if first[key] >= 0), key=lambda key: first[key]):
        places = [place for place in axes if place in key[1]]
        members = (_member(p, axes[p], groups[key], layers.get(p, "")) for p in places)
        name = list(layers.values())[first[key]]
        found.append(Class(name, len(groups[key]), tuple(members)))
    return found


def named(classes: Sequence[Class]) -> list[Class]:
    """Each with a name of its own: the first of a layer has the name of the layer."""
    taken: dict[str, int] = {}
    result = []
    for one in classes:
        layer = one.name.partition("/")[0]
        taken[layer] = taken.get(layer, 0) + 1
        name = layer if taken[layer] == 1 else f"{layer}/{taken[layer]}"
        result.append(replace(one, name=name))
    return result


def producers(net: nn.Module) -> dict[Place, str]:
    """The output axis of each linear and convolutional weight, and its layer."""
    names = {id(p): name for name, p in net.named_parameters()}
    found: dict[Place, str] = {}
    for name, layer in net.named_modules():
        if isinstance(layer, LAYERS) and id(layer.weight) in names:
            dim = int(getattr(layer, "transposed", False))
            found.setdefault((names[id(layer.weight)], dim), name or "weight")
    return found


def reasons(
    seen: Trace, net: nn.Module, axes: SolvedAxes, offered: Sequence[Class]
) -> dict[str, str]:
    """Why layers that lose nothing are fixed."""
    removable = {name for one in offered for name in one.producers}
    known = dict(seen.known)
    why = {}
    for place, layer in producers(net).items():
        if layer in removable:
            continue
        if place[0] not in known:
            why[layer] = "it is not used on the example"
        elif place not in axes:
            why[layer] = "it has a single unit"
        elif not any(axes[place]):
            why[layer] = seen.atoms.why((known[place[0]][place[1]] or ())[0])
        else:
            why[layer] = "its units could only go all together"
    return why


def _grouped(seen: Trace, axes: SolvedAxes) -> dict[tuple[int, frozenset[Place]], list[int]]:
    where: defaultdict[int, set[Place]] = defaultdict(set)
    for place, terms in axes.items():
        for term in terms:
            for atom in term:
                where[atom].add(place)
    groups: defaultdict[tuple[int, frozenset[Place]], list[int]] = defaultdict(list)
    for atom in sorted(where):
        groups[seen.atoms.family[atom], frozenset(where[atom])].append(atom)
    return groups


def _member(place: Place, terms: Sequence[Term], atoms: Sequence[int], layer: str) -> Member:
    number = {atom: i for i, atom in enumerate(atoms)}
    found = ([number[atom] for atom in term if atom in number] for term in terms)
    return Member(*place, torch.tensor([units[0] if units else -1 for units in found]), layer)
