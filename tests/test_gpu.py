"""On a GPU: whatever runs on the processor runs there too. The GPU is pretended (``pretended``)."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import language_models as tiny
import page
import pretended
import pytest
import selection
import step_cost
import torch

import prunelab as pl
from prunelab import foresight, lm, reasoning, scissors, shared_scores, structure, structuring
from prunelab.artefacts import load_model
from prunelab.events import Epoch, Measured
from prunelab.experiment import run
from prunelab.job import device, prepare
from prunelab.lm.prune import METHODS as OF_TEXT
from prunelab.parts import Part
from prunelab.probes import weights
from prunelab.registry import METHODS
from prunelab.run_network import run_network
from prunelab.sensitivities import sensitivity
from prunelab.spec import RunSpec

GROUPS = {"filters": "lenet-5", "heads": "vit-tiny", "blocks": "vit-tiny"}
IDS = torch.randint(0, len(tiny.LETTERS), (11, 20), generator=torch.Generator().manual_seed(0))


def spec(method: str = "magnitude", **fields: object) -> RunSpec:
    units = METHODS[method].units
    model = next((model for unit, model in GROUPS.items() if unit in units), "mlp")
    model = "resnet-narrow" if method == "slimming" else model
    return RunSpec(**{"method": method, "model": model, "epochs": 1} | fields)


def network_methods() -> list[str]:
    wanted = {"weights", "examples", *GROUPS}
    return [n for n, m in METHODS.items() if wanted & set(m.units)]


def told(one: RunSpec) -> list[object]:
    """All that a run on a few examples says, but what was timed."""
    job = prepare(one)
    few = Part(job.parts.train.x[:300], job.parts.train.y[:300])
    job = replace(job, parts=replace(job.parts, train=few))
    return [e for e in run_network(job, None, None) if not isinstance(e, Measured)]


def test_the_pretended_gpu_refuses_what_a_real_one_refuses():
    with pretended.gpu():
        here, there = torch.ones(3), torch.ones(3, device="cuda")
        assert (there.device.type, (there + 1).is_cuda, here.is_cuda) == ("cuda", True, False)
        assert there.cpu().numpy().sum() == 3
        assert here[:2].to(there).is_cuda
        for wrong in (
            lambda: here + there,
            lambda: here[there.long()],
            lambda: torch.where(there > 0, here, there),
            lambda: there.bernoulli_(0.5, generator=torch.Generator()),
            lambda: torch.rand(3, device="cuda", generator=torch.Generator()),
        ):
            with pytest.raises(RuntimeError, match=r"device"):
                wrong()
        with pytest.raises(TypeError, match="numpy"):
            there.numpy()
        net = torch.nn.Linear(3, 2).to(device())
        net(there).sum().backward()
        assert net.weight.grad.is_cuda


@pytest.mark.parametrize("method", [n for n in network_methods() if spec(n).model == "mlp"])
def test_every_method_says_on_a_gpu_what_it_says_on_the_processor(method):
    here = told(spec(method))
    with pretended.gpu():
        there = told(spec(method))
    if method == "variational-dropout":  # its logarithm is numpy's, on the processor alone
        here, there = ([e.loss for e in each if isinstance(e, Epoch)] for each in (here, there))
        assert there == pytest.approx(here, rel=1e-4)
    else:
        assert there == here


@pytest.mark.parametrize("method", [n for n in network_methods() if spec(n).model != "mlp"])
def test_every_method_that_makes_networks_smaller_does_so_on_a_gpu(method):
    with pretended.gpu():
        assert [e for e in told(spec(method)) if isinstance(e, Epoch)][-1].zeros_kept


@pytest.mark.parametrize("recover", ["finetune", "shuffle", "lr-rewind", "distill", "scratch-b"])
def test_every_recovery(recover):
    one = spec(recover=recover)
    here = told(one)
    with pretended.gpu():
        assert told(one) == here


@pytest.mark.parametrize(
    ("model", "recover", "budget"),
    [("resnet-narrow", "recalibrate", "macs"), ("lenet-5", "scratch-e", "latency")],
)
def test_networks_that_become_smaller(model, recover, budget):
    with pretended.gpu():
        told(spec("l1-filter", model=model, recover=recover, budget=budget, sparsity=0.5))


def test_what_a_run_leaves_is_read_on_the_processor_and_what_is_shared_is_used_on_the_gpu(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(shared_scores, "LONG", 0.0)  # however quick they come
    monkeypatch.setattr(shared_scores, "RATE", 10**12)
    with pretended.gpu():
        for number, sparsity in enumerate((0.5, 0.9)):
            events = list(
                run(spec(sparsity=sparsity), files=tmp_path / str(number), dense=tmp_path / "dense")
            )
            assert type(events[-1]).__name__ == "Finished", events[-1]
    net = load_model(tmp_path / "0")
    assert {p.device.type for p in net.parameters()} == {"cpu"}
    zeros = sum(int((w == 0).sum()) for w in weights(net).values())
    assert zeros == round(0.5 * sum(w.numel() for w in weights(net).values()))


def nothing(_about: str, _share: float) -> None:
    """Progress that nobody looks at."""


def scan(method: str) -> object:
    one = spec(method)
    fields = {"model": one.model, "epochs": 1}
    return sensitivity(method=method, sparsities=[0.3, 0.6], **fields).accuracies


def study(folder: Path) -> object:
    one = spec("hrank")
    structuring.compute(structure.order(one), folder, nothing)
    return sorted(file.name for file in folder.iterdir())


def reasons(method: str) -> object:
    job = prepare(spec(method))
    model = functools.cache(lambda when: reasoning._model(job, when, nothing))
    found, notes = reasoning.choices(job, model, nothing)
    kept = {name: [m.cpu().tolist() for m in one.mask.values()] for name, one in found.items()}
    return kept, notes


@pytest.mark.parametrize(
    "picture",
    [
        lambda _: scissors.scissors(model="mlp", epochs=1).told,
        lambda _: scan("magnitude"),
        lambda _: scan("l1-filter"),
        study,
        lambda _: foresight.forecast(model="mlp", epochs=1).told,
        lambda _: reasons("magnitude"),
        lambda _: reasons("l1-filter"),
    ],
    ids=["scissors", "scan", "scan of filters", "structure", "forecast", "why", "why filters"],
)
def test_pictures_are_the_same(picture, tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    here = picture(tmp_path / "here")
    with pretended.gpu():
        assert picture(tmp_path / "there") == here


@pytest.mark.parametrize("method", ["magnitude", "random", "l1-filter", "fpgm"])
def test_a_network_of_ones_own_stays_on_its_gpu(method):
    torch.manual_seed(0)
    layers = torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(288, 10)
    net, x = torch.nn.Sequential(*layers), torch.randn(2, 3, 8, 8)
    here = pl.prune(net, method, 0.5, x)(x)
    with pretended.gpu():
        small = pl.prune(net.to("cuda"), method, 0.5, x.to("cuda"))
        assert all(p.is_cuda for p in small.parameters())
        assert torch.equal(small(x.to("cuda")).cpu(), here)


@pytest.mark.parametrize(
    ("unit", "method"), [(unit, method) for unit, methods in OF_TEXT.items() for method in methods]
)
def test_language_models(unit, method):
    ways = {}
    for place in ("cpu", "cuda"):
        with pretended.gpu():
            model = tiny.model("llama").to(place)
            few = {"steps": 3} if method == "movement" else {}
            lm.prune(model, IDS, method, 0.4, unit=unit, **few)
            with torch.no_grad():
                ways[place] = model(input_ids=IDS.to(place), use_cache=False).logits.cpu()
    assert torch.equal(ways["cpu"], ways["cuda"])


def test_a_language_model_is_trained_and_judged():
    ways = {}
    for place in ("cpu", "cuda"):
        with pretended.gpu():
            model, dense = tiny.model("llama").to(place), tiny.model("llama", 1).to(place)
            losses = lm.finetune(model, IDS, steps=3, batch=4)
            judged = lm.quality(model, IDS.flatten(), length=20)
            shared = lm.agreement(model, dense, IDS.flatten(), length=20)
            said = lm.continued(model, tiny.tokenizer(), "the cat", tokens=3)
            assert lm.tokens_per_second({"small": model}, IDS, rounds=2)["small"]["low"] > 0
            ways[place] = losses, judged, shared, said
    assert ways["cpu"] == ways["cuda"]


def test_benchmarks_run_there_and_add_their_column(monkeypatch):
    monkeypatch.setattr(step_cost, "STEPS", 5)
    with pretended.gpu():
        step = step_cost.claims(1)
        masks = [selection.timed(1, "float32", "kthvalue", 10, 1)]
    about = {"load": "0.1", "torch": "2"}
    here = {"step_cost": [step[0]._replace(ratios=[2.0])], "selection": masks}
    places = {"Here": here, "A GPU": {"step_cost": [step[0]._replace(ratios=[0.5])]}}
    machines = [about | {"name": n, "claims": page.plain(c)} for n, c in places.items()]
    text = page.page(machines)
    assert "| 0.91 | 2.00 (2.00 to 2.00) | 0.50 (0.50 to 0.50), not met |" in text
    assert "| times as fast on Here | times as fast on A GPU |" in text
    assert "A GPU" not in page.page(machines[:1])
    assert masks[0].work in page.page(machines[::-1])  # what another machine has stays
    assert [t.name for t in page.figure(machines).data] == ["Here", "goal", "A GPU"]
    assert masks[0].note.startswith("the same masks")
