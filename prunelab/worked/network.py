"""The worked example of a method on a tiny network: score, allocate, select, forward."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from prunelab.masks import removed
from prunelab.probes import examples, gradients, weights
from prunelab.speech import mark, phrase
from prunelab.worked.formulas import n, rows, substituted
from prunelab.worked.seen import SPARSITY, Moment, Watched

Step = dict[str, Any]
LAYER = "layer"  # of both tiny networks, the one that is shown
STATE = {
    "init": mark("with its first values"),
    "trained": mark("after training"),
    "training": mark("at the last choice of the training"),
}


def steps(job: Watched) -> list[Step]:
    """The steps of the last choice a method made, every number its own."""
    seen = job.moments[-1]
    found = [_weights(job, seen), *_gradient(job, seen), _score(job, seen)]
    return [*found, _allocate(job, seen), _select(job, seen), _forward(job, seen)]


def _weights(job: Watched, seen: Moment) -> Step:
    gone = int((~seen.before[_group(seen)]).sum()) if seen.before else 0
    text = phrase(f"The layer {STATE[job.method.when]}: {job.subject.words}.")
    if len(job.moments) > 1:
        text += " " + phrase(f"This is choice {len(job.moments)} of {len(job.moments)}.")
    if gone:
        text += " " + phrase(f"{gone} of its {_noun(job, gone)} had gone before.")
    return _matrix(mark("Weights w"), text, rows(weights(seen.model)[LAYER]), signed=True)


def _gradient(job: Watched, seen: Moment) -> list[Step]:
    """The gradient where the method had one: of the last step, or of the examples it scores on."""
    title, found = mark("Gradient ∂L/∂w"), seen.gradients.get(LAYER)
    if job.method.when == "training" and found is not None:
        text = mark("What the last backward pass left: how the loss changes with each weight.")
        return [_matrix(title, text, rows(found), signed=True)]
    if "∂L/∂w|" in job.method.label and substituted(job, LAYER, rows(seen.scores[LAYER])):
        text = mark("How the loss of the training examples changes with each weight.")
        values = rows(gradients(seen.model, examples(job.parts))[LAYER])
        return [_matrix(title, text, values, signed=True)]
    return []


def _score(job: Watched, seen: Moment) -> Step:
    values = rows(seen.scores[_group(seen)])
    working = substituted(job, LAYER, values)
    text = phrase(f"The method's own answer: {job.method.label}. Higher stays.")
    return _matrix(mark("Score"), text, values) | {"working": working}


def _allocate(job: Watched, seen: Moment) -> Step:
    units = {name: s.numel() for name, s in seen.scores.items()}
    keep = {name: int(m.sum()) for name, m in seen.mask.items()}
    total, left = sum(units.values()), sum(keep.values())
    text = phrase(
        f"{left} of {total} {_noun(job, total)} stay here, shared by the scope {job.scope!r}."
    )
    if total - removed(SPARSITY, total) == left:
        gone = total - left
        text = phrase(
            f"Sparsity {SPARSITY:g} removes ⌊{SPARSITY:g} · {total} + ½⌋ = {gone} of {total}, so "
            f"{left} stay; the scope {job.scope!r} shares them among the layers."
        )
    table = [[name, str(units[name]), str(keep[name])] for name in units]
    return _table(mark("Allocate"), text, ["layer", "has", "keeps"], table)


def _select(job: Watched, seen: Moment) -> Step:
    group = _group(seen)
    score, mask = seen.scores[group].flatten().double(), seen.mask[group].flatten()
    text = phrase(f"The {int(mask.sum())} highest scores of the layer stay.")
    if mask.any() and not mask.all():
        low, high = float(score[mask].min()), float(score[~mask].max())
        text += " " + phrase(f"The lowest that stays is {n(low)}, the highest that goes {n(high)}.")
        if low == high:
            text += " " + mark("They are equal: of equals the first stays.")
    kept = [[bool(v) for v in row] for row in rows(seen.mask[group])]
    return _matrix(mark("Select"), text, rows(seen.scores[group])) | {"kept": kept}


@torch.no_grad()
def _forward(job: Watched, seen: Moment) -> Step:
    dense = copy.deepcopy(seen.model).cpu().eval()
    everything = torch.from_numpy(job.parts.validation.x)
    both = [net(everything) for net in (dense, _pruned(job, dense, seen))]
    changes = (both[0].argmax(1) != both[1].argmax(1)).int()
    at = int((2 * both[1].std(1).gt(0) + changes).argmax())  # one it can still tell, and changes
    x, answers = everything[at], [out[at].tolist() for out in both]
    names = list(job.parts.classes)
    shown = ", ".join(f"{v:g}" for v in x.flatten().tolist())
    said = [names[int(out[at].argmax())] for out in both]
    text = phrase(
        f"For the input ({shown}) the network answered {said[0]} before this choice and answers "
        f"{said[1]} after it; nothing has been trained in between."
    )
    table = [[word, *map(n, a)] for word, a in zip(("before", "after"), answers, strict=True)]
    made = _table(mark("Forward"), text, ["", *(phrase(f"output {c}") for c in names)], table)
    return made | {"values": answers, "input": x.flatten().tolist()}


def _pruned(job: Watched, dense: nn.Module, seen: Moment) -> nn.Module:
    found: nn.Module = job.unit.keep(dense, job.parts, seen.mask)
    return found.eval()


def _group(seen: Moment) -> str:
    return LAYER if LAYER in seen.scores else next(iter(seen.scores))


def _noun(job: Watched, number: int) -> str:
    noun: str = job.unit_entry.noun
    return noun if number != 1 else noun.removesuffix("s")


def _matrix(title: str, text: str, values: Any, *, signed: bool = False) -> Step:
    return {"kind": "matrix", "title": title, "text": text, "values": values, "signed": signed}


def _table(title: str, text: str, columns: list[str], table: list[list[str]]) -> Step:
    return {"kind": "table", "title": title, "text": text, "columns": columns, "rows": table}
