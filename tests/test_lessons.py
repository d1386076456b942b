"""Lessons: their answers are true of what ships, their links lead somewhere, progress is kept."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from paging import show, store  # noqa: F401 - a fixture

from pages.ui import shell
from prunelab import cards, classroom, examples, figures, lessons, microscope, pretrained, xray
from prunelab.crossing import ROWS, SHRUNK
from prunelab.registry import METHODS
from prunelab.scissors import ALL
from prunelab.spec import RunSpec, SpecError

EVERY = list(lessons.lessons())


def right(name):
    lesson = lessons.lessons()[name]
    return lesson.options[lesson.answer]


@pytest.mark.parametrize("name", EVERY)
def test_a_lesson_can_be_followed(name):
    lesson = lessons.lessons()[name]
    assert len(set(lesson.options)) == 4
    assert 0 <= lesson.answer < 4
    assert lesson.steps[0].page
    assert {step.page for step in lesson.steps if step.page} <= set(shell.TITLES)
    assert all((lesson.idea, lesson.teacher, lesson.why, lesson.question.endswith("?")))


def test_answers_are_not_always_in_the_same_place():
    assert len({lesson.answer for lesson in lessons.lessons().values()}) >= 2


def test_four_fifths_may_go():
    cuts = examples.scissors()
    assert right("what-is-pruning") == "About four fifths of them"
    assert 0.75 < cuts.most(ALL) < 0.85
    assert cuts.most(ALL, "random") < 0.2


def test_the_smallest_weight_goes_first():
    worked = cards.worked()
    (choice,) = (s for s in xray.steps(worked, "magnitude") if "kept" in s)
    weights = xray.steps(worked, "magnitude")[0]["values"]
    flat = [(abs(w), k) for a, b in zip(weights, choice["kept"], strict=True) for w, k in zip(a, b)]  # noqa: B905
    assert not min(flat)[1]
    assert "closest to zero" in right("magnitude")


def test_removing_neurons_pays_first():
    found = examples.breakeven()
    assert found.crossing(SHRUNK).faster < found.crossing(ROWS).faster
    assert right("structure") == "The layer with neurons really removed"


def test_old_momentum_leaves_no_zero():
    only = microscope.Guards(gradients=True, momentum=False, weights=False)
    assert microscope.step(microscope.begin(), only).zeros[-1] == 0
    assert right("while-training").startswith("None")
    for alone in ("weights", "momentum"):
        guards = microscope.Guards(**{"gradients": False, alone: True})
        assert microscope.step(microscope.begin(), guards).zeros[-1] == 1


def test_snip_multiplies_weight_and_gradient():
    assert METHODS["snip"].label.replace(" ", "") == "|w·∂L/∂w|"
    assert "weight times gradient" in right("before-training")


def test_random_wavers_among_several_times_as_many():
    mean = {}
    for method in ("random", "activation-norm"):
        found = [
            result.recovered["perplexity"]
            for result in pretrained.runs().values()
            for spec in [RunSpec.from_json(result.spec)]
            if spec.method.startswith(method) and spec.sparsity == 0.8
        ]
        mean[method] = statistics.mean(found)
    assert mean["random"] > 3 * mean["activation-norm"]
    assert 4 < mean["activation-norm"] < 6 < 15 < mean["random"] < 25


def test_what_the_network_is_least_sure_of_stays():
    spec = RunSpec.from_json(examples.data().spec)
    assert (spec.method, spec.sparsity) == ("aum", 0.7)
    with np.load(examples.FOLDER / examples.DATA / "examples.npz", allow_pickle=False) as arrays:
        found = figures.chosen(arrays)
    unsure = 1 + found.doubt  # of the label
    assert unsure[found.kept].mean() > 10 * unsure[~found.kept].mean() > 0
    assert right("which-data") == "Those the network is least sure of"


def test_progress_is_each_owner_s_own(tmp_path):
    lessons.finish("ann", "trees", tmp_path)
    lessons.finish("ann", "magnitude", tmp_path)
    assert lessons.done("ann", tmp_path) == {"trees", "magnitude"}
    assert lessons.done("bob", tmp_path) == set()
    (note,) = (tmp_path / "lessons").iterdir()
    note.write_text('["trees", "no-lesson"]')
    assert lessons.done("ann", tmp_path) == {"trees"}
    note.write_text("{")
    assert lessons.done("ann", tmp_path) == set()


def test_progress_that_cannot_be_kept_is_said(tmp_path):
    with pytest.raises(SpecError, match="no lesson 'nobody'"):
        lessons.finish("ann", "nobody", tmp_path)
    (tmp_path / "lessons").write_text("in the way")
    with pytest.raises(SpecError, match="cannot be written"):
        lessons.finish("ann", "trees", tmp_path)


def test_a_lesson_is_opened_answered_and_kept(store):  # noqa: F811
    app = show("lessons")
    assert len([b for b in app.button if b.label == "Begin"]) == 8
    app.button(key="open-trees").click().run()
    assert app.title[0].value == "How much tree does one need?"
    app.radio[0].set_value(0).run()
    assert "look again" in app.info[0].value
    app.radio[0].set_value(1).run()
    assert app.success
    assert not app.exception
    (back,) = (b for b in app.button if b.label == "All lessons")
    back.click().run()
    assert app.get("progress")[0].proto.text == "1 of 8 finished"
    assert [b.label for b in app.button].count("Finished; again") == 1
    assert show("lessons").get("progress")[0].proto.text == "0 of 8 finished"  # somebody else


def test_a_link_to_a_lesson_that_is_not_there(store):  # noqa: F811
    assert "no lesson" in show("lessons", lesson="<b>").warning[0].value


def test_a_lecturer_sees_how_far_the_room_is(store, tmp_path):  # noqa: F811
    for owner, names in (("ann", EVERY[:2]), ("bob", EVERY[1:2]), ("cem", [])):
        for name in names:
            lessons.finish(owner, name, store.home)
        lessons.share("room1", owner, store.home)
        lessons.share("room1", owner, store.home)  # whoever comes again is one
    many, finished = lessons.progress("room1", store.home)
    assert many == 3
    assert [finished[name] for name in EVERY] == [1, 2, 0, 0, 0, 0, 0, 0]
    for file in (store.home / "rooms").rglob("*.json"):
        assert "ann" not in file.read_text() + file.name
        file.write_text('{"a": 1}')
    assert lessons.progress("room1", store.home)[0] == 0
    app = show("lessons", room="room2")
    assert any("**one learner** in this room" in m.value for m in app.markdown)
    name = EVERY[0]
    app = show("lessons", lesson=name, room="room2")
    app.radio(key=f"answer-{name}").set_value(lessons.lessons()[name].answer).run()
    assert not app.exception
    assert lessons.progress("room2", store.home) == (2, dict.fromkeys(EVERY, 0) | {name: 1})
    with pytest.raises(SpecError, match="The code of a room must be"):
        lessons.share("../x", "ann", store.home)


def test_a_full_room_is_said(store, monkeypatch):  # noqa: F811
    monkeypatch.setattr(classroom, "EACH", 0)
    assert "is full" in show("lessons", room="room1").warning[0].value
