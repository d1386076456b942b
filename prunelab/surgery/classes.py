"""From the solved lines of a network to classes of units, and reasons for what is fixed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import nn

from prunelab.probes import PRUNABLE
from prunelab.surgery.cut import TRANSPOSED, Class, Member
from prunelab.surgery.layouts import Group, Layout, Place, groups, layout
from prunelab.surgery.lines import Axes, Axis, Line
from prunelab.surgery.trace import Trace

LAYERS = (*PRUNABLE, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
Layouts = Mapping[Place, Layout]


def layouts_of(seen: Trace) -> dict[Place, Layout]:
    """What lies along each axis of each tensor that was read, and in numbers that modules keep."""
    every = {(name, d): axis for name, axes in seen.known for d, axis in enumerate(axes)}
    every |= {(name, 0): axis for name, axis in seen.groups.items()}
    every |= _guesses(seen)
    return {place: layout(seen.lines, axis) for place, axis in every.items() if axis is not None}


def classes_of(seen: Trace, net: nn.Module, layouts: Layouts) -> list[Class]:
    """Units that lie in the same places, in the order of the layers that make them."""
    layers = producers(net)
    order = {place: i for i, place in enumerate(layers)}
    weights = {name: p for name, p in net.named_parameters() if p.ndim > 1}
    read = {name: len(order) + i for i, name in enumerate(seen.order)}
    doubts, heads = _said(seen, seen.doubts), _said(seen, seen.heads)
    guesses = set(_guesses(seen))
    found = []
    for group in groups(layouts):
        made = [place for place in group.places if place in layers]
        bare = [place for place in group.places if place[0] in weights]
        if made:
            first = min(made, key=order.__getitem__)
            names = {place: layers[place] for place in made}
        elif bare:  # a parameter of its own: the first one that is read makes the units
            first = min(bare, key=lambda place: read[place[0]])
            names = {first: first[0]}
        else:
            continue
        place = order.get(first, read.get(first[0], 0))
        one = _class(group, names, names[first], guesses)
        keys = [group.units] if isinstance(group.units, Line) else group.units
        doubt = next((doubts[key] for key in keys if key in doubts), "")
        heads_here = any(key in heads for key in keys)
        found.append((place, replace(one, doubt=doubt, heads=heads_here)))
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


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
        weight = getattr(layer, "weight", None)
        linear = isinstance(layer, LAYERS) or type(layer).__name__ == TRANSPOSED
        if linear and id(weight) in names:
            dim = int(getattr(layer, "transposed", type(layer).__name__ == TRANSPOSED))
            found.setdefault((names[id(weight)], dim), name or "weight")
    return found


def reasons(
    seen: Trace, net: nn.Module, layouts: Layouts, offered: Sequence[Class]
) -> dict[str, str]:
    """Why layers that lose nothing are fixed."""
    removable = {name for one in offered for name in one.producers}
    known = dict(seen.known)
    return {
        layer: _reason(seen, known, place, layouts)
        for place, layer in producers(net).items()
        if layer not in removable
    }


def _reason(seen: Trace, known: Mapping[str, Axes], place: Place, layouts: Layouts) -> str:
    name, dim = place
    if name not in known:
        return "it is not used on the example"
    axis = known[name][dim]
    if axis is None:
        return "it has a single unit"
    return "its units could only go all together" if layouts[place] else seen.lines.why(axis)


def _class(
    group: Group,
    made: Mapping[Place, str],
    name: str,
    guesses: Collection[Place],
) -> Class:
    units = group.units
    size = units.size if isinstance(units, Line) else len(units)
    members = tuple(
        Member(*place, torch.from_numpy(held), made.get(place, ""), place in guesses)
        for place, held in group.places.items()
    )
    return Class(name, size, members)


def _said(seen: Trace, of: Iterable[tuple[Axis, str]]) -> dict[Line | int, str]:
    """By free line, or atom, what was first said of an axis that it is part of."""
    found: dict[Line | int, str] = {}
    for axis, why in of:
        for key, held in layout(seen.lines, axis).items():
            for unit in [key] if isinstance(key, Line) else held[held >= 0].tolist():
                found.setdefault(unit, why)
    return found


def _guesses(seen: Trace) -> dict[Place, Axis]:
    """Numbers that modules keep, and the axes whose sizes they seem to be."""
    return {
        (f"{module}.{name}" if module else name, i): axis
        for (module, name), axes in seen.numbers.found.items()
        for i, axis in enumerate(axes)
    }
