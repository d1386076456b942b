"""Sketches before the truth: the score, what a sketch expected, rooms, and the page."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest
from example_run import network_events
from paging import finish, show, store  # noqa: F401 - a fixture among them

from prunelab import classroom, examples, figures, prediction, sketches
from prunelab.prediction import STOPS, Question, distance, reading
from prunelab.spec import RunSpec, SpecError

CLIFF = Question("k", "t", [*STOPS], [0.97, 0.97, 0.97, 0.96, 0.95, 0.6, 0.1], [0.0] * 7, 3, 0.97)
FLAT = CLIFF._replace(mean=[0.97, 0.97, 0.96, 0.96, 0.96, 0.95, 0.94])
SOME = (90, 80, 70, 60, 40, 20, 10)


@pytest.fixture(scope="module")
def asked():
    return prediction.questions(examples.example().sweep, ("magnitude", "random"))


def test_the_examples_are_four_questions(asked):
    assert {q.title.split(",")[0] for q in asked} == {
        "magnitude on lenet-300-100",
        "random on lenet-300-100",
    }
    assert len({q.key for q in asked}) == len(asked) == 4
    for question in asked:
        assert question.sparsity == [*STOPS]
        assert question.seeds == 3
        assert question.stops == [*range(7)]
    only = prediction.questions(examples.example().sweep, ())
    assert [q.title.rpartition(", ")[2] for q in only] == ["after fine-tuning"] * 2


def test_a_question_is_the_mean_of_its_runs(asked):
    runs = [r for r in examples.example().sweep if r.spec.get("method") == "random"]
    question = next(q for q in asked if q.title.startswith("random") and "cut" in q.title)
    mine = [r.pruned["accuracy"] for r in runs if r.spec.get("sparsity") == 0.7]
    assert len(mine) == 3
    assert question.mean[1] == pytest.approx(sum(mine) / 3)


def test_too_few_sparsities_are_no_question():
    sweep = examples.example().sweep
    few = [r for r in sweep if RunSpec.from_json(r.spec).sparsity in (0.5, 0.9, 0.99)]
    assert len(prediction.questions(few, ())) == 2  # they reach over all seven dots
    narrow = [r for r in sweep if RunSpec.from_json(r.spec).sparsity <= 0.8]
    assert prediction.questions(narrow, ()) == []
    by_layer = [replace(r, spec={**r.spec, "layers": {"fc1": 0.5}}) for r in sweep]
    assert prediction.questions(by_layer, ()) == []
    assert prediction.questions([replace(r, recovered={}) for r in sweep], ()) == []


def test_the_distance_is_in_points_of_the_dots_that_were_tried():
    assert distance(CLIFF.mean, CLIFF) == 0
    assert distance([m - 0.05 for m in CLIFF.mean], CLIFF) == pytest.approx(5)
    inner = CLIFF._replace(sparsity=[0.7, 0.8, 0.9, 0.95], mean=[0.9] * 4, spread=[0.0] * 4)
    assert inner.stops == [1, 2, 3, 4]
    assert distance([0.0, 0.9, 0.9, 0.9, 0.8, 0.0, 0.0], inner) == pytest.approx(2.5)
    between = CLIFF._replace(sparsity=[0.5, 0.99], mean=[1.0, 0.51], spread=[0.0] * 2)
    assert between.truth[3] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("name", "sketch", "question"),
    [
        ("close", [0.97, 0.96, 0.96, 0.95, 0.93, 0.65, 0.15], CLIFF),
        ("better", [0.99, 1.0, 1.0, 1.0, 0.9, 0.9, 0.9], CLIFF._replace(dense=0.95)),
        ("straight", [0.85, 0.73, 0.61, 0.49, 0.36, 0.24, 0.12], CLIFF),
        ("holds", [0.97, 0.96, 0.96, 0.95, 0.95, 0.95, 0.94], CLIFF),
        ("early", [0.97, 0.95, 0.3, 0.2, 0.1, 0.1, 0.1], CLIFF),
        ("late", [0.97, 0.97, 0.97, 0.97, 0.96, 0.95, 0.1], CLIFF),
        ("shallow", [0.97, 0.97, 0.97, 0.97, 0.95, 0.8, 0.7], CLIFF),
        ("deep", [0.97, 0.97, 0.97, 0.96, 0.93, 0.1, 0.0], CLIFF),
        ("no cliff", [0.97, 0.9, 0.5, 0.2, 0.1, 0.1, 0.1], FLAT),
        ("flat", [0.9, 0.9, 0.9, 0.9, 0.9, 0.89, 0.89], FLAT),
    ],
)
def test_a_sketch_says_what_its_author_expected(name, sketch, question):
    found = reading(sketch, question)
    assert found.name == name
    assert found.words.endswith(".")


def test_where_the_truth_falls_evenly_a_straight_sketch_is_no_misconception():
    even = CLIFF._replace(mean=[0.85, 0.7, 0.55, 0.4, 0.25, 0.1, 0.1])
    assert reading([0.88, 0.79, 0.7, 0.61, 0.52, 0.43, 0.34], even).name != "straight"
    assert "flat, then a cliff" in reading([0.85, 0.73, 0.61, 0.49, 0.36, 0.24, 0.12], CLIFF).words


def test_the_picture_has_sketch_truth_and_band(asked):
    picture = figures.sketched([s / 100 for s in SOME], asked[0], theme="dark")
    assert [trace.name for trace in picture.figure.data] == ["deviation", "truth", "sketch"]
    assert picture.table["truth"].tolist() == pytest.approx(asked[0].mean)
    assert "points off" in picture.title


def test_a_room_keeps_each_author_s_first_sketch(tmp_path):
    sketches.put("abcd", "q", "ann", SOME, tmp_path)
    sketches.put("abcd", "q", "ann", (0,) * 7, tmp_path)
    sketches.put("abcd", "q", "bob", [50] * 7, tmp_path)
    sketches.put("abcd", "other", "ann", [1] * 7, tmp_path)
    assert sorted(sketches.sketches("abcd", "q", tmp_path)) == sorted([[*SOME], [50] * 7])
    assert sketches.sketches("wxyz", "q", tmp_path) == []
    files = [*(tmp_path / "rooms").rglob("*.json")]
    assert not [file for file in files if "ann" in file.name]
    for file in files:
        file.write_text("[1, 2")
    assert sketches.sketches("abcd", "q", tmp_path) == []


@pytest.mark.parametrize(
    "sketch",
    [[1] * 6, [1] * 8, [101] * 7, [-1] * 7, [0.5] * 7, [True] * 7, "1234567", ["1"] * 7, None],
)
def test_only_seven_whole_numbers_can_be_written(sketch, tmp_path):
    with pytest.raises(SpecError, match="must be 7 whole numbers"):
        sketches.put("abcd", "q", "ann", sketch, tmp_path)
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("code", ["", "abc", "ABCD", "../../etc", "abcd/..", "a" * 13, "abcd\n"])
def test_a_code_cannot_lead_elsewhere(code, tmp_path):
    for call in (
        lambda: sketches.put(code, "q", "ann", SOME, tmp_path),
        lambda: sketches.sketches(code, "q", tmp_path),
    ):
        with pytest.raises(SpecError, match="The code of a room must be"):
            call()
    assert classroom.is_code(classroom.new_code())


def test_rooms_and_sketches_are_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(classroom, "EACH", 2)
    monkeypatch.setattr(classroom, "ROOMS", 2)
    for author in ("a", "b"):
        sketches.put("full", "q", author, SOME, tmp_path)
    with pytest.raises(SpecError, match="Room full is full: it has 2 notes"):
        sketches.put("full", "q", "c", SOME, tmp_path)
    sketches.put("late", "q", "a", SOME, tmp_path)
    with pytest.raises(SpecError, match="There are 2 rooms already"):
        sketches.put("more", "q", "a", SOME, tmp_path)
    old = time.time() - (classroom.DAYS + 1) * 86_400
    for room in (tmp_path / "rooms").glob("full-*"):
        os.utime(room, (old, old))
    sketches.put("more", "q", "a", SOME, tmp_path)
    assert sketches.sketches("full", "q", tmp_path) == []
    assert len(sketches.sketches("late", "q", tmp_path)) == 1


def test_the_page_keeps_the_truth_until_it_is_asked(store):  # noqa: F811
    app = show("predict")
    assert app.title[0].value == "How much can go before it breaks?"
    assert app.button(key="reveal").proto.disabled
    assert "97.5" in app.markdown[0].value
    for strange in ("1.2.3", "101.1.1.1.1.1.1", "a.b.c.d.e.f.g", "1.1.1.1.1.1.1.1"):
        assert show("predict", sketch=strange).button(key="reveal").proto.disabled


def test_the_page_reveals_scores_and_begins_again(store, asked):  # noqa: F811
    app = show("predict", sketch=".".join(map(str, SOME)))
    app.button(key="reveal").click().run()
    assert not app.exception
    question = next(q for q in asked if q.key == app.selectbox(key="question").value)
    sketch = [s / 100 for s in SOME]
    assert app.title[0].value == f"{distance(sketch, question):.1f} points off on average"
    assert reading(sketch, question).name == "straight"
    assert "straight fall" in app.markdown[0].value
    compile(app.code[0].value, "copied", "exec")
    app.button(key="again").click().run()
    assert app.title[0].value == "How much can go before it breaks?"
    assert app.button(key="reveal").proto.disabled


def test_a_room_gathers_what_was_revealed(store):  # noqa: F811
    app = show("predict")
    app.button(key="open").click().run()
    assert classroom.is_code(app.text_input(key="room").value)
    app = show("predict", room="abcd", sketch=".".join(map(str, SOME)))
    assert any("**0 sketches**" in m.value for m in app.markdown)
    app.button(key="reveal").click().run()
    key = app.selectbox(key="question").value
    assert sketches.sketches("abcd", key, store.home) == [[*SOME]]
    assert any("**1 sketch**, " in m.value for m in app.markdown)
    assert any("4 to 12 letters" in c.value for c in show("predict", room="a/b").caption)


def test_a_full_room_is_said(store, monkeypatch):  # noqa: F811
    monkeypatch.setattr(classroom, "EACH", 0)
    app = show("predict", room="abcd", sketch=".".join(map(str, SOME)))
    app.button(key="reveal").click().run()
    assert "is full" in app.error[0].value
    assert "points off" in app.title[0].value


def test_a_sweep_of_one_s_own_is_a_question(store):  # noqa: F811
    before = len(show("predict").selectbox(key="question").options)
    for sparsity in (0.5, 0.8, 0.9, 0.98):
        finish(store, RunSpec(method="snip", sparsity=sparsity))
    app = show("predict")
    assert len(app.selectbox(key="question").options) == before + 1  # scored before it is trained
    assert any(option.startswith("snip on") for option in app.selectbox(key="question").options)


def test_a_sweep_is_sketched_while_it_runs(store):  # noqa: F811
    sparsities = (0.5, 0.8, 0.9, 0.98)
    for sparsity in sparsities[:3]:
        finish(store, RunSpec(method="snip", sparsity=sparsity))
    last = RunSpec(method="snip", sparsity=sparsities[3])
    store.submit(last)
    (question,) = prediction.awaited([RunSpec(method="snip", sparsity=s) for s in sparsities], [])
    assert (question.known, question.dense, question.stops) == (False, None, [0, 1, 2, 3, 4, 5])
    assert prediction.keys(last, []) == [question.key]
    app = show("predict", question=question.title, sketch=".".join(map(str, SOME)))
    assert "nobody knows it yet" in app.markdown[0].value
    assert app.button(key="reveal").label == "Keep this sketch"
    app.button(key="reveal").click().run()
    assert any(m.value.startswith("**Kept.**") for m in app.markdown)
    assert "points off" not in app.title[0].value
    store.append(last.key, network_events(last), attempt=store.claim(last.key, "test"))
    app.run()
    assert not app.exception
    assert "points off on average" in app.title[0].value


def test_the_sweep_page_leads_there(store):  # noqa: F811
    app = show("sweep")
    app.button(key="start-sweep").click().run()
    assert not app.exception
    links = [link.proto for link in app.get("page_link")]
    assert "Sketch its curve before it is known" in [link.label for link in links]
