"""What holds however much was killed: nothing acknowledged is lost, each run has one end."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import select
from telling import chain

from prunelab.database import EVENTS
from prunelab.events import Cancelled, Epoch, Failed, Finished


def all_is_well(store, specs, acks):
    """Every run finished, with the numbers of its seed, and every acknowledged event is there."""
    written = defaultdict(list)
    with store._engine.connect() as connection:
        for run, attempt, number in connection.execute(
            select(EVENTS.c.run, EVENTS.c.attempt, EVENTS.c.seq).order_by(EVENTS.c.id)
        ):
            written[run, attempt].append(number)
    for numbers in written.values():
        assert numbers == list(range(1, len(numbers) + 1))
    acknowledged = [line.split() for line in acks.read_text().splitlines()]
    assert acknowledged
    for key, attempt, last in acknowledged:
        assert len(written[key, int(attempt)]) >= int(last), f"{key}: event {last} is lost"
    for spec in specs:
        _one_end(store, spec)


def _one_end(store, spec):
    row = store.row(spec.key)
    assert row.state == "finished", f"{spec.key} is {row.state}: {row.result.reason} {row.note}"
    events = [e for _, e in store.events(spec.key)]
    assert [type(e) for e in events if isinstance(e, Finished | Failed | Cancelled)] == [Finished]
    losses = chain(spec.seed, spec.knobs["epochs"])
    assert all(e.loss == losses[e.epoch - 1] for e in events if isinstance(e, Epoch))
    result = store.result(spec.key)
    assert [e.epoch for e in result.epochs] == list(range(1, len(losses) + 1))
    assert result.recovered["accuracy"] == losses[-1]
    tried = store.attempts(spec.key)
    assert [a.attempt for a in tried] == list(range(1, row.attempt + 1))
    assert [a.how for a in tried].count("finished") == 1
    assert all(a.ended for a in tried)
