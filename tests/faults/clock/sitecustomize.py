"""A clock that is set back and forth by days all the time, wherever Python finds this."""

from __future__ import annotations

import time

_time = time.time


def jumping():
    """The time, an hour wrong, a day wrong, a week wrong, by turns of half a second."""
    now = _time()
    return now + (0, 3600, -86400, 7 * 86400, -3600)[int(now * 2) % 5]


time.time = jumping
