"""The Training-time page: a run that shipped, one of one's own, live, cancelled, from before."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_run import training_events
from paging import alts, finish, show, specs, store  # noqa: F401 - a fixture among them

from pages.ui import course_words, desk
from prunelab import examples, figures
from prunelab.catalogue import fits
from prunelab.events import Cancelled, Failed, Frame, Moved, Started
from prunelab.spec import RunSpec

RIGL = RunSpec(method="rigl", sparsity=0.95)
VIEWS = ("Replay", "Topology", "Movement", "Gates", "Python")


def metrics(app):
    return {m.label: m.value.replace("\u00a0", " ") for m in app.metric}


@pytest.mark.parametrize("method", examples.TRAINING)
def test_a_run_that_shipped_is_there_at_once(method, home):
    app = show("training", method=method)
    assert "came with PruneLab" in app.info[0].value
    told = metrics(app)
    result = examples.training(method)
    assert told["Weights gone"] == "95 %"
    assert told["Test accuracy"] == figures.accuracy(result.recovered["accuracy"]).replace(
        "\u00a0", " "
    )
    assert told["Zeros kept"] == "{} of {} epochs".format(*figures.badge(result))
    assert len(specs(app)) == 5
    assert all(alts(app))


def test_shipped_runs_are_those_of_their_specs():
    for method in examples.TRAINING:
        result = examples.training(method)
        assert result.status == "finished"
        assert RunSpec.from_json(result.spec) == replace(RIGL, method=method)
        assert figures.moments(result)[-1] == 30


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("method", examples.TRAINING)
def test_every_view_renders_or_says_why_not(view, method, home):
    app = show("training", method=method, view=view)
    assert not app.error
    drawn = {"Replay": 5, "Topology": 3, "Movement": 1, "Gates": 1, "Python": 0}[view]
    sparse = view == "Movement" and method == "rigl"
    ungated = view == "Gates" and method in ("rigl", "movement")
    assert len(specs(app)) == (0 if sparse or ungated else drawn)
    assert len(app.info) == 1 + (sparse or ungated)


def test_the_slider_goes_through_the_epochs(store):  # noqa: F811
    finish(store, RIGL, training_events(RIGL))
    app = show("training", moment="0")
    assert any("fc1: 5 of 12 weights at epoch 0" in words for words in alts(app))
    app.select_slider(key="moment").set_value(1).run()
    assert not app.exception
    assert any("3 of 4 pixels" in words for words in alts(app))
    assert any("Epoch 1: 50.0" in words for words in alts(app))


def test_play_starts_over_at_the_end_and_pauses(store):  # noqa: F811
    finish(store, RIGL, training_events(RIGL))
    app = show("training")
    app.button(key="play").click().run()
    assert not app.exception
    assert app.button(key="play").label == "Pause"
    assert app.select_slider(key="moment").value in (0, 1)
    app.session_state["_stepped"] = 0.0
    app.run()
    assert app.select_slider(key="moment").value in (1, 2)
    app.button(key="play").click().run()
    assert app.button(key="play").label == "Play"


def test_play_ends_at_the_last_still(store):  # noqa: F811
    finish(store, RIGL, training_events(RIGL))
    app = show("training", moment="2")
    app.session_state["_playing"] = True
    app.run()
    assert not app.exception
    assert app.button(key="play").label == "Play"


def test_a_run_of_ones_own_takes_the_place_of_the_example(store):  # noqa: F811
    finish(store, RIGL, training_events(RIGL))
    app = show("training")
    assert not app.info
    assert metrics(app)["Connections that came in"] == "3"
    assert metrics(app)["Zeros kept"] == "2 of 2 epochs"


def test_run_queues_the_controls(store):  # noqa: F811
    app = show("training", seed="4")
    app.button(key="start").click().run()
    assert not app.exception
    assert store.submitted == [replace(RIGL, seed=4)]
    assert app.title[0].value == "Waiting for a free worker"


def test_only_methods_that_prune_while_training_are_offered(store):  # noqa: F811
    known = desk.known()
    offered = set(show("training").selectbox(key="method").options)
    training = {n for n, e in known["methods"].items() if e["when"] == "training"}
    fitting = {n for n in training if not fits(known, n, "lenet-300-100")}
    assert offered == fitting | {"static"}
    assert offered <= set(course_words._WORDS)
    assert "tree" not in " ".join(show("training").selectbox(key="model").options)


def test_methods_without_an_example_tell_what_there_will_be(store):  # noqa: F811
    app = show("training", method="set")
    assert app.title[0].value == "Choose on the left, press Run"
    assert any("adds as many at random" in m.value for m in app.markdown)
    assert course_words.of("one of my own") == course_words.USUAL


def test_a_running_run_shows_its_newest_still(store):  # noqa: F811
    events = training_events(RIGL)
    last = [i for i, e in enumerate(events) if isinstance(e, Frame)][1]
    finish(store, RIGL, events[: last + 1])
    app = show("training")
    assert app.button(key="cancel")
    assert any("at epoch 1" in words for words in alts(app))
    assert "training on" in app.title[0].value
    early = replace(RIGL, seed=3)
    first = next(i for i, e in enumerate(events) if isinstance(e, Frame))
    finish(store, early, events[: first + 1])  # the still before the first epoch
    app = show("training", seed="3")
    assert any("dense network is trained first" in c.value for c in app.caption)


def test_a_cancelled_run_keeps_what_it_had_shown(store):  # noqa: F811
    events = training_events(RIGL)
    last = next(i for i, e in enumerate(events) if isinstance(e, Frame))
    finish(store, RIGL, [*events[: last + 1], Cancelled()])
    for view in VIEWS:
        app = show("training", view=view)
        assert not app.error
        assert "Someone stopped this run" in app.info[0].value


def test_a_failed_run_gives_its_reason(store):  # noqa: F811
    started = next(e for e in training_events(RIGL) if isinstance(e, Started))
    finish(store, RIGL, [started, Failed(reason="The loss is nan.", advice="Lower it.")])
    assert show("training").error[0].value == "The loss is nan."


def test_a_run_of_an_older_version_has_no_stills_and_says_so(store):  # noqa: F811
    old = [e for e in training_events(RIGL) if not isinstance(e, Frame | Moved)]
    finish(store, RIGL, old)
    for view in VIEWS[:3]:
        app = show("training", view=view)
        assert not app.error
        assert app.info
    assert "run it again" in show("training").info[0].value


def test_a_link_to_a_deleted_run_says_so(store):  # noqa: F811
    assert show("training", run="gone").title[0].value == "This run is not here"


def test_a_link_from_another_page_keeps_the_methods_of_this_one(store):  # noqa: F811
    app = show("training", run=RunSpec().key)
    assert app.selectbox(key="method").value == "rigl"
    assert "The controls have changed" in app.info[0].value
    assert any("run it again" in i.value for i in app.info)


def test_another_run_begins_at_its_own_end(store):  # noqa: F811
    finish(store, RIGL, training_events(RIGL))
    other = replace(RIGL, seed=1)
    finish(store, other, training_events(other))
    app = show("training", moment="1", layer="fc2")
    assert app.select_slider(key="moment").value == 1
    app.number_input(key="seed").set_value(1).run()
    assert not app.exception
    assert app.query_params["run"] == other.key
    assert app.select_slider(key="moment").value == 2
    assert app.selectbox(key="layer").value == "fc1"
