"""Where the units of each solved line lie along every axis of a network's tensors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from prunelab.surgery.lines import Axis, Chain, Line, Lines, Table

Place = tuple[str, int]  # a tensor, or a number that a module keeps, and its dimension
Ints = NDArray[np.int64]
Layout = dict[Line | int, Ints]  # by free line its positions; by family of atoms the atoms; -1 none


class Group(NamedTuple):
    """Units that go together. ``places`` gives the unit of each position of their axes."""

    units: Line | list[int]  # all of a line, or some atoms
    places: dict[Place, Ints]


def layout(lines: Lines, axis: Axis) -> Layout:
    """What lies at each position of an axis."""
    line = lines.find(axis)
    if line is None:
        return {}
    match line.value:
        case None:
            return {line: np.arange(line.size)}
        case Table(outer, rows, inner, columns):
            of_rows = {k: np.repeat(v, inner) for k, v in layout(lines, rows).items()}
            of_columns = {k: np.tile(v, outer) for k, v in layout(lines, columns).items()}
            return {**of_columns, **of_rows}
        case Chain(sizes, pieces):
            return _chained(lines, sizes, pieces)
    return _by_family(lines, line)


def groups(layouts: Mapping[Place, Layout]) -> list[Group]:
    """Units that lie in the same places and were made for one axis."""
    found: defaultdict[Line | int, dict[Place, Ints]] = defaultdict(dict)
    for place, each in layouts.items():
        for key, units in each.items():
            found[key][place] = units
    result: list[Group] = []
    for key, places in found.items():
        result += [Group(key, places)] if isinstance(key, Line) else _divided(places)
    return result


def _chained(lines: Lines, sizes: Iterable[int], pieces: Iterable[Axis]) -> Layout:
    chained: Layout = {}
    total = sum(sizes)
    start = 0
    for size, piece in zip(sizes, pieces, strict=True):
        for key, units in layout(lines, piece).items():
            chained.setdefault(key, np.full(total, -1))[start : start + size] = units
        start += size
    return chained


def _by_family(lines: Lines, line: Line) -> Layout:
    found: Layout = {}
    for position, term in enumerate(lines.positions(line)):
        for atom in sorted(lines.atoms.resolve(term), reverse=True):
            family = lines.atoms.family[atom]
            found.setdefault(family, np.full(line.size, -1))[position] = atom
    return found


def _divided(places: dict[Place, Ints]) -> Iterator[Group]:
    """Atoms of one family, divided by the places in which they lie."""
    where: defaultdict[int, set[Place]] = defaultdict(set)
    for place, atoms in places.items():
        for atom in np.unique(atoms[atoms >= 0]).tolist():
            where[atom].add(place)
    together: defaultdict[frozenset[Place], list[int]] = defaultdict(list)
    for atom in sorted(where):
        together[frozenset(where[atom])].append(atom)
    for key, members in together.items():
        ours = {place: _numbered(places[place], members) for place in places if place in key}
        yield Group(members, ours)


def _numbered(atoms: Ints, members: list[int]) -> Ints:
    units = np.full(len(atoms), -1)
    at = np.searchsorted(members, atoms)
    held = (at < len(members)) & (np.take(members, at, mode="clip") == atoms)
    units[held] = at[held]
    return units
