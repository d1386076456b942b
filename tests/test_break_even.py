"""The break-even lab: forms answer alike, crossings are read right; no test reads a clock."""

from __future__ import annotations

import json

import pytest
import torch
from paging import show, specs, store  # noqa: F401

from prunelab import aside, crossing, examples, figures, layer_times, semi_structured
from prunelab.crossing import (
    AGAIN,
    BLOCKS,
    COMPILED,
    DENSE,
    HALF,
    ONNX,
    ROWS,
    SHRUNK,
    TWO_FOUR,
    BreakEven,
)
from prunelab.spec import SpecError

LAYER = {"inputs": 48, "outputs": 32, "batch": 4}


def row(form, sparsity, low, median, high):
    return {
        "form": form, "sparsity": sparsity, "low": low, "median": median, "high": high, "runs": 25,
    }  # fmt: skip


def found(times, missing=None):
    """Dense takes 1.0 (0.9 to 1.1); sparse rows take what ``times`` says, ± 0.1."""
    rows = [row(DENSE, s, 0.9, 1.0, 1.1) for s in times]
    rows += [row(ROWS, s, t - 0.1, t, t + 0.1) for s, t in times.items()]
    machine = {"processor": "a chip", "threads": 1, "torch": "2"}
    told = {"order": crossing.order(**LAYER), "machine": machine, "rows": rows}
    return BreakEven({**told, "missing": missing or {}})


@pytest.mark.parametrize(
    ("times", "slower", "faster"),
    [
        ({0.5: 2.0, 0.9: 0.5, 0.99: 0.2}, 0.5, 0.9),
        ({0.5: 0.5, 0.9: 1.0, 0.99: 0.2}, 0.9, 0.99),  # one win before a draw is none
        ({0.5: 2.0, 0.9: 1.05}, 0.9, None),
        ({0.5: 0.2, 0.9: 0.1}, None, 0.5),
    ],
)
def test_the_crossing_is_where_intervals_part_for_good(times, slower, faster):
    assert found(times).crossing(ROWS) == (slower, faster)


def test_a_guess_is_judged():
    times = found({0.5: 2.0, 0.9: 0.5})
    assert figures.judged(times, 0.9) == "You were right: from 90\u00a0% on."
    assert "win earlier" in figures.judged(times, figures.NEVER)
    assert "win only from 90" in figures.judged(times, 0.5)
    assert figures.judged(found({0.5: 2.0}), figures.NEVER).endswith("Right.")
    assert figures.judged(found({0.5: 2.0}), 0.5).endswith("They never were.")


def test_the_picture_hides_the_answer_until_asked():
    times = found({0.5: 2.0, 0.9: 0.5})
    hidden = figures.breakeven(times, hidden=True)
    assert {t.name for t in hidden.figure.data if t.name} == {DENSE}
    assert hidden.title.endswith("?")
    shown = figures.breakeven(times, guess=0.5)
    assert {t.name for t in shown.figure.data if t.name} == {DENSE, ROWS}
    assert "faster from 90" in shown.title
    assert [a.text for a in shown.figure.layout.annotations] == ["your guess"]
    assert "never faster" in figures.breakeven(found({0.5: 2.0})).title


def test_every_form_answers_as_the_dense_layer_does():
    layer = layer_times.made(crossing.order(**LAYER), 0.75)
    assert int((layer.weight == 0).sum()) == round(0.75 * 48 * 32)
    missing = {COMPILED: "left out: translating takes seconds"}
    calls = layer_times.forms(layer, None, missing)
    assert set(calls) == {ROWS, BLOCKS, SHRUNK, ONNX}
    wanted = layer.dense()
    assert torch.allclose(calls[ROWS]().T, wanted, atol=1e-4)
    assert torch.allclose(torch.as_tensor(calls[ONNX]()), wanted, atol=1e-4)
    assert calls[SHRUNK]().shape == (4, 8)
    odd = layer_times.made(crossing.order(50, 30, 4), 0.5)
    layer_times.forms(odd, None, missing)
    assert "multiples of 16" in missing[BLOCKS]


def test_a_form_that_answers_otherwise_is_not_timed():
    layer = layer_times.made(crossing.order(**LAYER), 0.5)
    missing: dict[str, str] = {}
    calls = layer_times.forms(layer, lambda x, w, b: torch.zeros(4, 32), missing)
    assert COMPILED not in calls
    assert "gives other answers" in missing[COMPILED]


def test_times_are_written_with_what_could_not_be_timed(monkeypatch, tmp_path):
    monkeypatch.setattr(layer_times.shutil, "which", lambda name: None)
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    clock = {"median": 1.0, "low": 0.9, "high": 1.1, "runs": 25}
    monkeypatch.setattr(layer_times, "latency", lambda calls: dict.fromkeys(calls, clock))
    folder = tmp_path / "times"
    assert layer_times.main(crossing.order(**LAYER, sparsities=(0.5, 0.9)), folder) == 0
    assert aside.look(folder).name == "ready"
    read = crossing.read(folder)
    assert read.forms == [DENSE, AGAIN, ROWS, BLOCKS, SHRUNK]
    assert read.missing[COMPILED] == layer_times.NO_COMPILER
    assert read.missing[ONNX] == layer_times.NO_ONNX
    if not torch.cuda.is_available():
        assert read.missing[TWO_FOUR] == semi_structured.NO_GPU
    assert set(read.table["against dense"]) == {"–", "no difference"}


def test_of_every_four_the_two_largest_stay_and_torch_stores_them_without_loss():
    weight = torch.randn(64, 128, generator=torch.Generator().manual_seed(0))
    found = semi_structured.two_of_four(weight)
    for four, left in zip(weight.view(-1, 4), found.view(-1, 4), strict=True):
        kept = set(four.abs().topk(2).indices.tolist())
        assert [v if n in kept else 0.0 for n, v in enumerate(four.tolist())] == left.tolist()
    half = found.half()
    assert torch.equal(as_the_gpu_stores(half), half)
    with pytest.raises(ValueError, match="Rows must be a multiple of 4 long, got 6"):
        semi_structured.two_of_four(torch.zeros(2, 6))
    assert int((semi_structured.two_of_four(torch.ones(3, 8)) == 1).sum()) == 12  # ties as well


def as_the_gpu_stores(half):
    """What torch packs for the GPU (half of the values, and where they were), unpacked again."""
    from torch.sparse import _semi_structured_conversions as conversions

    packed, places = conversions.sparse_semi_structured_from_dense_cutlass(half)
    assert packed.numel() == half.numel() // 2
    return conversions.sparse_semi_structured_to_dense_cutlass(packed, places)


def test_sizes_that_are_taken_are_those_every_backend_of_torch_takes():
    from torch.sparse import SparseSemiStructuredTensorCUSPARSELT as Newer
    from torch.sparse import SparseSemiStructuredTensorCUTLASS as Older

    needs = [backend._DTYPE_SHAPE_CONSTRAINTS[torch.float16] for backend in (Older, Newer)]
    assert max(n.sparse_min_rows for n in needs) == semi_structured.ROWS
    assert max(n.sparse_min_cols for n in needs) == semi_structured.COLUMNS
    assert semi_structured.refusal(32, 64) == ""
    for outputs, inputs in ((300, 784), (32, 6)):
        layer = torch.zeros(outputs, inputs), torch.zeros(1, inputs)
        found, why = semi_structured.timed(*layer, called, device="cpu")
        assert not found
        assert f"{outputs} outputs and {inputs} inputs: choose a multiple of 32 and of 64" in why


def called(calls):
    """A clock that calls each once and says it took 1 ms."""
    return {name: call() or {"median": 1.0, "low": 0.9, "high": 1.1, "runs": 1}
            for name, call in calls.items()}  # fmt: skip


def test_two_of_four_is_timed_where_it_answers_as_the_dense_layer_in_16_bits(monkeypatch):
    layer = layer_times.made(crossing.order(64, 32, 8), 0.5)

    def told(convert):
        monkeypatch.setattr(torch.sparse, "to_sparse_semi_structured", convert)
        return semi_structured.timed(layer.weight, layer.x, called, device="cpu")

    rows, why = told(as_the_gpu_stores)
    assert ([*rows], why) == ([HALF, TWO_FOUR], "")
    assert told(torch.zeros_like) == ({}, semi_structured.OTHER_ANSWERS)


def test_without_a_gpu_torch_itself_says_what_it_needs():
    _, why = semi_structured.timed(torch.ones(32, 64), torch.ones(1, 64), called, device="cpu")
    assert why.startswith("It does not work here: ")
    assert "CUDA" in why


@pytest.mark.parametrize(
    ("shares", "reason"), [((0.5,), ""), ((0.9,), semi_structured.HALF_ALONE)], ids=["half", "more"]
)
def test_with_a_gpu_two_of_four_is_timed_at_half_and_compared_on_the_gpu(
    shares, reason, monkeypatch
):
    def timed(*_):
        slow, fast = row(HALF, 0.5, 0.4, 0.5, 0.6), row(TWO_FOUR, 0.5, 0.1, 0.2, 0.3)
        return {HALF: slow, TWO_FOUR: fast}, ""

    left = {COMPILED: "left out: translating takes seconds"}
    clock = {"median": 0.01, "low": 0.01, "high": 0.01, "runs": 25}  # the processor is faster
    monkeypatch.setattr(layer_times, "latency", lambda calls: dict.fromkeys(calls, clock))
    monkeypatch.setattr(layer_times, "_compiled", lambda _, missing, tell: missing.update(left))
    monkeypatch.setattr(layer_times, "machine", dict)
    monkeypatch.setattr(layer_times.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(layer_times.semi_structured, "timed", timed)
    read = BreakEven(layer_times.compute(crossing.order(**LAYER, sparsities=shares), lambda *_: 0))
    assert read.missing.get(TWO_FOUR, "") == reason
    if not reason:
        said = read.table.set_index("form")["against dense"]
        assert (said[HALF], said[TWO_FOUR]) == ("–", "faster")
        assert read.crossing(TWO_FOUR) == (None, 0.5)


def test_what_cannot_be_timed_is_refused(tmp_path):
    with pytest.raises(SpecError, match="at least one input"):
        crossing.order(0)
    with pytest.raises(SpecError, match="At most 16,777,216 weights"):
        crossing.order(8192, 8192)
    with pytest.raises(SpecError, match="Sparsities must be 0 <= s < 1"):
        crossing.order(sparsities=[1.0])
    (tmp_path / "file").write_text("")
    with pytest.raises(SpecError, match="table of times cannot be written"):
        crossing.start(crossing.order(), tmp_path / "file")
    assert crossing.read(tmp_path) is None
    (tmp_path / crossing.FILE).write_text("{}")
    with pytest.raises(SpecError, match="is damaged"):
        crossing.read(tmp_path)


def test_the_page_asks_first_and_then_shows_what_shipped(store, monkeypatch):  # noqa: F811
    app = show("breakeven")
    assert app.button(key="time").disabled
    assert len(specs(app)[0]["data"]) == 2  # the dense layer and its band
    begun = []
    monkeypatch.setattr(
        crossing.aside, "begin", lambda folder, *more: begun.append((folder, *more))
    )
    app.selectbox(key="guess").select(0.9).run()
    assert {t.get("name") for t in specs(app)[0]["data"]} >= set(examples.breakeven().forms)
    app.button(key="time").click().run()
    assert not app.exception
    ((folder, module, words, _),) = begun
    assert module == "prunelab.layer_times"
    assert folder == crossing.place(json.loads(words[0]), store.home)


def test_the_page_shows_times_of_this_machine_and_says_what_failed(store, monkeypatch):  # noqa: F811
    folder = crossing.place(crossing.order(784, 304, 64), store.home)
    folder.mkdir(parents=True)
    (folder / crossing.FILE).write_text(json.dumps(found({0.5: 2.0, 0.9: 0.5}).told))
    aside.write(folder, {"state": "ready", "doing": "", "share": 1.0})
    app = show("breakeven", guess="90")
    assert "You were right" in " ".join(m.value for m in app.markdown)
    assert not app.info
    assert app.button(key="again")
    aside.write(folder, {"state": "failed", "reason": "no memory"})
    assert show("breakeven").error[0].value == "no memory"
