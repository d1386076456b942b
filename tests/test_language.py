"""Language models in the Lab: texts as data, the decoder, perplexity, and LLM-Rank's neurons."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from prunelab.catalogue import describe, fits, fits_data, validate
from prunelab.datasets.tales import written
from prunelab.events import Measured, fold
from prunelab.experiment import one_thread, prune, run
from prunelab.filters.norms import norms, used
from prunelab.filters.ranked import makers, ranked
from prunelab.job import prepare
from prunelab.measure.quality import agreement, perplexity, quality
from prunelab.methods.wanda import importance, places
from prunelab.models.decoder import decoder
from prunelab.pagerank import modified, weighted
from prunelab.parts import split
from prunelab.probes import weights
from prunelab.registry import DATASETS, METHODS, UNITS
from prunelab.spec import RunSpec, SpecError
from prunelab.texts import MOST, OTHER, table
from prunelab.units.filters import planned

W = torch.tensor([[1.0, -2, 0], [3, 2, 1]])
P, A = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64), torch.tensor([1.0, 3.0])
X = torch.randint(0, 20, (6, 16), generator=torch.Generator().manual_seed(0))
SPEC = RunSpec(
    data="tales",
    model="decoder",
    sparsity=0.5,
    epochs=1,
    recover="none",
    data_knobs={"characters": 6000, "window": 32},
    model_knobs={"width": 16, "heads": 2, "neurons": 24},
)


def small(style="llama", **more):
    torch.manual_seed(0)
    return decoder((16,), 20, style=style, **{"width": 16, "heads": 4, "neurons": 24} | more).eval()


def by_formula(w, p, a, gamma, theta):
    """The definition, number by number."""
    rows, columns = w.shape
    p = [float(v) / float(p.sum()) for v in p]
    out = []
    for i in range(rows):
        flow = 0.0
        for j in range(columns):
            size = sum(abs(float(w[k, j])) for k in range(rows))
            links = sum(float(w[k, j]) != 0 for k in range(rows))
            if size:
                by_size, even = abs(float(w[i, j])) / size, float(w[i, j] != 0) / links
                flow += (theta * by_size + (1 - theta) * even) * p[j]
        out.append(gamma * flow + (1 - gamma) * float(a[i]) / float(a.sum()))
    return [v / sum(out) for v in out]


@pytest.mark.parametrize(
    ("gamma", "theta", "expected"),
    [
        (0.9, 0.5, (0.32875, 0.67125)),
        (0.0, 0.5, (0.25, 0.75)),  # as the published code has it by default
        (1.0, 1.0, (0.275, 0.725)),
        (1.0, 0.0, (0.4, 0.6)),
    ],
)
def test_weighted_pagerank_of_the_worked_example(gamma, theta, expected):
    found = weighted(W.double(), P, A, gamma=gamma, theta=theta)
    assert found.tolist() == pytest.approx(expected, abs=1e-12)
    found = weighted(W, P, A, gamma=gamma, theta=theta)
    assert found.tolist() == pytest.approx(expected, abs=1e-7)


def test_modified_pagerank_of_the_worked_example():
    assert modified(W, P, A).tolist() == pytest.approx((0.1375, 0.8625), abs=1e-7)


@pytest.mark.parametrize("sparse", [0.0, 0.4, 0.95])
def test_ranks_are_those_of_the_formula(sparse, monkeypatch):
    monkeypatch.setattr("prunelab.pagerank.PIECE", 30)  # several pieces, the last a part of one
    chance = torch.Generator().manual_seed(1)
    w = torch.randn(17, 11, generator=chance) * (torch.rand(17, 11, generator=chance) >= sparse)
    p, a = torch.rand(11, generator=chance), torch.rand(17, generator=chance)
    found = weighted(w, p, a, gamma=0.85, theta=0.3)
    assert found.tolist() == pytest.approx(by_formula(w, p, a, 0.85, 0.3), abs=1e-7)
    assert float(found.sum()) == pytest.approx(1)
    through = (w.abs() @ (p / p.sum()) * a).double()
    assert torch.allclose(modified(w, p, a), through / through.sum(), atol=1e-6)


def test_a_layer_of_zeros_ranks_by_activity_alone():
    assert weighted(torch.zeros(2, 3), P, A).tolist() == pytest.approx([0.25, 0.75])
    assert modified(torch.zeros(2, 3), P, A).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("style", ["gpt", "llama"])
def test_llm_rank_scores_each_mlp_by_what_flows_through_it(style):
    """Against the formula on activations that are read here by other means."""
    net = small(style)
    found = METHODS["llm-rank"].function(net, X, seed=0)
    assert list(found) == [c.name for c in planned(net, X).classes]
    assert len(found) == 2
    for number, scores in enumerate(found.values()):
        mlp = net.blocks[number].mlp
        seen = {}
        hook = mlp.register_forward_hook(lambda m, given, out, seen=seen: seen.update(x=given[0]))
        with torch.no_grad():
            net(X)
            hook.remove()
            x = seen["x"].flatten(0, 1)
            gated = style == "llama"
            h = F.silu(mlp.gate(x)) * mlp.up(x) if gated else F.gelu(mlp.up(x))
        expected = by_formula(mlp.up.weight.detach(), x.norm(dim=0), h.norm(dim=0), 0.9, 0.5)
        assert (scores / 24).tolist() == pytest.approx(expected, abs=1e-6)


def test_llm_rank_follows_its_knobs():
    net, rank = small(), METHODS["llm-rank"].function
    plain = rank(net, X, seed=0)
    alone = rank(net, X, seed=0, gamma=0.0)
    active = METHODS["activation-norm"].function(net, X, seed=0)
    first = next(iter(plain))
    assert not torch.allclose(plain[first], alone[first])
    assert torch.allclose(alone[first], active[first] / active[first].sum() * 24)
    raw = rank(net, X, seed=0, gamma=0.0, activity="raw")
    seen = norms(net, X, ["blocks.0.mlp.up"])
    out = seen.outgoing("blocks.0.mlp.up")
    assert torch.allclose(raw[first], out / out.sum() * 24)


def test_ranks_are_handed_on_where_layers_follow_each_other():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 7), nn.ReLU(), nn.Linear(7, 2)
    ).eval()
    x = torch.randn(8, 5)
    found = ranked(net, x, weighted, activity="read", chained=True, examples=8, seed=0)
    first, second = found.values()
    active = net[:4](x).detach().norm(dim=0)
    assert torch.allclose(second / 7, weighted(net[2].weight, first, active), atol=1e-6)
    alone = ranked(net, x, weighted, activity="read", chained=False, examples=8, seed=0)
    assert torch.allclose(first, next(iter(alone.values())))
    assert not torch.allclose(second, list(alone.values())[1])


def test_gates_are_not_ranked_but_go_along():
    net = small()
    group = planned(net, X).classes[0]
    assert makers(net, group) == ["blocks.0.mlp.up"]
    pruned = prune(net, "llm-rank", 0.5, X)
    shapes = {k: tuple(v.shape) for k, v in pruned.blocks[0].mlp.state_dict().items()}
    assert shapes == {"gate.weight": (12, 16), "up.weight": (12, 16), "down.weight": (16, 12)}
    assert pruned(X).shape == (6, 20, 16)


def test_a_group_without_plain_layer_cannot_be_ranked():
    net = nn.Sequential(nn.Conv1d(3, 8, 3), nn.ReLU(), nn.Conv1d(8, 4, 3), nn.Flatten()).eval()
    with pytest.raises(SpecError, match="made by no plain layer; choose l1-filter"):
        METHODS["llm-rank"].function(net, torch.randn(4, 3, 9), seed=0)


def test_an_unused_neuron_goes_first():
    net = small("gpt")
    with torch.no_grad():
        net.blocks[0].mlp.up.weight[7] = 0
        net.blocks[0].mlp.up.bias[7] = 0
    for name in ("llm-rank", "llm-rank-modified", "activation-norm"):
        scores = METHODS[name].function(net, X, seed=0)["blocks.0.mlp.up"]
        assert int(scores.argmin()) == 7, name


def test_wanda_is_the_definition_row_by_row():
    net = small()
    found = METHODS["wanda"].function(net, X, seed=0)
    assert list(found) == list(weights(net))
    seen = norms(net, X, ["blocks.1.attention.value"])
    w = weights(net)["blocks.1.attention.value"].detach()
    metric = w.abs() * seen.incoming("blocks.1.attention.value").float().reshape(1, -1)
    out = torch.zeros_like(w, dtype=torch.bool)
    out.scatter_(1, metric.sort(dim=1, stable=True)[1][:, :8], True)  # as published
    scores = found["blocks.1.attention.value"]
    assert torch.equal(scores < 0.5, out)
    whole = METHODS["wanda"].function(net, X, seed=0, rows=False)
    assert torch.allclose(whole["blocks.1.attention.value"], metric.double(), atol=1e-5)


def test_wanda_s_scores_and_ties():
    assert importance(torch.tensor([[1.0, -3.0]]), torch.tensor([5.0, 1.0])).tolist() == [[5, 3]]
    assert places(torch.tensor([[2.0, 2.0, 1.0, 4.0]])).tolist() == [[0.5, 0.25, 0.0, 0.75]]
    rows = torch.stack([torch.randperm(300), torch.randint(0, 40, (300,))])  # one without ties
    order = rows.argsort(dim=1, descending=True, stable=True)
    assert torch.equal(places(rows.double()).argsort(dim=1, descending=True), order)


def test_norms_leave_no_trace_and_add_up_over_batches(monkeypatch):
    net = small().train()
    one = norms(net, X, ["blocks.0.mlp.up"]).incoming("blocks.0.mlp.up")
    monkeypatch.setattr("prunelab.filters.norms.BATCH", 4)
    two = norms(net, X, ["blocks.0.mlp.up"]).incoming("blocks.0.mlp.up")
    assert torch.allclose(one, two)
    assert net.training
    assert not any(m._forward_hooks for m in net.modules())
    group = planned(net, X).classes[0]
    assert used(net, group, norms(net, X, ["blocks.0.mlp.down"])).shape == (24,)


@pytest.mark.parametrize("style", ["gpt", "llama"])
def test_a_token_answers_to_those_before_it_alone(style):
    net = small(style)
    other = X.clone()
    other[:, 10] = (X[:, 10] + 1) % 20
    with torch.no_grad():
        before, after = net(X), net(other)
    assert torch.equal(before[..., :10], after[..., :10])
    assert not torch.allclose(before[..., 10:], after[..., 10:])


def test_rotary_positions_see_distances_alone():
    net = small(blocks=1)
    q = net.blocks[0].attention.query
    from prunelab.models.decoder import _turned

    x = torch.ones(1, 1, 12, 4)
    turned = _turned(x)[0, 0]
    assert float(turned[3] @ turned[5]) == pytest.approx(float(turned[7] @ turned[9]), rel=1e-5)
    assert turned.norm(dim=-1) == pytest.approx(torch.full((12,), 2.0).numpy())
    assert q.bias is None


def test_a_decoder_refuses_heads_that_do_not_divide():
    with pytest.raises(SpecError, match="width must be heads × an even number"):
        small(width=24, heads=5)
    with pytest.raises(SpecError, match="width must be heads × an even number"):
        small(width=24, heads=8)
    assert small("gpt", width=24, heads=8)(X).shape == (6, 20, 16)


@pytest.mark.parametrize("style", ["gpt", "llama"])
def test_neurons_are_removed_exactly(style):
    net = small(style)
    unit = UNITS["filters"].function()
    chance = torch.Generator().manual_seed(3)
    masks = {n: torch.rand(s, generator=chance) > 0.4 for n, s in unit.shapes(net, X).items()}
    masked = unit.cover(net, X, masks)
    cut = unit.keep(net, X, masks)
    with torch.no_grad():
        for name, mask in masked.items():
            net.get_parameter(name).mul_(mask)
        assert float((net(X) - cut(X)).abs().max()) < 1e-5


def test_text_becomes_windows_with_the_next_letter():
    found = table("abcabcabc" * 20, window=8)
    assert found.classes == ("a", "b", "c")
    assert found.x.shape == found.y.shape == (22, 8)
    assert found.x[0].tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert np.array_equal(found.x.reshape(-1)[1:], found.y.reshape(-1)[:-1])
    assert table("a\r\nb" * 60, 8).classes == ("\n", "a", "b")


def test_rare_letters_share_a_placeholder():
    text = "".join(chr(0x4E00 + i) * (2 if i < 90 else 1) for i in range(120)) * 2
    found = table(text, window=8)
    assert len(found.classes) == MOST
    assert found.classes[-1] == OTHER
    assert (found.x == MOST - 1).sum() > 0


def test_text_is_cut_in_reading_order_and_limited():
    found = table("abcdefghij" * 81, window=8)
    parts = split(found)
    count = len(found.y)
    assert np.array_equal(parts.train.x, found.x[: round(0.8 * count)])
    assert np.array_equal(parts.test_once().x, found.x[round(0.9 * count) :])
    assert len(parts.validation.y) == round(0.9 * count) - round(0.8 * count)
    few = split(found, limit=7)
    assert len(few.train.y) == len(few.rows) == 7
    assert np.array_equal(few.train.x, found.x[few.rows])
    assert np.array_equal(few.validation.x, parts.validation.x)


def test_texts_that_teach_nothing_are_refused(tmp_path):
    with pytest.raises(SpecError, match="The text is empty"):
        table(" \n", 8)
    with pytest.raises(SpecError, match="which is 12 windows of 8; it needs at least 20"):
        table("ab" * 49, 8)
    with pytest.raises(SpecError, match="'a' throughout"):
        table("a" * 900, 8)
    with pytest.raises(SpecError, match="flip puts labels of classes wrong"):
        split(table("ab" * 400, 8), flip=0.1)
    path = tmp_path / "odd.txt"
    path.write_bytes(b"\xff\xfe\x00ab" * 100)
    with pytest.raises(SpecError, match="must be a text in UTF-8"):
        DATASETS["text"].function(file=str(path))
    path.write_text("to be or not to be " * 50, encoding="utf-8")
    assert DATASETS["text"].function(file=str(path), window=16, characters=400).x.shape == (24, 16)


def test_tales_are_the_same_each_time():
    assert written(5000) == written(9000)[:5000]
    assert len(written(5000)) == 5000
    assert 25 <= len(set(written(20_000))) <= 40


def test_perplexity_is_that_of_the_loss():
    parts = prepare(SPEC).parts
    net = prepare(SPEC).build()
    found = quality(net, parts.validation, len(parts.classes))
    with torch.no_grad():
        logits = net(torch.from_numpy(parts.validation.x))
    p = logits.double().softmax(1).gather(1, torch.from_numpy(parts.validation.y)[:, None])
    assert found["perplexity"] == pytest.approx(float(torch.exp(-p.log().mean())), rel=1e-5)
    right = logits.argmax(1).numpy() == parts.validation.y
    assert found["accuracy"] == right.mean()
    assert sum(map(sum, found["confusion"])) == parts.validation.y.size
    assert perplexity(1e4) == math.inf


def test_agreement_is_the_share_of_likeliest_tokens_in_common():
    parts = prepare(SPEC).parts
    part = parts.validation
    one, two = (replace(SPEC, seed=s) for s in (0, 1))
    nets = [prepare(s).build().eval() for s in (one, two)]
    with torch.no_grad():
        first, second = (n(torch.from_numpy(part.x)).topk(5, dim=1).indices for n in nets)
    pairs = zip(*(t.movedim(1, 2).flatten(0, 1).tolist() for t in (first, second)), strict=True)
    expected = np.mean([len(set(a) & set(b)) / 5 for a, b in pairs])
    assert agreement(*nets, part) == pytest.approx(expected)
    assert agreement(nets[0], nets[0], part, first=99) == 1


@pytest.mark.parametrize("method", ["magnitude", "snip", "movement", "llm-rank", "wanda", "taylor"])
def test_methods_prune_a_language_model_through_the_one_pipeline(method):
    spec = replace(SPEC, method=method)
    with one_thread():
        events = list(run(spec))
    result = fold(events)
    assert result.status == "finished", result.reason
    tested = [e for e in events if isinstance(e, Measured) and e.part == "test"]
    assert [e.stage for e in tested] == ["dense", "pruned", "recovered"]
    assert tested[-1].values["perplexity"] == pytest.approx(math.exp(tested[-1].values["loss"]))
    assert "validation_perplexity" in result.dense
    assert 0.2 < result.recovered["agreement"] <= result.dense["agreement"] == 1
    assert result.sparsity["achieved"] == pytest.approx(0.5, abs=1e-3)
    assert result.recovered["nonzero"] < result.dense["nonzero"]


def test_distillation_and_files_work_on_text(tmp_path):
    from prunelab import artefacts

    spec = replace(SPEC, method="llm-rank", recover="distill", recover_epochs=1)
    with one_thread():
        result = fold(run(spec, files=tmp_path))
    assert result.status == "finished", result.reason
    assert result.recovered["perplexity"] < result.pruned["perplexity"]
    net = artefacts.load_model(tmp_path)
    part = prepare(spec).parts.test_once()
    told = quality(net, part, len(prepare(spec).parts.classes))
    assert told["perplexity"] == pytest.approx(result.recovered["perplexity"], rel=1e-6)


def test_what_does_not_fit_a_text_is_said_beforehand():
    known = describe()
    assert fits_data(known, "mlp", "tales") == "tales needs a language model; mlp is none."
    assert "decoder needs text; digits has none" in fits_data(known, "decoder", "digits")
    assert "keeps examples by their classes" in fits(known, "el2n", "decoder")
    assert fits(known, "llm-rank", "decoder") == ""
    with pytest.raises(SpecError, match="keeps examples by their classes"):
        validate(replace(SPEC, method="el2n"))


def test_kernels_count_by_their_sums():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 3), nn.Flatten(), nn.Linear(4 * 16, 3)
    ).eval()
    x = torch.randn(5, 2, 8, 8)
    first = next(iter(METHODS["llm-rank"].function(net, x, seed=0).values()))
    with torch.no_grad():
        p = x.transpose(0, 1).flatten(1).norm(dim=1)
        active = net[:2](x).transpose(0, 1).flatten(1).norm(dim=1)
    expected = by_formula(net[0].weight.detach().abs().sum((2, 3)), p, active, 0.9, 0.5)
    assert (first / 6).tolist() == pytest.approx(expected, abs=1e-6)
