"""Which positions along which axes stay or go together: equations between sets of atoms.

A position of an axis stays if and only if all its atoms stay, so the empty term always stays. Every
doubt is settled by joining or freezing atoms: both only add constraints, so whatever still may be
pruned keeps all the shapes of a network consistent.
"""

from __future__ import annotations

from collections.abc import Sequence

Term = frozenset[int]
Axis = tuple[Term, ...] | None  # None: an axis all of whose positions always stay
Axes = tuple[Axis, ...]  # of a tensor, one for each dimension
EVERY: Term = frozenset()
JOINED = "it is joined with an axis that cannot shrink"


class Atoms:
    """The atoms of a network and what is known of them, solved as the equations come in."""

    def __init__(self) -> None:
        self.family: list[int] = []  # the axis for which an atom was made
        self._value: list[
            Term | None
        ] = []  # what an atom was found to equal, None while it is free
        self._why: dict[int, str] = {}

    def fresh(self, size: int) -> Axis:
        """A new axis each position of which can go alone; one of size 1 always stays."""
        if size < 2:
            return None
        first = len(self._value)
        self._value += [None] * size
        self.family += [first] * size
        return tuple(frozenset((first + i,)) for i in range(size))

    def resolve(self, term: Term) -> Term:
        """The free atoms a term comes down to."""
        if all(self._value[atom] is None for atom in term):
            return term
        return frozenset().union(*(self._root(atom) for atom in term))

    def why(self, term: Term) -> str:
        """Why a term that always stays cannot go."""
        value = self._value[min(term)]
        return self.why(value) if value else self._why[min(term)]

    def equate(self, one: Axis, other: Axis, why: str) -> None:
        """Positions of two axes stay or go together; beside a fixed axis both are fixed."""
        if one is None or other is None:
            self.freeze(one, why)
            self.freeze(other, why)
            return
        for a, b in zip(one, other, strict=True):
            self._same(self.resolve(a), self.resolve(b), why)

    def freeze(self, axis: Axis, why: str) -> None:
        """Every position of an axis stays."""
        for term in axis or ():
            self._fix(self.resolve(term), why)

    def split(self, axis: Axis, outer: int, inner: int) -> tuple[Axis, Axis]:
        """The two axes of an axis seen as a table, so that what stays of it is again a table."""
        if axis is None:
            return None, None
        terms = [self.resolve(term) for term in axis]
        rows = tuple(
            frozenset.intersection(*terms[i * inner : (i + 1) * inner]) for i in range(outer)
        )
        columns = tuple(frozenset.intersection(*terms[j::inner]) for j in range(inner))
        if join(rows, columns) == tuple(terms):
            return rows, columns
        if all(len(term) == 1 for term in terms) and len(set(terms)) == len(terms):
            fresh = self.fresh(outer) or (EVERY,) * outer, self.fresh(inner) or (EVERY,) * inner
            self.equate(axis, join(*fresh), JOINED)
            return fresh
        for i in range(1, outer):  # each row loses the same columns
            self.equate(axis[:inner], axis[i * inner : (i + 1) * inner], JOINED)
        return (EVERY,) * outer, axis[:inner]

    def _root(self, atom: int) -> Term:
        value = self._value[atom]
        if value is None:
            return frozenset((atom,))
        root = self.resolve(value)
        if root:  # a fixed one keeps the way to its reason
            self._value[atom] = root
        return root

    def _same(self, a: Term, b: Term, why: str) -> None:
        # What both have needs no equation: enough for both to agree, if more than needed.
        one, other = a - b, b - a
        if a == b:
            return
        if not a or not b:
            self._fix(a | b, why)
        elif len(one) == 1 and other:
            self._bind(one, other)
        elif len(other) == 1 and one:
            self._bind(other, one)
        elif len(one) == len(other):
            # The outer factor of each table was made before the inner one.
            for x, y in zip(sorted(one), sorted(other), strict=True):
                self._same(self._root(x), self._root(y), why)
        else:
            first, *rest = sorted(a | b)
            for atom in rest:
                self._value[atom] = frozenset((first,))

    def _bind(self, single: Term, term: Term) -> None:
        (x,) = single
        if len(term) == 1 and max(term) > x:  # the older atom names a pair
            x, term = max(term), single
        self._value[x] = term

    def _fix(self, term: Term, why: str) -> None:
        for atom in term:
            self._value[atom] = EVERY
            self._why[atom] = why


def join(outer: Sequence[Term], inner: Sequence[Term]) -> tuple[Term, ...]:
    """The positions of a table, row by row."""
    return tuple(a | b for a in outer for b in inner)
