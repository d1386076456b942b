"""Scores that take long are worked out once for all runs that score alike, and told again."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest
import torch

from prunelab import sealed, shared_scores
from prunelab.events import Epoch, Finished, Started
from prunelab.experiment import run
from prunelab.job import Job, prepare
from prunelab.masks import removed
from prunelab.rating.watching import Watch
from prunelab.registry import METHODS
from prunelab.spec import RunSpec

EXAMPLES = RunSpec(method="el2n", model="mlp", sparsity=0.5, epochs=2, knobs={"runs": 2})
BEFORE = RunSpec(
    model="mlp", epochs=2, recover_epochs=1, examples_method="el2n", examples_sparsity=0.5,
    examples_knobs={"runs": 1},
)  # fmt: skip
FILTERS = RunSpec(method="hrank", model="lenet-5", epochs=1, recover_epochs=1, sparsity=0.3)


@pytest.fixture(autouse=True)
def _always(monkeypatch):
    monkeypatch.setattr(shared_scores, "LONG", 0.0)
    monkeypatch.setattr(shared_scores, "RATE", 10**12)


@pytest.fixture
def rated(monkeypatch):
    """The sparsities that something was scored for, not taken from before."""
    found, plain = [], Job.rate

    def rate(job, model, sparsity, watched=()):
        found.append(sparsity)
        return plain(job, model, sparsity, watched)

    monkeypatch.setattr(Job, "rate", rate)
    return found


def kept(folder):
    return sorted(folder.glob("scores-*"))


def said(events):
    """What a run tells of itself: all but when, and how long things took."""
    assert isinstance(events[-1], Finished), events[-1]
    plain = [e for e in events if not isinstance(e, Started | Finished)]
    return [e for e in plain if getattr(e, "part", "") != "test"]


@pytest.mark.parametrize("spec", [EXAMPLES, FILTERS], ids=["examples", "filters"])
def test_runs_of_other_sparsities_score_once_and_tell_the_same(spec, rated, tmp_path):
    for sparsity in (0.3, 0.6):
        own = replace(spec, sparsity=sparsity, recover="none")
        alone = said(list(run(own)))
        rated.clear()
        assert said(list(run(own, dense=tmp_path))) == alone
        assert len(rated) == (sparsity == 0.3)
        assert len(kept(tmp_path)) == 1


def test_trainings_that_were_watched_are_told_again_not_made_again(monkeypatch, tmp_path):
    first = list(run(EXAMPLES, dense=tmp_path))
    monkeypatch.setattr(Watch, "__call__", lambda *_: pytest.fail("trained again"))
    again = list(run(replace(EXAMPLES, sparsity=0.8), dense=tmp_path))
    assert [e for e in again if isinstance(e, Epoch) and e.phase.startswith("score")] == [
        e for e in first if isinstance(e, Epoch) and e.phase.startswith("score")
    ]


def test_examples_pruned_beforehand_are_scored_once_for_every_share(rated, tmp_path):
    for share in (0.5, 0.7):
        events = list(run(replace(BEFORE, examples_sparsity=share), dense=tmp_path))
        assert isinstance(events[-1], Finished)
        rows = removed(share, 1077)
        assert next(e for e in events if isinstance(e, Started)).settings["examples"] == {
            "kept": 1077 - rows,
            "of": 1077,
        }
    assert [s for s in rated if s in (0.5, 0.7)] == [0.5]


def rates(job, net, folder):
    steps = shared_scores.scoring(job, net, job.spec.sparsity)
    with pytest.raises(StopIteration) as end:
        next(shared_scores.once(job, net, steps, folder))
    return end.value.value


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({"sparsity": 0.7, "scope": "uniform", "recover": "none", "floor": 3}, True),
        ({"budget": "macs", "recover_epochs": 3, "layers": {"fc1": 0.5}}, True),
        ({"knobs": {"examples": 7}}, False),
        ({"method": "snip"}, False),
        ({"seed": 1}, False),
        ({"data_knobs": {"limit": 500}}, False),
    ],
)
def test_what_scores_depend_on_tells_them_apart(changed, same, rated, tmp_path):
    spec = RunSpec(method="wanda", model="mlp")
    first = prepare(spec)
    net = first.build()
    rates(first, net, tmp_path)
    other = replace(first, spec=replace(spec, **changed))
    other = replace(other, method=METHODS[other.spec.method])
    rates(other, net, tmp_path)
    assert len(rated) == 2 - same


def test_another_network_or_the_sparsity_of_a_method_that_asks_is_scored_anew(rated, tmp_path):
    job = prepare(RunSpec(method="iterative-snip", model="mlp", sparsity=0.5))
    net = job.build()
    rates(job, net, tmp_path)
    assert len(rated) == 1
    rates(replace(job, spec=replace(job.spec, sparsity=0.6)), net, tmp_path)
    with torch.no_grad():
        net[1].weight[0, 0] += 1
    rates(job, net, tmp_path)
    assert len(rated) == 3


def test_scores_and_notes_come_back_as_they_were(rated, tmp_path):
    job = prepare(RunSpec(method="wanda", model="mlp"))
    net = job.build()
    one, two = (rates(job, net, tmp_path) for _ in range(2))
    assert len(rated) == 1
    assert one.notes == two.notes
    assert one.scores.keys() == two.scores.keys()
    assert all(torch.equal(one.scores[name], two.scores[name]) for name in one.scores)
    assert all(one.scores[name].dtype == two.scores[name].dtype for name in one.scores)


def test_a_damaged_file_is_written_anew(rated, tmp_path):
    job = prepare(RunSpec(method="wanda", model="mlp"))
    net = job.build()
    rates(job, net, tmp_path)
    (path,) = tmp_path.rglob("*.safetensors")
    whole = path.read_bytes()
    path.write_bytes(whole[:-3] + b"???")
    rates(job, net, tmp_path)
    assert len(rated) == 2
    rates(job, net, tmp_path)
    assert len(rated) == 2


def test_a_full_disk_costs_nothing_but_the_next_scoring(rated, monkeypatch, tmp_path):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sealed, "save_file", full)
    job = prepare(RunSpec(method="wanda", model="mlp"))
    net = job.build()
    for _ in range(2):
        assert rates(job, net, tmp_path).scores
    assert len(rated) == 2


@pytest.mark.parametrize(("long", "rate"), [(3600.0, 10**12), (0.0, 1)])
def test_what_is_quick_or_much_is_not_kept(long, rate, monkeypatch, tmp_path):
    monkeypatch.setattr(shared_scores, "LONG", long)
    monkeypatch.setattr(shared_scores, "RATE", rate)
    job = prepare(RunSpec(method="wanda", model="mlp"))
    rates(job, job.build(), tmp_path)
    assert not kept(tmp_path)


def test_only_the_first_of_several_rounds_is_shared(rated, tmp_path):
    knobs = {"rounds": 2}
    spec = RunSpec(
        method="iterative-magnitude", model="mlp", epochs=1, recover_epochs=1, knobs=knobs
    )
    for sparsity in (0.5, 0.7):
        assert isinstance(list(run(replace(spec, sparsity=sparsity), dense=tmp_path))[-1], Finished)
    assert len(rated) == 3
    assert len(kept(tmp_path)) == 1
