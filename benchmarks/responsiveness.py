"""How fast the project answers: imports, the list, the first paint, a widget while a run trains.

    python benchmarks/responsiveness.py [--rounds 20] [--write]    # --write: into docs/engine.md

Needs a Chromium (``make browser``). Limits are those the project holds itself to; nothing here is a
test, because a busy machine would fail it.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from written import machine, put, table

ROOT = Path(__file__).parents[1]
sys.path[:0] = [
    str(ROOT),
    str(ROOT / "tests" / "browser"),
]  # the same driver as the browser stories

from driving import BROWSERS, FLAGS, ready, serve  # noqa: E402

from prunelab.engine import cancel, submit  # noqa: E402
from prunelab.events import Epoch  # noqa: E402
from prunelab.spec import RunSpec  # noqa: E402
from prunelab.store import Store  # noqa: E402

THERE = """before => document.querySelector("[data-test-script-state=notRunning]")
  && document.querySelector("h1") && document.querySelector("h1").innerText !== before"""
QUICK = RunSpec(model="mlp", epochs=1000)
LONG = RunSpec(model="resnet-narrow", method="l1-filter", sparsity=0.5, epochs=1000)


def milliseconds(call: Callable[[], object], rounds: int) -> list[float]:
    """Wall time of each of several calls, after one that does not count."""
    call()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    return times


def commands(rounds: int) -> dict[str, list[float]]:
    """Python alone, with the import, and the list of methods, in turn."""
    calls = {
        "python -c pass": ["-c", "pass"],
        "import prunelab": ["-c", "import prunelab"],
        "prunelab --help": ["-m", "prunelab", "--help"],
        "prunelab list methods": ["-m", "prunelab", "list", "methods"],
    }
    return {name: milliseconds(lambda a=a: _python(a), rounds) for name, a in calls.items()}


def _python(arguments: list[str]) -> None:
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True)


def first_paint(page: Page, url: str) -> None:
    """From nothing to the headline of Home."""
    page.goto(url)
    page.locator("h1").first.wait_for()


def three_clicks(page: Page, url: str) -> dict[str, list[float]]:
    """What somebody does who has never been there: a run of one's own, and why a weight went."""
    page.goto(url)
    ready(page)
    began = time.perf_counter()
    page.get_by_test_id("stMain").get_by_role("button", name="Prune a model").click()
    page.get_by_test_id("stSidebar").get_by_role("button", name=re.compile(r"\bRun$")).click()
    why = page.get_by_role("button", name="Why was a weight cut?")
    why.wait_for(timeout=300_000)
    pruned = time.perf_counter()
    why.click()
    page.get_by_text(re.compile("^Why does fc1.* go")).wait_for(timeout=300_000)
    explained = time.perf_counter()
    return {
        "Home to a pruned network, two clicks": [1000 * (pruned - began)],
        "and why a weight was cut, the third": [1000 * (explained - began)],
    }


def addresses(page: Page) -> list[tuple[int, str]]:
    """The pages in the menu: the place of their section, and where their links lead."""
    found = []
    sections = page.get_by_test_id("stTopNavSection")
    for number in range(sections.count()):
        sections.nth(number).click()
        links = page.locator("[data-testid=stTopNavDropdownLink]")
        links.first.wait_for()
        found += [(number, str(links.nth(n).get_attribute("href"))) for n in range(links.count())]
        page.keyboard.press("Escape")
    return found


def turn(page: Page, section: int, address: str) -> float:
    """From the click on a page in the menu until it is there and can be used, in milliseconds."""
    headline = page.locator("h1").first.inner_text()
    page.get_by_test_id("stTopNavSection").nth(section).click()
    link = page.locator(f"[data-testid=stTopNavDropdownLink][href='{address}']")
    link.wait_for()

    def there() -> None:
        link.click()
        page.wait_for_function(THERE, arg=headline)

    return milliseconds_once(there)


def pages(page: Page, rounds: int) -> dict[str, list[float]]:
    """Every page of the menu's sections, one after the other, in turns; and the slowest of them."""
    every = addresses(page)
    found: dict[str, list[float]] = {address.split("/")[-1]: [] for _, address in every}
    for number in range(rounds + 1):
        for section, address in every:
            time.sleep(0.3)
            told = turn(page, section, address)
            if number:  # the first turn reads what all visitors share
                found[address.split("/")[-1]].append(told)
    slowest = max(found, key=lambda name: statistics.median(found[name]))
    times = [told for one in found.values() for told in one]
    return {
        f"one of {len(found)} pages, by the menu": times,
        f"the slowest, {slowest}": found[slowest],
    }


def toggle(page: Page) -> None:
    """Press a choice in the Lab and wait until the page says it is done."""
    buttons = page.get_by_test_id("stButtonGroup").first.get_by_role("radio")
    chosen = buttons.nth(0) if buttons.nth(1).is_checked() else buttons.nth(1)
    chosen.click()
    app = page.locator("[data-testid=stApp][data-test-script-state=notRunning]")
    app.wait_for(state="attached")


def app(rounds: int) -> dict[str, list[float]]:
    """First paint of Home, and a widget of the Lab with and without a run in progress."""
    found = {}
    with (
        tempfile.TemporaryDirectory() as home,
        serve(Path(home), {}) as server,
        sync_playwright() as playwright,
    ):
        executable = next(filter(None, map(shutil.which, BROWSERS)), None)
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        paints = []
        for _ in range(6):
            context = browser.new_context()
            page = context.new_page()
            paints.append(milliseconds_once(lambda page=page: first_paint(page, server.url)))
            context.close()
        found["Home, first paint (warm)"] = paints[1:]
        page = browser.new_page()
        found |= three_clicks(page, server.url)
        page.goto(f"{server.url}/lab")
        ready(page)
        found["a widget, nothing running"] = milliseconds(lambda: toggle(page), rounds)
        page.goto(server.url)
        ready(page)
        found |= pages(page, max(2, rounds // 4))
        page.goto(f"{server.url}/lab")
        ready(page)
        key = submit(server.store, LONG)
        while server.store.row(key).state != "running":
            time.sleep(0.1)
        page.goto(f"{server.url}/lab?run={key}")
        ready(page)
        found["a widget, a run in progress"] = milliseconds(lambda: toggle(page), rounds)
        browser.close()
        cancel(server.store, key)
        found |= runs(server.store, min(rounds, 10))
    return found


def runs(store: Store, rounds: int) -> dict[str, list[float]]:
    """From the click to the first epoch, and from a cancel in mid-training to its end."""
    found: dict[str, list[float]] = {"a run's first epoch": [], "cancel, in mid-training": []}
    for seed in range(rounds + 1):
        key = submit(store, replace(QUICK, seed=seed))
        found["a run's first epoch"].append(milliseconds_once(lambda key=key: begun(store, key)))
        time.sleep(0.3)
        cancel(store, key)
        ended = milliseconds_once(lambda key=key: until(lambda: store.state(key) == "cancelled"))
        found["cancel, in mid-training"].append(ended)
    return {name: times[1:] for name, times in found.items()}  # the first waits for the engine


def begun(store: Store, key: str) -> None:
    """Until the run has told its first epoch."""
    until(lambda: any(isinstance(event, Epoch) for _, event in store.events(key)))


def until(true: Callable[[], bool]) -> None:
    """Look every few milliseconds."""
    while not true():
        time.sleep(0.005)


def milliseconds_once(call: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - start)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    where = machine()
    measured = commands(given.rounds) | app(given.rounds)
    rows = []
    for name, times in measured.items():
        high = sorted(times)[max(0, round(0.95 * len(times)) - 1)]
        rows.append([name, f"{statistics.median(times):.0f}", f"{high:.0f}", f"{len(times)}"])
    said = table(["what", "median ms", "95th percentile ms", "times"], rows)
    said = f"{where[0].upper()}{where[1:]}.\n\n{said}"
    print(said)
    if given.write:
        put("engine.md", "responsiveness", said)


if __name__ == "__main__":
    main()
