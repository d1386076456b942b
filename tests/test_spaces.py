"""Whose turn it is, and who may see what: nobody gets at a stranger's run by guessing its key."""

from __future__ import annotations

import hashlib

import pytest

from prunelab import engine
from prunelab.events import Finished, Warned
from prunelab.space import Space, space
from prunelab.spec import RunSpec
from prunelab.store import Missing, Store, StoreError

SPEC = RunSpec(method="random", seed=1)


@pytest.fixture
def store(tmp_path):
    opened = Store(home=tmp_path)
    yield opened
    opened.close()


def begin(store, count=100):
    """Run what waits, one after the other; the keys in the order of their beginning."""
    order = []
    while len(order) < count and (waiting := store.queued(1)):
        attempt = store.claim(waiting[0], "me")
        store.finish(waiting[0], Finished(seconds=0), attempt=attempt)
        order.append(waiting[0])
    return order


# -- turns ----------------------------------------------------------------------------------------


def test_owners_take_turns_however_many_runs_one_has(store):
    ann = [store.submit(RunSpec(seed=s), owner="ann") for s in range(6)]
    bob = [store.submit(RunSpec(seed=s), owner="bob") for s in (10, 11)]
    eve = store.submit(RunSpec(seed=20), owner="eve")
    assert begin(store) == [ann[0], bob[0], eve, ann[1], bob[1], *ann[2:]]


def test_who_comes_late_to_a_long_queue_waits_one_turn(store):
    ann = [store.submit(RunSpec(seed=s), owner="ann") for s in range(50)]
    assert begin(store, 3) == ann[:3]
    bob = store.submit(RunSpec(seed=100), owner="bob")
    assert begin(store, 2) == [bob, ann[3]]


def test_who_has_something_going_lets_others_begin(store):
    ann = [store.submit(RunSpec(seed=s), owner="ann") for s in range(4)]
    bob = [store.submit(RunSpec(seed=s), owner="bob") for s in (10, 11)]
    store.claim(bob[0], "w")  # bob was served last, but ann has two going
    store.claim(ann[0], "w")
    store.claim(ann[1], "w")
    store.claim(bob[1], "w")
    store.submit(RunSpec(seed=12), owner="bob")
    assert store.queued()[0] == ann[2]


def test_a_higher_priority_begins_first_and_can_be_given_later(store):
    usual = [store.submit(RunSpec(seed=s)) for s in range(3)]
    urgent = store.submit(RunSpec(seed=9), priority=5)
    store.prioritise(usual[2], 1)
    assert store.queued() == [urgent, usual[2], usual[0], usual[1]]
    assert store.row(usual[2]).priority == 1
    with pytest.raises(Missing, match="There is no run"):
        store.prioritise("nobody", 1)


def test_a_high_priority_takes_nobody_elses_turn(store):
    ann = [store.submit(RunSpec(seed=s), owner="ann", priority=9) for s in range(3)]
    bob = [store.submit(RunSpec(seed=s), owner="bob") for s in (10, 11)]
    store.prioritise(bob[1], 1)
    assert begin(store) == [ann[0], bob[1], ann[1], bob[0], ann[2]]


def test_a_held_queue_is_known_to_everybody(store):
    assert not store.paused()
    store.pause()
    store.pause()
    other = Store(home=store.home)
    assert other.paused()
    other.pause(False)
    assert not store.paused()
    other.close()


def test_what_a_run_waits_for_is_told_until_it_begins(store):
    key = store.submit(SPEC)
    store.must_wait(key, "a worker with a GPU")
    assert store.row(key).note == "waits for a worker with a GPU"
    store.must_wait(key, "")
    assert store.row(key).note == ""
    store.must_wait(key, "a worker with a GPU")
    attempt = store.claim(key, "me")
    assert store.row(key).note == ""
    store.requeue(key, attempt, "signal 9")
    store.must_wait(key, "")
    assert store.row(key).note == "interrupted (signal 9), attempt 2 of 3"


def test_every_attempt_is_kept_with_its_end(store):
    key = store.submit(SPEC)
    store.requeue(key, store.claim(key, "one"), "signal 9")
    store.finish(key, Finished(seconds=1), attempt=store.claim(key, "two"))
    store.submit(SPEC, again=True)
    store.claim(key, "three")
    told = [(a.attempt, a.worker, a.how, a.ended is None) for a in store.attempts(key)]
    assert told == [
        (1, "one", "signal 9", False),
        (2, "two", "finished", False),
        (3, "three", "", True),
    ]


# -- spaces ---------------------------------------------------------------------------------------


def test_two_owners_of_the_same_spec_have_a_run_each(store):
    ann, bob = Space(store, "ann"), Space(store, "bob")
    assert {ann.submit(SPEC), ann.submit(SPEC), bob.submit(SPEC), store.submit(SPEC)} == {SPEC.key}
    assert len({ann.stored(SPEC.key), bob.stored(SPEC.key), SPEC.key}) == 3
    assert [(r.owner, r.key, r.result.key) for r in ann.runs()] == [("ann", SPEC.key, SPEC.key)]
    assert (ann.count(), bob.count(owner="ann"), store.count()) == (1, 0, 3)
    assert ann.runs(space="bob")[0].owner == "ann"  # no filter leads out of a space
    bob.request_cancel(SPEC.key)
    assert (ann.row(SPEC.key).state, bob.row(SPEC.key).state) == ("queued", "cancelled")
    bob.delete(SPEC.key)
    assert [r.owner for r in bob.rows([SPEC.key])] == [""]  # what all see, where there is no own
    assert ann.rows([SPEC.key, "nobody", SPEC.key])[0].owner == "ann"


def test_nobody_gets_at_a_strangers_run_by_its_key(store):
    ann, bob = Space(store, "ann"), Space(store, "bob")
    ann.submit(SPEC)
    key = ann.stored(SPEC.key)
    attempt = store.claim(key, "me")
    store.append(key, [Warned(message="secret")], attempt=attempt)
    store.folder(key).mkdir(parents=True)
    tag = hashlib.sha256(b"ann").hexdigest()[:12]
    guesses = [key, f"{SPEC.key}-{tag}", key.upper(), f"{key}%", "%", SPEC.key]
    pupil = Space(store, "bob", shared=True)
    for who in (
        bob,
        pupil,
        Space(store),
        Space(store, local=True),
        Space(store, "bob", local=True),
    ):
        for guess in guesses:
            for ask in (
                who.row, who.result, who.events, who.folder, who.request_cancel, who.delete,
                who.stored, who.state, lambda k, who=who: who.prioritise(k, 9),
                lambda k, who=who: engine.cancel(who, k),
            ):  # fmt: skip
                with pytest.raises(Missing, match="There is no run"):
                    ask(guess)
        assert who.rows(guesses) == []
        assert who.runs(key=guesses) == []
    row = ann.row(SPEC.key)
    assert (row.state, row.cancel, row.priority) == ("running", False, 0)
    assert [e for _, e in ann.events(SPEC.key)] == [Warned(message="secret")]
    assert ann.result(SPEC.key).warnings == ("secret",)
    assert ann.folder(key).exists()  # the owner may also use the key of the store


def test_what_nobody_owns_is_changed_by_the_machines_own_user_alone(store):
    store.submit(SPEC)
    here, elsewhere = Space(store, "ann", local=True), Space(store, "ann")
    with pytest.raises(StoreError, match="somebody else's run; only its owner may change"):
        elsewhere.request_cancel(SPEC.key)
    here.request_cancel(SPEC.key)
    assert store.state(SPEC.key) == "cancelled"


def test_a_stranger_cannot_repeat_a_run_to_erase_it(store):
    ann = Space(store, "ann")
    ann.submit(SPEC)
    key = ann.stored(SPEC.key)
    store.finish(key, Finished(seconds=1), attempt=store.claim(key, "me"))
    Space(store, "bob").submit(SPEC, again=True)
    assert ann.row(SPEC.key).state == "finished"
    ann.submit(SPEC, again=True)
    assert ann.row(SPEC.key).state == "queued"


def test_in_a_classroom_all_see_all_and_change_their_own(store, monkeypatch):
    monkeypatch.setenv("PRUNELAB_SHARED", "1")
    ann, bob = space(store, "ann"), space(store, "bob")
    key = ann.submit(SPEC)
    store.finish(key, Finished(seconds=1), attempt=store.claim(key, "me"))
    assert bob.submit(SPEC) == key == SPEC.key
    assert bob.submit(SPEC, again=True) == key
    assert bob.row(key).state == "finished"
    assert [r.key for r in bob.runs()] == [key] == [r.key for r in bob.rows([key])]
    assert bob.count() == 1
    for change in (bob.delete, bob.request_cancel, lambda k: bob.prioritise(k, 1)):
        with pytest.raises(StoreError, match="somebody else's run; only its owner may change"):
            change(key)
    ann.delete(key)
    assert bob.count() == 0


@pytest.mark.parametrize(
    ("said", "shared"), [("", False), ("0", False), ("no", False), ("1", True), ("Yes", True)]
)
def test_a_space_is_private_unless_said_otherwise(store, monkeypatch, said, shared):
    monkeypatch.setenv("PRUNELAB_SHARED", said)
    assert space(store, "ann").shared == shared
    assert space(store, "ann", shared=True).shared
