"""What the engine does, one JSON object a line, on standard error (the engine's log file)."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any


def say(what: str, **told: Any) -> None:
    """Write one line; a full disk or a closed stream is no reason to stop."""
    line = {"at": round(time.time(), 3), "pid": os.getpid(), "event": what} | told
    try:
        sys.stderr.write(json.dumps(line, default=str) + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return
