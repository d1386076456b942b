"""The referee: a grade for a comparison, and for each published rule whether it is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from prunelab.events import Result
from prunelab.fair import beside, conduct
from prunelab.fair.case import Case, Said
from prunelab.spec import RunSpec
from prunelab.speech import _, mark

BLALOCK = "Blalock et al. 2020, arXiv:2003.03033"
LIU = "Liu et al. 2019, arXiv:1810.05270"
MUST, SHOULD = 3, 1  # what a broken rule costs
GRADES = ((0, "A"), (2, "B"), (4, "C"), (7, "D"), (10, "E"))  # cost up to which; else F


class Rule(NamedTuple):
    """A rule of fair comparison: where it is written, what it weighs, how it is checked."""

    name: str
    title: str
    source: str
    weight: int
    check: Callable[[Case], Said]


RULES = (
    Rule("dense", mark("The dense model is measured too"), BLALOCK, MUST, beside.dense),
    Rule("start", mark("All methods start from the same model and data"),
         BLALOCK, MUST, conduct.start),
    Rule("random", mark("Random pruning is among the methods"), BLALOCK, MUST, beside.random),
    Rule("seeds", mark("At least three seeds, so that there is a spread"),
         BLALOCK, MUST, conduct.seeds),
    Rule("points", mark("At least five operating points"), BLALOCK, MUST, conduct.points),
    Rule("budget", mark("Equal training after pruning"), f"{BLALOCK}; {LIU}", MUST, conduct.budget),
    Rule("test", mark("Validation data choose, test data are touched once"),
         BLALOCK, MUST, conduct.test),
    Rule("compute", mark("Both size and compute are reported"), BLALOCK, MUST, conduct.compute),
    Rule("magnitude", mark("Plain magnitude is among the methods"),
         BLALOCK, SHOULD, beside.magnitude),
    Rule("scratch", mark("Small architectures train from scratch too"),
         LIU, SHOULD, beside.scratch),
    Rule("trained as long", mark("The dense model trained as long is there"),
         LIU, SHOULD, beside.as_long),
    Rule("sparsity", mark("Methods reach the same sparsity"), BLALOCK, SHOULD, conduct.achieved),
    Rule("pairs", mark("Methods share seeds, so that they can be tested"),
         "Demšar 2006, JMLR 7", SHOULD, conduct.pairs),
    Rule("subjects", mark("Three pairs of data and model or more"),
         BLALOCK, SHOULD, beside.subjects),
    Rule("raw", mark("Every number can be made again"), BLALOCK, SHOULD, conduct.raw),
)  # fmt: skip


class Finding(NamedTuple):
    """One rule, kept or broken: what is so, what to do, and the runs that would mend it."""

    name: str
    title: str
    source: str
    must: bool
    holds: bool
    said: str
    todo: str
    missing: tuple[RunSpec, ...]
    instead_of: tuple[str, ...]  # keys that ``missing`` take the place of


class Judgement(NamedTuple):
    """The grade of a comparison, A to F, and what led to it."""

    grade: str
    findings: tuple[Finding, ...]

    @property
    def broken(self) -> tuple[Finding, ...]:
        """The rules that are not kept, the weightier first."""
        return tuple(sorted((f for f in self.findings if not f.holds), key=lambda f: not f.must))

    @property
    def table(self) -> pd.DataFrame:
        """One row a rule."""
        return pd.DataFrame(
            {
                "rule": f.title,
                "kept": "yes" if f.holds else "no" if f.must else "no (a should)",
                "because": f.said,
                "to do": f.todo,
                "missing runs": len(f.missing),
                "source": f.source,
            }
            for f in self.findings
        )

    def __str__(self) -> str:
        kept = sum(f.holds for f in self.findings)
        every = len(self.findings)
        lines = [
            _("Grade {grade}: {kept} of {all} rules kept", grade=self.grade, kept=kept, all=every)
        ]
        for finding in self.broken:
            lines.append(f"- {finding.title}: {finding.said} {finding.todo}".rstrip())
            lines.append(f"  ({finding.source})")
        return "\n".join(lines)


def referee(results: Iterable[Result], known: Mapping[str, Any]) -> Judgement:
    """Grade finished runs as a comparison.

    A broken must costs 3, a broken should 1: nothing is an A, up to 2 a B, 4 a C, 7 a D, 10 an E.

    Raises:
        ValueError: no run has ended.
    """
    case = Case.of(results, known)
    if not case.pruned:
        raise ValueError("A comparison needs at least one finished run that removes something.")
    findings = tuple(_found(rule, rule.check(case)) for rule in RULES)
    cost = sum(MUST if f.must else SHOULD for f in findings if not f.holds)
    return Judgement(next((g for most, g in GRADES if cost <= most), "F"), findings)


def _found(rule: Rule, said: Said) -> Finding:
    return Finding(rule.name, _(rule.title), rule.source, rule.weight == MUST, *said)
