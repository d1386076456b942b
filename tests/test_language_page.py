"""The page of language models: what shipped, views, one's own runs, what another process finds."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from paging import alts, finish, show, specs, store  # noqa: F401 - a fixture among them

from prunelab import aside, examples, figures, pretrained, talk
from prunelab.aside import State
from prunelab.catalogue import catalogue, validate
from prunelab.events import Result, Started
from prunelab.spec import RunSpec, SpecError

VIEWS = ("Perplexity", "Neurons", "PageRank", "What it says", "Size & speed", "Python")
SHOWN = pretrained.shown()
FOLDER = examples.FOLDER / examples.LANGUAGE


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_of_the_shipped_run_renders(view, store):  # noqa: F811
    app = show("language", view=view)
    assert not app.error
    before, now = (examples.language().dense, examples.language().recovered)
    said = f"perplexity {before['perplexity']:.2f} → {now['perplexity']:.2f}"
    assert app.title[0].value.endswith(said)
    assert all(alts(app))
    labels = [metric.label for metric in app.metric[:4]]
    assert labels == ["Test perplexity", "Next letter right", "Parameters", "Top 5 as before"]
    assert [tab.label for tab in app.tabs] == list(VIEWS)
    assert any("came with PruneLab" in i.value for i in app.info)
    assert not store.submitted


def test_methods_are_compared_without_a_run(store):  # noqa: F811
    app = show("language")
    (words,) = alts(app)
    assert "llm-rank" in words
    assert app.button(key="start-perplexity").disabled
    app.slider(key="seeds").set_value(4).run()
    app.button(key="start-perplexity").click().run()
    assert {(s.method, s.seed) for s in store.submitted} == {(m, 3) for m in pretrained.METHODS}
    assert all(s.weights == SHOWN.weights for s in store.submitted)


def test_what_the_dense_and_the_pruned_model_say_is_side_by_side(store):  # noqa: F811
    app = show("language", view="What it says")
    told = talk.said(talk.place(FOLDER, store.home, app.selectbox(key="begin").value))
    text = " ".join(m.value for m in app.markdown)
    assert told["dense"][:20] in text
    assert "part after" in text
    assert figures.alike("abcd", "abxd") == 2
    assert figures.alike("ab", "ab") == 2


def test_a_prompt_of_ones_own_is_asked_of_another_process(store, monkeypatch):  # noqa: F811
    asked = []
    monkeypatch.setattr(aside, "begin", lambda *words: asked.append(words))
    monkeypatch.setattr(talk, "look", lambda place: State("growing" if asked else "none"))
    show("language", view="What it says", begin="One of my own", prompt="the fox ")
    (place, module, words, _), *_ = asked
    assert module == "prunelab.lm.look"
    assert json.loads(words[0])["prompt"] == "the fox "
    assert place.is_relative_to(store.home)  # nothing is written into the package


def test_what_the_other_process_refuses_is_said(store, monkeypatch):  # noqa: F811
    monkeypatch.setattr(talk, "look", lambda place: State("failed", reason="It never saw 'Z'."))
    app = show("language", view="What it says")
    assert "never saw" in app.error[0].value


def test_controls_make_a_run_on_the_shipped_weights(store):  # noqa: F811
    app = show("language", lm="GPT style", method="random-filter", remove="35")
    assert app.title[0].value == "What survives in a language model?"
    app.button(key="start").click().run()
    (spec,) = store.submitted
    assert (spec.method, spec.sparsity, spec.recover) == ("random-filter", 0.35, "none")
    assert spec.weights == pretrained.trained()["GPT style"].spec.weights
    validate(spec, catalogue())
    app = show("language", lm="One I train here")
    app.button(key="start").click().run()
    assert store.submitted[-1].weights == ""
    assert store.submitted[-1].model == "decoder"


def test_a_run_of_ones_own_is_looked_at_by_another_process(store, monkeypatch):  # noqa: F811
    spec = replace(SHOWN, seed=9)
    events = [
        replace(e, key=spec.key, spec=spec.to_json()) if isinstance(e, Started) else e
        for e in pretrained.events(examples.LANGUAGE)
    ]
    finish(store, spec, events)
    begun = []
    monkeypatch.setattr(aside, "begin", lambda *words: begun.append(words))
    app = show("language", run=spec.key, view="Neurons")
    assert not app.error
    assert begun[0][0] == store.folder(spec.key) / "look"
    shutil.copytree(FOLDER / "look", store.folder(spec.key) / "look")
    app = show("language", run=spec.key, view="Neurons")
    assert "39.9" in alts(app)[0]
    app = show("language", run=spec.key, view="Perplexity")
    assert len(specs(app)[0]["data"]) > 2 * len(pretrained.METHODS)


def test_a_run_that_is_no_language_model_is_sent_back(store):  # noqa: F811
    app = show("language", run=RunSpec().key)
    assert any("not of a language model" in i.value for i in app.info)


def test_prompts_have_bounds(tmp_path):
    for prompt in (" ", "x" * 201):
        with pytest.raises(SpecError, match="must have 1 to 200 letters"):
            talk.begin_say({}, tmp_path, tmp_path, prompt)
    (tmp_path / "file").write_text("")
    with pytest.raises(SpecError, match="answer cannot be written in"):
        talk.begin_look({}, tmp_path / "file", tmp_path)


def test_the_rank_that_is_drawn_is_the_rank_of_the_method():
    import torch

    from prunelab import pagerank

    mlp = talk.mlps(FOLDER / "look")[0]
    for gamma, theta in ((0.9, 0.5), (0.0, 0.3), (1.0, 1.0)):
        found = talk.ranked(mlp, gamma, theta)
        expected = pagerank.weighted(
            *(torch.from_numpy(v).double() for v in (mlp.weight, mlp.incoming, mlp.active)),
            gamma=gamma, theta=theta,
        )  # fmt: skip
        assert np.allclose(found.rank, expected.numpy(), atol=1e-12)
        assert found.flow.sum() == pytest.approx(1)
    order = np.argsort(-talk.ranked(mlp, 0.9, 0.5).rank)
    kept = int(mlp.kept.sum())
    assert set(order[:kept]) == set(np.flatnonzero(mlp.kept))  # as the run had it


def test_figures_of_perplexity_say_what_they_have():
    with pytest.raises(ValueError, match="No run has a perplexity yet"):
        figures.perplexity([Result()])
    with pytest.raises(ValueError, match="no MLP"):
        figures.neurons([])
    runs = list(pretrained.runs().values())
    model = pretrained.trained()["Llama style"].spec
    mine = [r for r in runs if r.spec["weights"] == model.weights]
    found = figures.perplexity(mine).table
    assert len(found) == len(pretrained.METHODS) * len(pretrained.SPARSITIES)
    assert (found["runs"] == pretrained.SEEDS).all()
    row = found[(found["method"] == "random-filter") & (found["removed"] > 0.79)].iloc[0]
    raw = [
        r.recovered["perplexity"] for r in mine
        if r.spec["method"] == "random-filter" and r.spec["sparsity"] == 0.8
    ]  # fmt: skip
    assert row["perplexity"] == pytest.approx(np.mean(raw))
    assert row["sd"] == pytest.approx(np.std(raw, ddof=1))
