"""The axes of a network's tensors and what is known of them, solved as the equations come in.

An axis is a ``Line``: at first anything, then the same as another, a table of two, a chain of
several, fixed, or, where nothing simpler holds, a term of atoms for each of its positions. Whole
lines meet in one step, whatever their size. Every doubt is settled by joining or freezing: both
only add constraints, so whatever may still be pruned keeps all the shapes of a network consistent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Union

from prunelab.surgery.atoms import EVERY, JOINED, Atoms, Term, product, table


class Fixed(NamedTuple):
    """All positions stay, for a reason."""

    why: str


class Table(NamedTuple):
    """The positions are the cells of a table, row by row."""

    outer: int
    rows: Axis
    inner: int
    columns: Axis


class Chain(NamedTuple):
    """The positions are those of several axes, one after the other."""

    sizes: tuple[int, ...]
    pieces: tuple[Axis, ...]


class Line:
    """One axis. ``value`` says what it is: None while it is free, a line if it is the same."""

    __slots__ = ("born", "size", "value")

    def __init__(self, size: int, value: Value = None, born: int = 0) -> None:
        self.size, self.value, self.born = size, value, born


Value = Union["Line", Table, Chain, Fixed, tuple[Term, ...], None]
Axis = Line | None  # None: an axis all of whose positions always stay
Axes = tuple[Axis, ...]  # of a tensor, one for each dimension


class Lines:
    """What is known of the axes of a network."""

    def __init__(self) -> None:
        self.atoms = Atoms()
        self._born = 0

    def fresh(self, size: int) -> Axis:
        """A new axis each position of which can go alone; one of size 1 always stays."""
        self._born += 1
        return Line(size, born=self._born) if size > 1 else None

    def find(self, axis: Axis) -> Axis:
        """The line that stands for an axis; None if it is fixed."""
        line = axis
        while line is not None and type(line.value) is Line:
            line = line.value
        if axis is not None and axis is not line:
            axis.value = line
        return None if line is None or type(line.value) is Fixed else line

    def equate(self, one: Axis, other: Axis, why: str) -> None:
        """Positions of two axes stay or go together; beside a fixed axis both are fixed."""
        a, b = self.find(one), self.find(other)
        if a is b:
            return
        if a is None or b is None:
            self.freeze(a or b, why)
        elif a.value is None or b.value is None:
            self._alias(a, b)
        elif isinstance(a.value, Table) and isinstance(b.value, Table) and _alike(a, b):
            self.equate(a.value.rows, b.value.rows, why)
            self.equate(a.value.columns, b.value.columns, why)
        elif isinstance(a.value, Chain) and isinstance(b.value, Chain) and _alike(a, b):
            for x, y in zip(a.value.pieces, b.value.pieces, strict=True):
                self.equate(x, y, why)
        else:
            self.atoms.equate(self.positions(a), self.positions(b), why)

    def freeze(self, axis: Axis, why: str) -> None:
        """Every position of an axis stays."""
        line = self.find(axis)
        if line is None:
            return
        match line.value:
            case None:
                line.value = Fixed(why)
            case Table(rows=rows, columns=columns):
                self.freeze(rows, why)
                self.freeze(columns, why)
            case Chain(pieces=pieces):
                for piece in pieces:
                    self.freeze(piece, why)
            case terms:
                self.atoms.freeze(terms, why)  # type: ignore[arg-type]

    def split(self, axis: Axis, outer: int, inner: int) -> tuple[Axis, Axis]:
        """The two axes of an axis seen as a table, so that what stays of it is again a table."""
        line = self.find(axis)
        if line is None or outer == 1 or inner == 1:
            return (line, None) if inner == 1 else (None, line)
        if line.value is None:
            line.value = Table(outer, self.fresh(outer), inner, self.fresh(inner))
        if isinstance(line.value, Table):
            found = self._recut(line.value, outer, inner)
            if found:
                return found
        rows, columns = table(self.atoms, self.positions(line), outer, inner)
        return Line(outer, rows), Line(inner, columns)

    def join(self, outer: int, rows: Axis, inner: int, columns: Axis) -> Axis:
        """The axis that is a table of two, row by row."""
        rows, columns = self.find(rows), self.find(columns)
        if rows is None and columns is None:
            return None
        if outer == 1 or inner == 1:
            return columns if outer == 1 else rows
        return Line(outer * inner, Table(outer, rows, inner, columns))

    def chain(self, pieces: Sequence[Axis], sizes: Sequence[int]) -> Axis:
        """The axis that is several one after the other."""
        held = [(n, self.find(piece)) for n, piece in zip(sizes, pieces, strict=True) if n]
        if all(piece is None for _, piece in held):
            return None
        if len(held) == 1:
            return held[0][1]
        return Line(sum(sizes), Chain(*map(tuple, zip(*held, strict=True))))

    def positions(self, axis: Line) -> tuple[Term, ...]:
        """The terms of the positions of an axis; from now on it is known position by position."""
        line = self.find(axis)
        if line is None:
            return (EVERY,) * axis.size
        match line.value:
            case None:
                line.value = self.atoms.fresh(line.size)
                return line.value
            case Table(outer, rows, inner, columns):
                return product(self._terms(rows, outer), self._terms(columns, inner))
            case Chain(sizes, pieces):
                each = map(self._terms, pieces, sizes)
                return tuple(term for terms in each for term in terms)
        return line.value  # type: ignore[return-value]

    def why(self, axis: Axis) -> str:
        """Why an axis of which every position stays is fixed."""
        line = axis
        while line is not None and type(line.value) is Line:
            line = line.value
        match None if line is None else line.value:
            case Fixed(why):
                return why
            case Table(rows=rows, columns=columns):
                return self.why(rows) or self.why(columns)
            case Chain(pieces=pieces):
                return next(filter(None, map(self.why, pieces)), "")
            case tuple() as terms:
                return self.atoms.why(terms[0])
        return ""

    def _alias(self, a: Line, b: Line) -> None:
        if a.value is None and (b.value is not None or b.born < a.born):
            a.value = b  # the older one of two names both
        else:
            b.value = a

    def _recut(self, known: Table, outer: int, inner: int) -> tuple[Axis, Axis] | None:
        if known.outer == outer:
            return known.rows, known.columns
        if outer % known.outer == 0:
            more = outer // known.outer
            middle, columns = self.split(known.columns, more, inner)
            return self.join(known.outer, known.rows, more, middle), columns
        if known.outer % outer == 0:
            more = known.outer // outer
            rows, middle = self.split(known.rows, outer, more)
            return rows, self.join(more, middle, known.inner, known.columns)
        return None

    def _terms(self, axis: Axis, size: int) -> tuple[Term, ...]:
        return (EVERY,) * size if axis is None else self.positions(axis)


def _alike(a: Line, b: Line) -> bool:
    """Whether two tables or two chains are cut alike."""
    return a.value[0] == b.value[0]  # type: ignore[index]


__all__ = ["JOINED", "Axes", "Axis", "Chain", "Fixed", "Line", "Lines", "Table"]
