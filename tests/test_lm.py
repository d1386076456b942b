"""Language models of transformers: removal is exact, scores are the formulas, texts are judged."""

from __future__ import annotations

import copy

import language_models as tiny
import pytest
import torch

from prunelab import lm
from prunelab.datasets.tales import written
from prunelab.lm import folder as folders
from prunelab.lm.anatomy import blocks, linears, matrix, mlp, remove_blocks, remove_neurons
from prunelab.lm.neurons import official_masks, score_neurons
from prunelab.lm.prune import METHODS
from prunelab.lm.sparsegpt import solve, solve_
from prunelab.lm.walk import walk
from prunelab.lm.weights import WEIGHTS, mask
from prunelab.pagerank import modified, weighted
from prunelab.spec import SpecError

TEXT = written(6000)
IDS = torch.randint(0, len(tiny.LETTERS), (11, 20), generator=torch.Generator().manual_seed(0))


def said(model, ids=IDS):
    with torch.no_grad():
        return model(input_ids=ids, use_cache=False).logits


def run_whole(model, layers):
    """What layers read and say in one plain pass of the whole model."""
    seen = {}
    hooks = [
        layer.register_forward_hook(
            lambda m, given, out, name=name: seen.update(
                {name: (given[0].flatten(0, -2), out.flatten(0, -2))}
            )
        )
        for name, layer in layers.items()
    ]
    said(model)
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_neurons_are_cut_out_exactly(family, tmp_path):
    model = tiny.model(family)
    dense = copy.deepcopy(model)
    report = lm.prune(model, IDS, "llm-rank", 0.4)
    neurons = mlp(blocks(dense)[0]).neurons
    assert report.of == 3 * neurons
    assert report.kept == 3 * (neurons - round(0.4 * neurons))
    with torch.no_grad():  # the same neurons silent in the dense model
        for block, stays in zip(blocks(dense), report.stays, strict=True):
            matrix(mlp(block).down)[:, ~stays] = 0
    assert float((said(dense) - said(model)).abs().max()) < 1e-4
    many = {"max_new_tokens": 12, "do_sample": False, "pad_token_id": 0}
    start = IDS[:2, :5]
    ones = torch.ones_like(start)
    for cached in (True, False):
        both = [
            m.generate(start, attention_mask=ones, use_cache=cached, **many) for m in (dense, model)
        ]
        assert torch.equal(*both)
    language = lm.Language(model, tiny.tokenizer())
    lm.save(language, tmp_path)
    import transformers

    with folders._quiet():
        again, told = transformers.AutoModelForCausalLM.from_pretrained(
            tmp_path, output_loading_info=True
        )
    assert not told["missing_keys"]
    assert torch.equal(said(again.eval()), said(model))


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_scores_are_those_of_a_plain_pass(family):
    model = tiny.model(family)
    found = {name: score_neurons(model, IDS, name, seed=0) for name in METHODS["neurons"]}
    for number, block in enumerate(blocks(model)):
        gate, up, down = mlp(block)
        seen = run_whole(model, {"up": up, "down": down})
        read, raw = (t.double().norm(dim=0) for t in seen["up"])
        inner = seen["down"][0].double().norm(dim=0)
        expected = {
            "llm-rank": weighted(matrix(up), read, inner),
            "llm-rank-modified": modified(matrix(up), read, inner),
            "activation": inner,
            "wanda": (matrix(down).abs().double() * inner).sum(0),
        }
        for name, scores in expected.items():
            assert torch.allclose(found[name][number], scores, rtol=1e-5), (name, number)
        published = score_neurons(model, IDS, "llm-rank", seed=0, gamma=0.0, activity="raw")
        assert torch.allclose(published[number], raw / raw.sum(), rtol=1e-5)
        rows = matrix(up).abs().double().sum(1)
        rows = rows if gate is None else rows + matrix(gate).abs().double().sum(1)
        assert torch.allclose(found["magnitude"][number], rows)


def test_walking_changes_nothing_and_sees_what_a_plain_pass_sees():
    model = tiny.model("mistral").train()
    plain = copy.deepcopy(model).eval().base_model(input_ids=IDS, use_cache=False)[0]
    arrived = []

    def visit(number, block, arriving, run):
        arrived.append(arriving)
        return run(arriving)

    walk(model, IDS, visit)
    assert model.training
    last = copy.deepcopy(model).eval()
    norm = last.base_model.norm
    with torch.no_grad():
        h = blocks(last)[-1]
        assert len(arrived) == 3
        assert "forward" not in h.__dict__
    model.eval()
    caught = []
    walk(model, IDS, lambda n, b, a, run: caught.append(run(a)) or caught[-1])
    with torch.no_grad():
        assert torch.allclose(norm(caught[-1]), plain, atol=1e-5)


def test_published_masks_zero_rows_of_both_projections():
    model = tiny.model("llama")
    dense = copy.deepcopy(model)
    official_masks(model, IDS, 0.25, gamma=0.0)
    for block, before in zip(blocks(model), blocks(dense), strict=True):
        found, whole = mlp(block), mlp(before)
        assert int((matrix(found.up).abs().sum(1) == 0).sum()) == 10
        assert int((matrix(found.down).abs().sum(1) == 0).sum()) == 6
        assert torch.equal(matrix(found.gate), matrix(whole.gate))
        raw = run_whole(dense, {"up": whole.up})["up"][1].norm(dim=0)
        gone = matrix(found.up).abs().sum(1) == 0
        assert raw[gone].max() < raw[~gone].min()


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_whole_blocks_go(family, tmp_path):
    model = tiny.model(family)
    with torch.no_grad():  # the second block does nothing
        silent = blocks(model)[1]
        for layer in (
            mlp(silent).down,
            list(linears(silent).values())[1 if family == "gpt2" else 3],
        ):
            layer.weight.zero_()
            if layer.bias is not None:
                layer.bias.zero_()
    before = said(model)
    report = lm.prune(model, IDS, "block-influence", 0.3, unit="blocks")
    assert report.stays[0].tolist() == [True, False, True]
    assert report.scores[0][1] == pytest.approx(0, abs=1e-6)
    assert torch.allclose(said(model), before, atol=1e-5)
    lm.save(lm.Language(model, tiny.tokenizer()), tmp_path)
    assert torch.equal(said(lm.read(tmp_path).model), said(model))
    start = IDS[:1, :4]
    out = model.generate(
        start, attention_mask=torch.ones_like(start), max_new_tokens=3, pad_token_id=0
    )
    assert out.shape == (1, 7)


@pytest.mark.parametrize("method", WEIGHTS)
@pytest.mark.parametrize("pattern", [None, (2, 4)])
def test_weights_become_zero_exactly(method, pattern):
    model = tiny.model("gpt2")
    report = lm.prune(model, IDS, method, 0.5, unit="weights", pattern=pattern, seed=3)
    zeros = 0
    for block in blocks(model):
        for layer in linears(block).values():
            w = matrix(layer)
            zeros += int((w == 0).sum())
            if pattern:
                assert ((w.reshape(len(w), -1, 4) != 0).sum(2) <= 2).all()
            elif method == "wanda":
                assert ((w == 0).sum(1) == w.shape[1] // 2).all()
    assert zeros == report.of - report.kept
    assert report.sparsity == pytest.approx(0.5, abs=1e-9)
    assert torch.isfinite(said(model)).all()


def test_wanda_s_mask_is_the_published_loop():
    chance = torch.Generator().manual_seed(0)
    w, x = torch.randn(300, 64, generator=chance), torch.randn(500, 64, generator=chance)
    x *= torch.rand(64, generator=chance) * 5
    squares = x.square().sum(0)
    metric = w.abs() * squares.sqrt().reshape(1, -1)
    rows = torch.zeros_like(w, dtype=torch.bool)
    rows.scatter_(1, torch.sort(metric, dim=-1, stable=True)[1][:, :32], True)
    assert torch.equal(mask("wanda", w, squares, 0.5, None), ~rows)
    few = torch.zeros_like(w, dtype=torch.bool)
    for j in range(0, 64, 4):
        part = metric[:, j : j + 4]
        few.scatter_(1, j + torch.topk(part, 2, dim=1, largest=False)[1], True)
    assert torch.equal(mask("wanda", w, squares, 0.5, (2, 4)), ~few)


def test_ties_are_counted_exactly():
    stays = mask("magnitude", torch.ones(3, 8), None, 0.5, None)
    assert int(stays.sum()) == 12
    assert (mask("wanda", torch.ones(3, 8), torch.ones(8), 0.25, None).sum(1) == 6).all()
    assert mask("wanda", torch.ones(3, 8), torch.ones(8), 0.0, None).all()


def by_loops(w, h, sparsity, pattern=None, blocksize=16, damp=0.01):
    """SparseGPT as published, one column at a time."""
    w, h = w.double().clone(), h.double().clone()
    dead = torch.diag(h) == 0
    h[dead, dead] = 1
    w[:, dead] = 0
    h += torch.eye(len(h), dtype=h.dtype) * damp * torch.diag(h).mean()
    hinv = torch.linalg.cholesky(torch.linalg.inv(h), upper=True)
    losses = 0.0
    for i1 in range(0, w.shape[1], blocksize):
        i2 = min(i1 + blocksize, w.shape[1])
        w1, err1, h1 = (
            w[:, i1:i2].clone(),
            torch.zeros(len(w), i2 - i1).double(),
            hinv[i1:i2, i1:i2],
        )
        gone = torch.zeros_like(w1, dtype=torch.bool)
        if pattern is None:
            tmp = w1**2 / torch.diag(h1).reshape(1, -1) ** 2
            kill = torch.sort(tmp.flatten(), stable=True)[1][: int(tmp.numel() * sparsity)]
            gone.view(-1)[kill] = True
        for i in range(i2 - i1):
            if pattern and i % pattern[1] == 0:
                m = pattern[1]
                tmp = w1[:, i : i + m] ** 2 / torch.diag(h1)[i : i + m].reshape(1, -1) ** 2
                low = torch.topk(tmp, m - pattern[0], dim=1, largest=False)[1]
                gone.scatter_(1, i + low, True)
            q = w1[:, i].clone()
            q[gone[:, i]] = 0
            err = (w1[:, i] - q) / h1[i, i]
            losses += float((err**2).sum() / 2)
            w1[:, i:] -= err[:, None] @ h1[i, i:][None]
            w1[:, i] = q
            err1[:, i] = err
        w[:, i1:i2] = w1
        w[:, i2:] -= err1 @ hinv[i1:i2, i2:]
    return w, losses


@pytest.mark.parametrize("pattern", [None, (2, 4)])
def test_sparsegpt_is_the_published_loop(pattern):
    w, x = correlated(24, 64)
    h = x.T @ x / 100
    found = solve(w, h, 0.5, pattern=pattern, columns=16)
    expected, loss = by_loops(w, h, 0.5, pattern)
    assert torch.equal(found.stays, expected != 0)
    assert torch.allclose(found.weight.double(), expected, atol=1e-10)
    assert found.loss == pytest.approx(loss, rel=1e-9)
    off = found.weight - w
    damped = h + 0.01 * h.diagonal().mean() * torch.eye(64, dtype=h.dtype)
    assert found.loss == pytest.approx(0.5 * float(((off @ damped) * off).sum()), rel=1e-9)


def correlated(outputs, inputs):
    chance = torch.Generator().manual_seed(5)
    mix = torch.randn(inputs, inputs, generator=chance, dtype=torch.float64) / 4
    x = torch.randn(700, inputs, generator=chance, dtype=torch.float64) @ mix
    x *= torch.rand(inputs, generator=chance, dtype=torch.float64) * 3
    return torch.randn(outputs, inputs, generator=chance, dtype=torch.float64), x


def test_what_is_made_up_for_comes_nearer():
    """SparseGPT's error ≤ Wanda's ≤ magnitude's where inputs are correlated."""
    w, x = correlated(32, 64)
    squares = x.square().sum(0)
    new = {
        "sparsegpt": solve(w, x.T @ x, 0.5).weight,
        "wanda": w * mask("wanda", w, squares, 0.5, None),
        "magnitude": w * mask("magnitude", w, None, 0.5, None),
    }
    errors = {name: float((x @ (v - w).T).square().mean()) for name, v in new.items()}
    assert errors["sparsegpt"] < errors["wanda"] < errors["magnitude"]


def test_sparsegpt_on_white_inputs_is_magnitude():
    w, _ = correlated(8, 32)
    found = solve(w, 3 * torch.eye(32, dtype=torch.float64), 0.5, columns=32)
    assert torch.equal(found.stays, mask("magnitude", w, None, 0.5, None))
    assert torch.allclose(found.weight, w * found.stays)


def test_a_hessian_without_an_inverse_gets_more_on_its_diagonal():
    w, x = correlated(6, 300)
    h = x[:3].T @ x[:3]  # three tokens say nothing of most directions
    before = h.clone()
    one, two = (solve(w, h, 0.5, damp=damp) for damp in (0.0, 0.01))
    assert torch.equal(h, before)
    assert torch.equal(one.weight, two.weight)
    assert one.kept == int(one.stays.sum()) == w.numel() // 2


def test_sparsegpt_in_place_uses_up_what_it_is_given():
    w, x = correlated(6, 300)
    expected = solve(w, x.T @ x, 0.5)
    assert solve_(w, x.T @ x, 0.5).weight is w
    assert torch.equal(w, expected.weight)
    half = w.bfloat16()
    assert solve_(half, x.T @ x, 0.5, pattern=(2, 4)).weight is half
    assert (half.reshape(6, -1, 4) != 0).sum(2).max() == 2


def test_inputs_that_say_nothing_cost_nothing():
    w, x = correlated(8, 32)
    x[:, 5] = 0
    found = solve(w, x.T @ x, 0.5, columns=32)
    assert not found.weight[:, 5].any()
    with pytest.raises(SpecError, match="found no inverse Hessian"):
        solve(w, torch.full((32, 32), float("nan")), 0.5)


def test_windows_predict_every_token_once():
    ids = torch.arange(23)
    for length, stride in ((8, 0), (8, 3), (8, 8), (30, 0), (2, 1)):
        new = []
        for window, count in lm.windows(ids, length, stride):
            assert len(window) <= length + 1
            new += window[len(window) - count :].tolist()
        assert new == list(range(1, 23)), (length, stride)
    for bad in (9, -1):
        with pytest.raises(SpecError, match="stride must be from 1 to the window of 8"):
            list(lm.windows(ids, 8, bad))
    with pytest.raises(SpecError, match="The text has 1 tokens"):
        list(lm.windows(ids[:1], 8))


def test_perplexity_is_that_of_the_tokens_and_context_helps():
    model = tiny.model("llama")
    ids = IDS.flatten()[:60]
    found = lm.quality(model, ids, length=60)
    p = said(model, ids[None, :-1])[0].double().log_softmax(-1)
    expected = torch.exp(-p.gather(1, ids[1:, None]).mean())
    assert found.perplexity == pytest.approx(float(expected), rel=1e-5)
    assert found.tokens == 59
    assert found.accuracy == pytest.approx(float((p.argmax(1) == ids[1:]).float().mean()))
    assert lm.agreement(model, model, ids, length=20) == 1
    assert lm.agreement(model, tiny.model("llama", 1), ids, length=20) < 0.9


def test_speeds_are_measured_in_turns():
    models = {"a": tiny.model("llama"), "b": tiny.model("llama", 1)}
    found = lm.tokens_per_second(models, IDS[:2], rounds=3)
    assert all(0 < s["low"] <= s["median"] <= s["high"] for s in found.values())


def test_what_cannot_be_pruned_is_refused():
    model = tiny.model("llama")
    for words, match in (
        ({"unit": "atoms"}, "unit must be one of neurons, weights, heads, blocks"),
        ({"method": "sparsegpt"}, "The methods for neurons are llm-rank"),
        ({"sparsity": 1.0}, "sparsity must be at least 0 and below 1"),
        ({"depth": 2}, "llm-rank has no knob 'depth'; it has gamma, theta, activity"),
        ({"method": "random", "gamma": 1}, "random has no knob 'gamma'; it has none"),
        ({"recover": "hope"}, "recover must be none, or least-squares of neurons; got 'hope'"),
        ({"recover": "least-squares", "unit": "weights", "method": "wanda"}, "recover must be"),
        ({"unit": "weights", "method": "movement", "pattern": (2, 4)}, "needs 1 ≤ n < m"),
        ({"pattern": (2, 4)}, "A pattern n:m of weights needs"),
        ({"unit": "weights", "method": "wanda", "pattern": (4, 2)}, "needs 1 ≤ n < m"),
        ({"unit": "weights", "method": "wanda", "pattern": (2, 7)}, "24 inputs has no blocks of 7"),
    ):
        with pytest.raises(SpecError, match=match):
            lm.prune(model, IDS, **words)
    with pytest.raises(SpecError, match="at least 2 sequences of 2 tokens"):
        lm.prune(model, IDS[:1])
    with pytest.raises(SpecError, match="At least one block must stay"):
        remove_blocks(model, [False] * 3)
    with pytest.raises(SpecError, match="as many neurons as the others, got 1 to 40"):
        remove_neurons(model, [torch.ones(40) > 0, torch.ones(40) > 0, torch.arange(40) < 1])
    with pytest.raises(SpecError, match="Linear has no decoder blocks"):
        blocks(torch.nn.Linear(2, 2))
    with pytest.raises(SpecError, match="A Linear of this model has no MLP"):
        mlp(torch.nn.Linear(2, 2))
