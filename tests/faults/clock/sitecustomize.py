"""A clock that is set back and forth by days all the time, wherever Python finds this."""

from __future__ import annotations

import time

_time = time.time


def jumping():
    """The time an hour, a day or a week wrong, by turns of half a second, and never right."""
    now = _time()
    return now + (86400, 3600, -86400, 7 * 86400, -3600)[int(now * 2) % 5]


time.time = jumping
