"""``prunelab app``: the app, and an end to everything it started when it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

from prunelab import engine
from prunelab.catalogue import catalogue
from prunelab.files import home
from prunelab.spec import SpecError

APP = Path(__file__).parents[1] / "app.py"


def app(*, port: int | None = None, headless: bool = False) -> int:
    """Run the app until it ends or Ctrl-C; the engine that it started ends with it.

    Raises:
        SpecError: the app's files are not beside the package.
    """
    if not APP.exists():
        raise SpecError(f"The app is not installed with the package: there is no {APP.name}.")
    found = engine.status(home()).alive
    # Python's own handler for SIGINT is missing where a shell started the app in the background.
    for end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(end, _interrupt)
    # Both take seconds on a new machine and neither is needed for the first page.
    threading.Thread(target=catalogue, daemon=True).start()
    engine.ensure(home())
    flags = ["--server.port", str(port)] if port else []
    flags += ["--server.headless", str(headless).lower(), "--server.showEmailPrompt", "false"]
    if not headless:  # Streamlit's welcome brings an advertisement onto the page
        flags += ["--logger.hideWelcomeMessage", "true"]
        usual = "8501, or the next port that is free"
        sys.stdout.write(f"PruneLab opens in a browser: http://localhost:{port or usual}\n")
        sys.stdout.flush()
    command = [sys.executable, "-m", "streamlit", "run", str(APP), *flags]
    process = subprocess.Popen(command, cwd=APP.parent)
    try:
        return process.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        if not found:
            engine.stop(home())


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
