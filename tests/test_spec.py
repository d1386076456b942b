"""Specs: keys that never move, canonical JSON, sweeps; and schedules."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunelab.schedules import cubic, rounds
from prunelab.spec import RunSpec, SpecError, sweep

specs = st.builds(
    RunSpec,
    sparsity=st.floats(0, 0.99),
    seed=st.integers(0, 99),
    epochs=st.none() | st.integers(1, 9),
    recover=st.sampled_from(["", "none", "finetune"]),
    knobs=st.dictionaries(st.sampled_from("abc"), st.integers(0, 3)),
)


def test_keys_never_move():
    # A stored run is found by its key; a change here would orphan every store.
    assert RunSpec().key == "digits-lenet-300-100-magnitude-90-s0-44136fa355"
    spec = RunSpec(method="random", sparsity=0.95, seed=2, knobs={"b": 1, "a": 2.5})
    assert spec.key == "digits-lenet-300-100-random-95-s2-aa1f83e0b2"
    assert RunSpec(epochs=3).dense_key == "cc6325ab488e0c75"


@given(specs)
def test_json_round_trip(spec):
    assert RunSpec.from_json(spec.to_json()) == spec
    assert RunSpec.from_json(spec.to_json()).key == spec.key


@given(specs, specs)
def test_keys_differ_where_specs_differ(one, two):
    assert (one.key == two.key) == (one == two)


def test_defaults_are_left_out():
    assert RunSpec().to_json() == {}
    assert RunSpec(seed=1).to_json() == {"seed": 1}


def test_runs_share_a_dense_model_across_methods_and_sparsities():
    keys = {s.dense_key for s in sweep(RunSpec(), method=["a", "b"], sparsity=[0.1, 0.2])}
    assert len(keys) == 1
    assert RunSpec(seed=1).dense_key not in keys


def test_sweep_is_every_combination_once():
    found = sweep(RunSpec(), sparsity=[0.5, 0.9, 0.5], seed=range(2))
    assert [(s.sparsity, s.seed) for s in found] == [(0.5, 0), (0.5, 1), (0.9, 0), (0.9, 1)]


def test_an_unknown_field_is_named():
    with pytest.raises(SpecError, match="no field 'colour'"):
        RunSpec.from_json({"colour": 1})


def test_odd_names_make_plain_keys():
    key = RunSpec(data="../Ünï", method="<script>").key
    assert set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_the_cubic_curve_of_zhu_and_gupta():
    pinned = [0, 0.2439, 0.4392, 0.5913, 0.7056, 0.7875, 0.8424, 0.8757, 0.8928, 0.8991, 0.9]
    curve = cubic(0.9, begin=0, end=1, updates=10)
    assert list(curve.values()) == pytest.approx(pinned, abs=1e-4)
    assert next(iter(curve)) == 0
    assert list(curve)[-1] == 1
    assert cubic(0.9, begin=0.2, end=0.6, updates=7)[0.6] == 0.9


def test_rounds_end_exactly_and_remove_the_same_share():
    steps = rounds(0.9, rounds=4)
    assert steps[-1] == 0.9
    kept = [1.0, *(1 - s for s in steps)]
    shares = {round(b / a, 9) for a, b in itertools.pairwise(kept)}
    assert len(shares) == 1


def test_a_schedule_that_ends_before_it_begins_is_refused():
    with pytest.raises(ValueError, match="begin must not be after end"):
        cubic(0.9, begin=0.8, end=0.2)
