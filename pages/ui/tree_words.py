"""A subtree in words: the headline, and whether too much or too little was cut."""

from __future__ import annotations

from prunelab.figures import accuracy, count
from prunelab.figures.leaves import Scores
from prunelab.spec import RunSpec
from prunelab.treelab import Grown, Seen

FEW = 0.005  # a difference in accuracy nobody would mind


def headline(tree: Grown, found: Seen) -> str:
    """What is left and how good it is, as one sentence without markup."""
    right = f"{accuracy(found.validation)} right on new rows"
    if found.leaves == tree.leaves:
        return f"All {count(tree.leaves)} leaves: {right}"
    if found.leaves == 1:
        return f"One leaf: {right}"
    return f"{count(found.leaves)} of {count(tree.leaves)} leaves: {right}"


def verdict(found: Seen, scores: Scores) -> tuple[str, str]:
    """One word for where the slider stands, and what that means to somebody new to this."""
    best, smallest = int(scores.leaves[scores.best]), int(scores.leaves[scores.one_se])
    top, gap = float(scores.validation[scores.best]), found.train - found.validation
    if found.leaves < smallest and found.validation < top - FEW:
        return "Over-pruned", (
            f"It misses structure that is there: training and validation rows both suffer. "
            f"From {count(smallest)} leaves on it is within one standard error of the best."
        )
    if found.leaves > 2 * best and gap > 2 * FEW and found.validation < top:
        return "Under-pruned", (
            f"It knows its training rows by heart ({accuracy(found.train)}) and new rows less "
            f"well ({accuracy(found.validation)}): what it learned beyond {count(best)} leaves "
            f"is noise."
        )
    if found.validation >= top - FEW:
        return "About right", (
            "Of trees this good, smaller ones are easier to read and trust: try moving left until "
            "the validation curve falls."
        )
    return "Within reach", (
        f"Validation rows are told {accuracy(found.validation)} right, the best on this path is "
        f"{accuracy(top)} with {count(best)} leaves. So small a difference may be luck."
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
