"""Driving the app: a server with a home of its own, a page that forgives no error."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from install import BROWSERS
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from prunelab import engine
from prunelab.figures.look import PALETTES
from prunelab.store import Store

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "build" / "screenshots"

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
# A deep link makes Streamlit look for its own files beside the page first; it then finds them.
KNOWN = ("/_stcore/health", "/_stcore/host-config")
BUSY = 60_000  # milliseconds: they bound a hang, for the machine may be busy with something else
expect.set_options(timeout=BUSY)


@dataclass(frozen=True)
class Server:
    """Where the app answers, and what it wrote."""

    url: str
    home: Path
    log: Path

    @property
    def store(self) -> Store:
        """The store of the server, opened from here."""
        return Store(home=self.home)


@contextmanager
def serve(home: Path, extra: dict[str, str], port: int = 0) -> Iterator[Server]:
    """Start a server and its home, stop both and the engine at the end."""
    port = port or free_port()
    log = home / "server.log"
    environment = os.environ | {"PRUNELAB_HOME": str(home), "OMP_NUM_THREADS": "1"}
    environment |= {"PRUNELAB_SHARED": "1"} | extra  # pages show what a test puts into the store
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    with log.open("w") as file:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file)
    base = extra.get("STREAMLIT_SERVER_BASE_URL_PATH", "")
    url = f"http://127.0.0.1:{port}" + (f"/{base}" if base else "")
    try:
        wait_for(f"{url}/_stcore/health")
        yield Server(url, home, log)
    finally:
        process.terminate()
        process.wait(60)
        engine.stop(home)
    text = log.read_text()
    assert "Traceback" not in text, text[-3000:]
    assert "ScriptRunContext" not in text, text[-3000:]


def chromium() -> str | None:
    """The system's browser, if it has one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def free_port() -> int:
    """A port nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(url: str, seconds: float = 120) -> None:
    """Until the address answers."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"{url} did not answer within {seconds} s.")


@contextmanager
def visit(
    browser: Browser, server: Server, name: str, width: int = 1440, theme: str = "light"
) -> Iterator[Page]:
    """A fresh browser context, closed with a screenshot where the story failed."""
    context = browser.new_context(
        base_url=server.url,
        viewport={"width": width, "height": 1000},
        color_scheme=theme,
        reduced_motion="reduce",
    )
    opened = context.new_page()
    opened.set_default_timeout(BUSY)
    errors: list[str] = []
    opened.on("console", lambda message: errors.extend(complaints(message)))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    try:
        yield opened
        assert not errors, errors
    finally:
        if errors:
            opened.screenshot(path=SHOTS / f"failed-{name}.png")
        context.close()


def complaints(message: ConsoleMessage) -> list[str]:
    """What a console message has to say that is not known and harmless."""
    where = message.location.get("url", "")
    harmless = message.type != "error" or any(where.endswith(known) for known in KNOWN)
    return [] if harmless else [f"{message.text} {where}"]


def ready(page: Page) -> None:
    """Until the script of the page has run and its parts have arrived."""
    state = page.locator("[data-testid=stApp][data-test-script-state=notRunning]")
    expect(state).to_be_attached(timeout=90_000)
    expect(page.locator("[data-testid=stAppSkeleton], [data-testid=stSkeleton]")).to_have_count(0)


FOLLOWED = """ink => document.getAnimations().every(a => !(a instanceof CSSTransition)) &&
  [...document.querySelectorAll(".js-plotly-plot")].every(p => p._fullLayout?.font.color === ink)"""


def seen_in(page: Page, theme: str) -> None:
    """Until the page is in this theme and so are its figures, which the server draws."""
    told = page.locator(f".st-key-unseen-window span[data-theme={theme}]")
    expect(told).to_be_attached()
    ready(page)
    page.wait_for_function(FOLLOWED, arg=PALETTES[theme].ink)


def accessible(page: Page) -> None:
    """What axe finds wrong and not minor, which is nothing; what is right it need not report."""
    found = Axe().run(page, options={"reporter": "no-passes"}).response["violations"]
    bad = [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] != "minor"]
    assert not bad, (page.url, page.viewport_size, bad)


def shot(page: Page, name: str) -> None:
    """The whole page as a picture under build/screenshots."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    size = page.viewport_size or {"width": 1440, "height": 1000}
    high = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": min(2600, max(1000, high + 20))})
    expect(page.locator("[data-testid=stPlotlyChart]:not(:has(.main-svg))")).to_have_count(0)
    page.screenshot(path=SHOTS / f"{name}.png", animations="disabled")
    page.set_viewport_size(size)
