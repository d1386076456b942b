"""Which single positions stay or go together: equations between sets of atoms.

A position of an axis stays if and only if all its atoms stay, so the empty term always stays. Every
doubt is settled by joining or freezing atoms: both only add constraints.
"""

from __future__ import annotations

from collections.abc import Sequence

Term = frozenset[int]
EVERY: Term = frozenset()
JOINED = "it is joined with an axis that cannot shrink"


class Atoms:
    """The atoms of a network and what is known of them."""

    def __init__(self) -> None:
        self.family: list[int] = []  # the axis for which an atom was made
        # What an atom was found to equal, None while it is free.
        self._value: list[Term | None] = []
        self._why: dict[int, str] = {}

    def fresh(self, size: int) -> tuple[Term, ...]:
        """Terms of as many positions, each of which can go alone."""
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
        if not term:
            return JOINED
        value = self._value[min(term)]
        return self.why(value) if value else self._why[min(term)]

    def equate(self, one: Sequence[Term], other: Sequence[Term], why: str) -> None:
        """The positions of two axes stay or go together, one by one."""
        for a, b in zip(one, other, strict=True):
            self._same(self.resolve(a), self.resolve(b), why)

    def freeze(self, terms: Sequence[Term], why: str) -> None:
        """Every position stays."""
        for term in terms:
            self._fix(self.resolve(term), why)

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


def product(outer: Sequence[Term], inner: Sequence[Term]) -> tuple[Term, ...]:
    """The positions of a table, row by row."""
    return tuple(a | b for a in outer for b in inner)


def table(
    atoms: Atoms, axis: Sequence[Term], outer: int, inner: int
) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
    """The rows and columns of positions, so that what stays of them is again a table."""
    terms = tuple(atoms.resolve(term) for term in axis)
    rows = tuple(frozenset.intersection(*terms[i * inner : (i + 1) * inner]) for i in range(outer))
    columns = tuple(frozenset.intersection(*terms[j::inner]) for j in range(inner))
    if product(rows, columns) == terms:
        return rows, columns
    if all(len(term) == 1 for term in terms) and len(set(terms)) == len(terms):
        fresh = atoms.fresh(outer), atoms.fresh(inner)
        atoms.equate(terms, product(*fresh), JOINED)
        return fresh
    for i in range(1, outer):  # each row loses the same columns
        atoms.equate(terms[:inner], terms[i * inner : (i + 1) * inner], JOINED)
    return (EVERY,) * outer, terms[:inner]
