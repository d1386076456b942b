"""Links that are broken, foreign or stale lead to a friendly page, and lose nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_run import network_events
from paging import PAGES, SPEC, finish, show, store  # noqa: F401 - a fixture among them

from prunelab.events import Cancelled

WITH_RUNS = ("lab", "training", "data", "language")
FOREIGN = {
    "run": "https://elsewhere.example/?a=<b>&c=%00",
    "model": "nobody",
    "data": "nowhere",
    "method": "none",
    "view": "Not a view",
    "seed": "minus one",
    "sparsity": "1e99",
    "epochs": "-3",
    "layer": "../../etc",
    "unit": "fc1.x.y",
    "lesson": "ninth",
    "exhibit": "thirteenth",
    "question": "what",
    "sketch": "1.2.three",
    "room": "a room/with spaces",
}


@pytest.mark.parametrize("page", PAGES)
def test_a_foreign_link_opens_the_page(page, store):  # noqa: F811
    assert len(show(page, **FOREIGN).title) == 1


@pytest.mark.parametrize("page", WITH_RUNS)
def test_a_run_that_is_deleted_while_it_is_open_is_said(page, store):  # noqa: F811
    spec = replace(SPEC, seed=31)
    finish(store, spec, network_events(spec)[:3])
    app = show(page, run=spec.key)
    store.append(spec.key, [Cancelled()], attempt=1)
    store.delete(spec.key)
    app.run()
    assert not app.exception
    assert app.title[0].value == "This run is not here"


def test_a_run_outlives_the_server_that_showed_it(store):  # noqa: F811
    spec = replace(SPEC, seed=32)
    finish(store, spec, network_events(spec)[:3])
    before = show("lab", run=spec.key)
    after = show("lab", run=spec.key)  # a session of a server that knows nothing of the first
    assert after.title[0].value == before.title[0].value == "Training the dense model first"
    store.append(spec.key, network_events(spec)[3:], attempt=1)
    assert "of the weights gone" in show("lab", run=spec.key).title[0].value
