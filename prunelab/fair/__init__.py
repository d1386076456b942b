"""Fair comparisons: what several runs say together, whether it may be said, and how sure it is.

``table`` puts runs on common axes, ``referee`` grades them against published rules, ``compared``
says which differences are beyond chance. Plain data, no torch.
"""

from prunelab.fair.agreement import by_chance, jaccard
from prunelab.fair.axes import AXES, QUALITIES, axis, by_series, table
from prunelab.fair.balance import Balance, Try, balance, tried
from prunelab.fair.case import Case, Entry
from prunelab.fair.chance import Compared, Overall, compared, detectable, holm, overall
from prunelab.fair.front import Axis, front
from prunelab.fair.referee import Finding, Judgement, referee

__all__ = [
    "AXES", "QUALITIES", "Axis", "Balance", "Case", "Compared", "Entry", "Finding", "Judgement",
    "Overall", "Try", "axis", "balance", "by_chance", "by_series", "compared", "detectable",
    "front", "holm", "jaccard", "overall", "referee", "table", "tried",
]  # fmt: skip
