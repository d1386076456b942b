"""Language models that ship: their weights are what their names say, and what was told holds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prunelab import aside, examples, pretrained, talk
from prunelab.events import fold
from prunelab.experiment import run
from prunelab.files import SHIPPED, find
from prunelab.lm import look
from prunelab.spec import RunSpec, SpecError

SPEC = pretrained.trained()["Pocket"].spec
FOLDER = examples.FOLDER / examples.LANGUAGE


def test_weights_are_small_and_named_by_their_content():
    files = sorted(SHIPPED.iterdir())
    assert {f.name for f in files} == {m.spec.weights for m in pretrained.trained().values()}
    for file in files:
        assert hashlib.sha256(file.read_bytes()).hexdigest() == file.stem
    shipped = [*files, *(p for p in FOLDER.rglob("*") if p.is_file())]
    shipped += examples.FOLDER.glob("language-*")
    assert sum(p.stat().st_size for p in shipped) < 3_000_000


def test_they_are_found_where_only_uploads_are(monkeypatch, home):
    monkeypatch.setenv("PRUNELAB_UPLOADS_ONLY", "1")
    assert find(SPEC.weights, ".safetensors").parent == SHIPPED


def test_a_run_of_the_sweep_is_what_was_told(home, tmp_path):
    told = pretrained.runs()[replace(pretrained.shown(), sparsity=0.4).key]
    found = fold(run(RunSpec.from_json(told.spec)))
    assert found.status == "finished", found.reason
    for stage in ("dense", "recovered"):
        for name in ("accuracy", "perplexity"):
            value = getattr(found, stage)[name]
            assert value == pytest.approx(getattr(told, stage)[name], rel=1e-3)


def test_a_run_is_looked_at_and_goes_on_with_a_prompt(home, tmp_path):
    spec = replace(SPEC, method="llm-rank", sparsity=0.6)
    found = fold(run(spec, files=tmp_path))
    assert found.status == "finished", found.reason
    look.write({"spec": spec.to_json()}, tmp_path, tmp_path / "look", lambda *a, **k: None)
    first = talk.mlps(tmp_path / "look")[0]
    assert first.weight.shape == (24, 16)
    assert int(first.kept.sum()) == 10
    lowest = np.sort(first.score)[:14]
    assert set(np.flatnonzero(first.kept == 0)) == {int(i) for i in np.argsort(first.score)[:14]}
    assert lowest.max() <= first.score[first.kept == 1].min()
    for both in talk.speeds(tmp_path / "look").values():
        for told_speed in both.values():
            assert 0 < told_speed["low"] <= told_speed["median"] <= told_speed["high"]
    asked = {"spec": spec.to_json(), "prompt": "the fox "}
    assert look.main(asked, tmp_path, tmp_path / "say") == 0
    said = talk.said(tmp_path / "say")
    assert aside.look(tmp_path / "say").name == "ready"
    assert len(said["dense"]) == len(said["pruned"]) == look.LETTERS
    assert said["dense"] != said["pruned"]
    with pytest.raises(SpecError, match="never saw 'Ω'"):
        look.write({**asked, "prompt": "Ω"}, tmp_path, tmp_path, lambda *a, **k: None)


def test_weights_of_methods_for_weights_are_shown_as_shares(home, tmp_path):
    spec = replace(SPEC, method="magnitude", sparsity=0.5)
    assert fold(run(spec, files=tmp_path)).status == "finished"
    look.write({"spec": spec.to_json()}, tmp_path, tmp_path / "look", lambda *a, **k: None)
    kept = talk.mlps(tmp_path / "look")[0].kept
    assert len(np.unique(kept)) > 3
    assert 0 < kept.mean() < 1


def test_what_is_not_there_is_asked_for_again(home, tmp_path):
    with pytest.raises(SpecError, match="Press Run once more"):
        look.write({"spec": SPEC.to_json()}, tmp_path, tmp_path / "x", lambda *a, **k: None)


def test_the_shipped_continuations_are_those_of_the_models():
    prompt = "on a cold day the crow ran to the mill. "
    told = talk.said(talk.place(FOLDER, Path("nowhere"), prompt))
    job, nets = look.loaded(pretrained.shown(), FOLDER)
    assert look.spoken(job, nets, prompt) == told
    asked = json.loads((FOLDER / "look" / "progress.json").read_text())
    assert asked["state"] == "ready"
