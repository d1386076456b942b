"""Worked examples: every value on a card is what the method, the masks and the network compute."""

from __future__ import annotations

import functools
import gzip
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from paging import show, specs, store  # noqa: F401 - a fixture among them

from prunelab import cards, figures, worked
from prunelab.__main__ import main
from prunelab.masks import allocate, select
from prunelab.probes import weights
from prunelab.registry import METHODS, method
from prunelab.scoring import score
from prunelab.worked import seen
from prunelab.worked.formulas import n
from prunelab.worked.seen import SPARSITY
from prunelab.worked.subjects import subject

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
watched = functools.cache(seen.watched)
EXAMPLES = {name: worked.worked(name) for name in METHODS}
NETWORKS = [n for n, e in EXAMPLES.items() if "steps" in e and e["steps"][0]["kind"] == "matrix"]
DATA = [n for n in METHODS if "examples" in METHODS[n].units]
TREES = [n for n, e in EXAMPLES.items() if "steps" in e and n not in (*NETWORKS, *DATA)]
ONCE = [n for n in NETWORKS if METHODS[n].when != "training" and METHODS[n].schedule == "one-shot"]


def step(name, title):
    return next(s for s in EXAMPLES[name]["steps"] if s["title"] == title)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_method_is_worked_or_says_what_it_needs(name):
    example = EXAMPLES[name]
    assert ("steps" in example) == (subject(METHODS[name]) is not None)
    assert "steps" in example or example["why"].startswith("No tiny model here is what")
    assert json.loads(json.dumps(example)) == example


def test_what_ships_is_what_the_methods_do_now():
    shipped = json.loads(gzip.decompress(cards.WORKED.read_bytes()))
    assert shipped["sources"] == cards.sources(), "Run benchmarks/make_worked.py, commit its file."
    assert list(shipped["worked"]) == list(EXAMPLES)
    for name, example in EXAMPLES.items():
        mine, theirs = list(leaves(example)), list(leaves(shipped["worked"][name]))
        assert [where for where, _ in mine] == [where for where, _ in theirs]
        for (where, value), (_, other) in zip(mine, theirs, strict=True):
            near = value if value is None else pytest.approx(value, rel=1e-3, abs=1e-3)
            assert other == near, (name, where)


def leaves(value, where=()):
    """Every value within, and where it is; a text as its words and the numbers among them."""
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in pairs:
            yield from leaves(inner, (*where, key))
    elif isinstance(value, str):
        yield (*where, NUMBER.sub("#", value)), [float(n) for n in NUMBER.findall(value)]
    else:
        yield where, value


def test_a_method_that_came_since_is_worked_through_aside(home, monkeypatch):
    known = {"methods": {**dict.fromkeys(EXAMPLES), "new": {}}}
    asked = []

    def aside(module, name, files, new):
        asked.append(new)
        return {name: {"why": "aside"} for name in new}

    monkeypatch.setattr(cards, "catalogue", lambda: known)
    monkeypatch.setattr(cards, "asked", aside)
    cards._worked.cache_clear()
    found = cards.worked()
    assert asked == [["new"]]
    assert found["new"] == {"why": "aside"}
    assert found["snip"]["steps"]
    monkeypatch.setattr(cards, "sources", lambda: {"methods/snip.py": "another"})
    cards._worked.cache_clear()
    cards.worked()
    assert asked[1] == sorted(known["methods"])
    cards._worked.cache_clear()


@pytest.mark.parametrize("name", ["magnitude", "snip", "rigl", "movement", "l1-filter", "synflow"])
def test_an_example_is_the_same_each_time(name):
    assert worked.worked(name) == EXAMPLES[name]


@pytest.mark.parametrize("name", ONCE)
def test_scores_and_masks_are_those_of_a_plain_call(name):
    job = watched(name)
    last = job.moments[-1]
    scores = score(job.method, job.unit, last.model, job.parts, job.spec)
    keep = allocate(scores, SPARSITY, job.method.scope, floor=int(job.structured))
    mask = select(scores, keep)
    group = "layer" if "layer" in scores else next(iter(scores))
    rows = scores[group].double().reshape(len(scores[group]), -1)
    assert step(name, "Score")["values"] == rows.tolist()
    assert step(name, "Select")["kept"] == mask[group].reshape(rows.shape).tolist()
    assert step(name, "Allocate")["rows"] == [
        [layer, str(scores[layer].numel()), str(count)] for layer, count in keep.items()
    ]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_highest_scores_stay(name):
    found = step(name, "Select")
    values, kept = np.array(found["values"]), np.array(found["kept"])
    assert np.array_equal(step(name, "Score")["values"], values)
    assert 0 < kept.sum() < kept.size
    before = watched(name).moments[-1].before
    alive = np.ones(kept.shape, bool)
    if before and METHODS[name].when != "training":  # in later rounds what went stays gone
        alive = before["layer"].numpy().reshape(kept.shape)
    assert not kept[~alive].any()
    if (alive & ~kept).any():
        assert values[kept].min() >= values[alive & ~kept].max()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_answers_are_those_of_the_network_written_out(name):
    job = watched(name)
    model, mask = job.moments[-1].model.eval(), job.moments[-1].mask
    told = step(name, "Forward")
    layers = {layer: w.detach().double().numpy() for layer, w in weights(model).items()}
    bias = {layer: getattr(model, layer).bias.detach().double().numpy() for layer in layers}
    x = np.array(told["input"])
    if job.structured:
        x = x.reshape(3, 3)
        norm = model.norm
        scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        shift = norm.bias.double() - norm.running_mean.double() * scale

    def answer(kept):
        if not job.structured:
            covered = {k: w * kept[k].numpy() if kept else w for k, w in layers.items()}
            hidden = np.maximum(covered["layer"] @ x + bias["layer"], 0)
            return covered["output"] @ hidden + bias["output"]
        patches = [[x[i : i + 2, j : j + 2] for j in (0, 1)] for i in (0, 1)]
        maps = np.array(
            [
                [[(w[0] * patch).sum() + b for patch in line] for line in patches]
                for w, b in zip(layers["layer"], bias["layer"], strict=True)
            ]
        )
        maps = maps * scale.detach().numpy()[:, None, None] + shift.detach().numpy()[:, None, None]
        hidden = np.maximum(maps, 0).mean((1, 2))
        if kept:
            hidden = hidden * kept["layer"].numpy()
        return layers["output"] @ hidden + bias["output"]

    assert told["values"][0] == pytest.approx(answer(None), abs=1e-5)
    assert told["values"][1] == pytest.approx(answer(mask), abs=1e-5)


WORKING = [n for n in NETWORKS if step(n, "Score").get("working")]


def test_the_usual_formulas_are_written_out():
    assert set(WORKING) >= {
        *("magnitude", "magnitude-at-init", "gradual-magnitude", "snip", "grasp", "l1-filter"),
        "iterative-magnitude",
    }


@pytest.mark.parametrize("name", WORKING)
def test_the_formula_with_its_numbers_gives_the_score(name):
    found = step(name, "Score")
    for texts, values in zip(found["working"], found["values"], strict=True):
        for text, value in zip(texts, values, strict=True):
            assert _computed(text) == pytest.approx(value, rel=0.02, abs=1e-6)


def _computed(text):
    """The value of a printed formula, by a grammar of its own: numbers, | |, ·, /, +, √."""
    if text.startswith("√("):
        squares = (_number(term.removesuffix("²")) for term in text[2:-1].split(" + "))
        return sum(value**2 for value in squares) ** 0.5
    total = 0.0
    for term in text.split(" + "):
        size = term.startswith("|") and term.endswith("|")
        inside = term.strip("|") if size else term
        up, _, down = inside.partition(" / ")
        product = np.prod([_number(f) for f in up.strip("|").split(" · ")])
        if up.startswith("|") or size:
            product = abs(product)
        total += product / (_number(down) if down else 1)
    return total


def _number(text):
    return float(text.strip("|").replace("−", "-"))


@pytest.mark.parametrize("name", TREES)
def test_a_tree_example_tells_the_units_that_stay(name):
    job = watched(name)
    last = job.moments[-1]
    ((group, mask),) = last.mask.items()
    scores = score(job.method, job.unit, job.net, job.parts, job.spec)[group]
    assert step(name, "Score")["values"] == [[v] for v in scores.double().tolist()]
    assert step(name, "Select")["kept"] == [[v] for v in mask.tolist()]
    told = step(name, "Answer")
    x = np.array([told["input"]], np.float32)
    pruned = job.unit.keep(job.net, job.parts, last.mask)
    both = [m.predict_proba(x)[0] for m in (job.net, pruned)]
    assert np.allclose(told["values"], both)


def test_a_new_method_has_its_example_at_once():
    @method(unit="weights", label="w²", needs={"network"})
    def made_for_a_test(net, data):
        """Keep the weights of largest square."""
        return {name: w.detach() ** 2 for name, w in weights(net).items()}

    def fails(net, data):
        raise OSError("no such thing")

    entry = METHODS["made-for-a-test"]
    try:
        made = worked.worked("made-for-a-test")
        assert made["steps"][1]["working"][0][0].endswith("²")
        METHODS._entries["made-for-a-test"] = replace(entry, function=fails)
        tried = worked.every(["made-for-a-test"])["made-for-a-test"]
        assert "OSError: no such thing" in tried["why"]
        cheese = {**entry.facts, "needs": frozenset(("network", "cheese"))}
        METHODS._entries["made-for-a-test"] = replace(entry, facts=cheese)
        assert "(cheese and network)" in worked.worked("made-for-a-test")["why"]
    finally:
        METHODS._entries.pop("made-for-a-test")


def test_a_formula_that_does_not_give_the_score_is_not_shown():
    from prunelab.worked.formulas import substituted

    job = watched("magnitude")
    wrong = [[v + 0.1 for v in row] for row in step("magnitude", "Score")["values"]]
    assert substituted(job, "layer", wrong) is None


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_picture_has_a_cell_for_each_number(theme):
    found = figures.worked("snip", EXAMPLES["snip"]["steps"], theme=theme)
    assert found.title == "snip keeps 7 of the 16 weights of this layer"
    assert [np.array(t.text).shape for t in found.figure.data] == [(4, 4)] * 4
    assert len(found.figure.layout.shapes) == 9
    assert len(found.table) == 64


def test_a_tree_has_no_matrices():
    with pytest.raises(ValueError, match="has tables, no matrices"):
        figures.worked("mdl", EXAMPLES["mdl"]["steps"])


def test_the_card_of_a_method_is_a_command(capsys):
    assert main(["show", "snip"]) == 0
    said = capsys.readouterr().out
    assert "What differs from it" in said
    highest = max(max(row) for row in step("snip", "Score")["values"])
    assert f"{highest:.3g}" in said
    assert main(["show", "thin-margin", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["worked"]["steps"] == EXAMPLES["thin-margin"]["steps"]


def test_the_text_of_a_card_comes_in_parts():
    known = {"doc": "Sum.\n\nHow.\nDeviation: one.\n\nArgs:\n    x: an x.\n", "summary": "Sum."}
    assert cards.text(known) == ("Sum.", "How.", "one.", "")


@pytest.mark.parametrize("name", ["magnitude", "mdl"])
def test_the_card_opens_its_example(name, store, monkeypatch):  # noqa: F811
    monkeypatch.setattr(cards, "worked", lambda: EXAMPLES)
    app = show("methods", monkeypatch, **{f"how-open-{name}": "true"})
    assert not app.error
    assert bool(specs(app)) == (name == "magnitude")
    said = " ".join(m.value for m in app.markdown)
    assert n(0.5) in said
    assert "2. Score" in said or "1. Score" in said


@pytest.mark.parametrize("name", DATA)
def test_the_examples_of_a_class_are_those_of_the_choice(name):
    last = watched(name).moments[-1]
    (group, *_), kept = last.scores, step(name, "Select")["kept"]
    assert step(name, "Score")["values"] == [[v] for v in last.scores[group].double().tolist()]
    assert kept == [[bool(k)] for k in last.mask[group]]
    counts = [int(row[2]) for row in step(name, "Allocate")["rows"]]
    assert counts == [int(m.sum()) for m in last.mask.values()]
    assert sum(counts) == 15
    everything, rest = step(name, "Train again")["values"]
    assert everything[0] > 4  # of 12, and chance is 4
    assert 0 < rest[0] <= 12
