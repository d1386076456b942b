"""Language models: heads that are cut out, least squares, short training, movement, bfloat16."""

from __future__ import annotations

import copy

import language_models as tiny
import pytest
import torch
import transformers
from test_lm import IDS, said

from prunelab import lm
from prunelab.lm.anatomy import blocks, linears, matrix, mlp, remove_neurons
from prunelab.lm.attention import HEADS, attention, remove_heads, score_heads
from prunelab.lm.neurons import score_neurons
from prunelab.lm.prune import METHODS
from prunelab.lm.repair import finetune, least_squares, movement
from prunelab.spec import SpecError


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2"])
def test_heads_are_cut_out_exactly(family, tmp_path):
    model = tiny.model(family)
    dense = copy.deepcopy(model)
    report = lm.prune(model, IDS, "wanda", 0.5, unit="heads")
    assert (report.of, report.kept) == (6, 3)
    with torch.no_grad():  # the same heads silent in the dense model
        for block, stays in zip(blocks(dense), report.stays, strict=True):
            out = matrix(attention(block).o_proj)
            out[:, ~stays.repeat_interleave(out.shape[1] // len(stays))] = 0
    assert float((said(dense) - said(model)).abs().max()) < 1e-4
    start = IDS[:1, :5]
    told = [
        m.generate(start, attention_mask=torch.ones_like(start), max_new_tokens=8, use_cache=True,
                   do_sample=False, pad_token_id=0)
        for m in (model, dense)
    ]  # fmt: skip
    assert torch.equal(*told)
    model.save_pretrained(tmp_path)
    again = transformers.AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert torch.equal(said(again), said(model))


@pytest.mark.parametrize("method", HEADS)
def test_scores_of_heads(method):
    model = tiny.model("llama")
    scores = score_heads(model, IDS, method, seed=1)
    assert [tuple(s.shape) for s in scores] == [(2,)] * 3
    found = []
    hooks = [
        attention(b).o_proj.register_forward_hook(lambda m, g, o: found.append(g[0].flatten(0, 1)))
        for b in blocks(model)
    ]
    said(model)
    for hook in hooks:
        hook.remove()
    x, w = found[1].double(), matrix(attention(blocks(model)[1]).o_proj).abs().double()
    by_column = {
        "wanda": (w.sum(0) * x.square().sum(0).sqrt()).view(2, -1).sum(1),
        "activation": x.square().sum(0).view(2, -1).sum(1).sqrt(),
        "magnitude": w.sum(0).view(2, -1).sum(1),
    }
    if method in by_column:
        assert torch.allclose(scores[1], by_column[method], rtol=1e-5)
    else:
        assert torch.equal(scores[1], score_heads(model, IDS, method, seed=1)[1])


def test_heads_that_cannot_go_are_refused():
    for family in ("gpt2", "opt", "gpt-neox"):
        with pytest.raises(SpecError, match="Heads can be cut out of the families"):
            lm.prune(tiny.model(family), IDS, "wanda", 0.5, unit="heads")
    every, one = torch.ones(2, dtype=torch.bool), torch.tensor([True, False])
    with pytest.raises(SpecError, match="as many heads as the others, got \\[1, 2\\]"):
        remove_heads(tiny.model("llama"), [every, one, every])


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_least_squares_is_the_best_there_is(family):
    """Of the first block what its MLP says is nearer than without, and no other W is nearer."""
    dense = tiny.model(family)
    stays = [s > s.median() for s in score_neurons(dense, IDS, "random", seed=0)]
    heard = {}
    down = mlp(blocks(dense)[0]).down
    hook = down.register_forward_hook(lambda m, given, out: heard.update(h=given[0], out=out))
    said(dense)
    hook.remove()
    h, whole = heard["h"].flatten(0, 1).double(), matrix(down).double().clone()
    solved = copy.deepcopy(dense)
    least_squares(solved, IDS, stays, damp=0.0)
    new = matrix(mlp(blocks(solved)[0]).down).double()
    assert not new[:, ~stays[0]].any()
    wanted = h @ whole.T
    best = torch.linalg.lstsq(h[:, stays[0]], wanted).solution.T
    assert torch.allclose(new[:, stays[0]], best, atol=1e-3)
    cut = whole.clone()
    cut[:, ~stays[0]] = 0
    assert (h @ new.T - wanted).norm() < 0.9 * (h @ cut.T - wanted).norm()
    repaired = copy.deepcopy(dense)
    lm.prune(repaired, IDS, "random", 0.5, recover="least-squares")
    remove_neurons(solved, stays)
    assert said(repaired).shape == said(solved).shape


def test_least_squares_of_nothing_is_refused():
    model = tiny.model("llama")
    stays = [torch.arange(40) < 20] * 3
    with torch.no_grad():
        mlp(blocks(model)[0]).up.weight.fill_(float("nan"))
    with pytest.raises(SpecError, match="Least squares found no solution"):
        least_squares(model, IDS, stays)


def test_a_short_training_helps_and_keeps_zeros():
    model = tiny.model("llama")
    ids = torch.arange(20).repeat(12, 1)
    lm.prune(model, ids, "wanda", 0.5, unit="weights")
    zeros = [matrix(x) == 0 for b in blocks(model) for x in linears(b).values()]
    losses = finetune(model, ids, steps=12, lr=3e-3, batch=6)
    assert losses[-1] < 0.7 * losses[0]
    for zero, x in zip(zeros, [x for b in blocks(model) for x in linears(b).values()], strict=True):
        assert torch.equal(matrix(x) == 0, zero)
    assert not model.training


def test_movement_prunes_while_it_learns():
    ids = torch.arange(20).repeat(12, 1)
    model = tiny.model("llama")
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    report = lm.prune(model, ids, "movement", 0.6, unit="weights", steps=15, lr=3e-3, batch=6)
    zeros = sum(int((matrix(x) == 0).sum()) for b in blocks(model) for x in linears(b).values())
    assert zeros == report.of - report.kept
    assert report.sparsity == pytest.approx(0.6, abs=1e-3)
    size = {n: before[n].abs() for n in before if "q_proj" in n}
    name, old = next(iter(size.items()))
    gone = dict(model.named_parameters())[name] == 0
    lowest = old <= old.flatten().kthvalue(int(gone.sum())).values
    assert (gone & ~lowest).any()  # not by magnitude
    learned = torch.nn.functional.cross_entropy(
        said(model, ids)[:, :-1].flatten(0, 1), ids[:, 1:].flatten()
    )
    assert float(learned) < 3.0


def test_movement_scores_are_minus_weight_times_gradient():
    ids = torch.arange(20).repeat(2, 1)
    model = tiny.model("llama")
    twin = copy.deepcopy(model)
    loss = torch.nn.functional.cross_entropy(
        twin(input_ids=ids, use_cache=False).logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()
    )
    loss.backward()
    movement(model, ids, 0.5, steps=1, lr=1e-6, batch=2)
    for block, other in zip(blocks(model), blocks(twin), strict=True):
        for name, layer in linears(block).items():
            like = dict(linears(other))[name]
            score = -(like.weight.detach() * like.weight.grad)
            kept = (matrix(layer) != 0).flatten()
            assert score.flatten()[kept].min() >= score.flatten()[~kept].max() - 1e-9


@pytest.mark.parametrize("unit", ["neurons", "weights", "heads", "blocks"])
def test_half_precision_is_pruned_on_a_cpu(unit):
    for method in METHODS[unit]:
        if method == "movement":
            continue
        model = tiny.model("llama").to(torch.bfloat16)
        report = lm.prune(model, IDS, method, 0.5, unit=unit)
        assert report.sparsity == pytest.approx(0.5, abs=0.17)
        assert next(model.parameters()).dtype == torch.bfloat16
        assert torch.isfinite(said(model)).all()
    whole = tiny.model("llama")
    scores = [score_neurons(m, IDS, "llm-rank", seed=0)[0] for m in (whole, _half(whole))]
    assert torch.allclose(*scores, rtol=0.05)


def _half(model):
    return copy.deepcopy(model).to(torch.bfloat16)
