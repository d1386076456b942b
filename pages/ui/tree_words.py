"""A subtree in words: the headline, and whether too much or too little was cut."""

from __future__ import annotations

from prunelab.figures import accuracy, count
from prunelab.figures.leaves import Scores
from prunelab.spec import RunSpec
from prunelab.speech import _
from prunelab.treelab import Grown, Seen

FEW = 0.005  # a difference in accuracy nobody would mind


def headline(tree: Grown, found: Seen) -> str:
    """What is left and how good it is, as one sentence without markup."""
    right = _("{accuracy} right on new rows", accuracy=accuracy(found.validation))
    if found.leaves == tree.leaves:
        return _("All {n} leaves: {right}", n=count(tree.leaves), right=right)
    if found.leaves == 1:
        return _("One leaf: {right}", right=right)
    left, all_ = count(found.leaves), count(tree.leaves)
    return _("{left} of {all} leaves: {right}", left=left, all=all_, right=right)


def verdict(found: Seen, scores: Scores) -> tuple[str, str]:
    """One word for where the slider stands, and what that means to somebody new to this."""
    best, smallest = int(scores.leaves[scores.best]), int(scores.leaves[scores.one_se])
    top, gap = float(scores.validation[scores.best]), found.train - found.validation
    if found.leaves < smallest and found.validation < top - FEW:
        return _("Over-pruned"), (
            _(
                "It misses structure that is there: training and validation rows both "
                "suffer. From {smallest} leaves on it is within one standard error of the "
                "best.",
                smallest=count(smallest),
            )
        )
    if found.leaves > 2 * best and gap > 2 * FEW and found.validation < top:
        return _("Under-pruned"), (
            _(
                "It knows its training rows by heart ({train}) and new rows less well "
                "({validation}): what it learned beyond {best} leaves is noise.",
                train=accuracy(found.train),
                validation=accuracy(found.validation),
                best=count(best),
            )
        )
    if found.validation >= top - FEW:
        return _("About right"), (
            _(
                "Of trees this good, smaller ones are easier to read and trust: try moving "
                "left until the validation curve falls."
            )
        )
    return _("Within reach"), (
        _(
            "Validation rows are told {validation} right, the best on this path is {top} "
            "with {best} leaves. So small a difference may be luck.",
            validation=accuracy(found.validation),
            top=accuracy(top),
            best=count(best),
        )
    )


def python(spec: RunSpec, last: str) -> str:
    """The lines that open the same tree in a notebook."""
    chosen = {"data": spec.data, "model": spec.model, "method": spec.method} | spec.to_json()
    fields = ", ".join(f"{name}={value!r}" for name, value in chosen.items())
    return (
        "import time\n\nfrom prunelab import figures, treelab\n"
        f"from prunelab.spec import RunSpec\n\nspec = RunSpec({fields})\n"
        "folder = treelab.start(spec)\nwhile treelab.look(folder).name == 'growing':\n"
        f"    time.sleep(0.2)\ntree = treelab.grown(folder)\n{last}"
    )
