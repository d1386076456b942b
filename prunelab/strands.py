"""Calls that stop in the middle for an answer: threads of which only one goes on at a time.

A run is told as a generator, and what trains is deep inside it. On a thread of its own it can wait
there for an answer, without anything between having to know. No two strands ever run at once, so
they share what has no lock: random numbers, warnings, the number of torch threads.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Any

import numpy as np

from prunelab.position import set_torch_chance, torch_chance

_MINE: ContextVar[Strand | None] = ContextVar("_MINE", default=None)


class Strand(threading.Thread):
    """A call that goes on when it is told to, until it asks something or ends."""

    def __init__(self, call: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.call, self.context = call, copy_context()
        self.go, self.stopped = threading.Lock(), threading.Lock()  # a turn each, so both are held
        self.go.acquire()
        self.stopped.acquire()
        self.question: Any = None
        self.answer: Any = None
        self.result: Any = None
        self.error: BaseException | None = None
        self.moving = self.over = False

    def resume(self, answer: Any = None) -> None:
        """Let it go on with an answer, an exception being raised there; returns when it stops."""
        self.answer, self.question, self.moving = answer, None, True
        if self.ident is None:
            self.start()
        else:
            self.go.release()
        self.wait()

    def wait(self) -> None:
        """Until it asks or ends."""
        self.stopped.acquire()
        self.moving = False

    def end(self, why: BaseException) -> None:
        """Raise that in it, as often as it takes."""
        if self.moving:
            self.wait()
        while not self.over:
            self.resume(why)

    def run(self) -> None:
        """What the thread does."""
        self.context.run(self._call)

    def _call(self) -> None:
        _MINE.set(self)
        _own_numpy()
        try:
            self.result = self.call()
        except BaseException as error:  # noqa: BLE001 - whoever began it raises it again
            self.error = error
        finally:
            self.over = True
            self.stopped.release()


def mine() -> Strand | None:
    """The strand this is called in, if it is one."""
    return _MINE.get()


def ask(question: Any) -> Any:
    """Stop here until somebody answers; random numbers then go on where they were."""
    strand = _MINE.get()
    if strand is None:
        raise RuntimeError("Nobody answers outside a strand.")
    python, torch = random.getstate(), torch_chance()
    numpy = np.random.get_bit_generator()  # type: ignore[attr-defined]
    strand.question = question
    strand.stopped.release()
    strand.go.acquire()
    random.setstate(python)
    np.random.set_bit_generator(numpy)  # type: ignore[attr-defined]
    set_torch_chance(torch)
    if isinstance(strand.answer, BaseException):
        raise strand.answer
    return strand.answer


def _own_numpy() -> None:
    """Give numpy's global numbers a generator of this strand's own: states take long to copy."""
    state = np.random.get_state()  # noqa: NPY002 - a method of one's own may use it
    own = np.random.MT19937(0)  # any seed, for a state follows; one of the system's takes longer
    np.random.set_bit_generator(own)  # type: ignore[attr-defined]
    np.random.set_state(state)  # noqa: NPY002 - as above
