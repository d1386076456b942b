"""How long the Trees page takes from a move of the slider until all it shows is drawn anew.

    python benchmarks/trees_page.py [--rounds 40]

Needs a Chromium (``make browser``). Times are the browser's own: from the key press to the first
frame with the new tree (and boundary, where there is one), with its numbers, its mistakes and the
ring on the curves, and to that with the headline, which the server writes.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))  # the same driver as the browser stories

from driving import FLAGS, chromium, ready, serve  # noqa: E402

from prunelab import treelab  # noqa: E402
from prunelab.spec import RunSpec  # noqa: E402

TREE = RunSpec(model="decision-tree", method="cost-complexity", data="moons")
LARGE = {"rows": 26_500, "noise": 0.3}

WATCH = """() => {
  const roots = [];
  for (const one of document.querySelectorAll("*")) if (one.shadowRoot) roots.push(one.shadowRoot);
  const begin = () => Object.assign(window, { began: performance.now(), seen: {} });
  document.addEventListener("keydown", begin, true);
  const see = (what) => new MutationObserver(() => {
    requestAnimationFrame(() => (window.seen[what] ??= performance.now() - window.began));
  });
  const all = { childList: true, subtree: true, characterData: true };
  const parts = { tally: "numbers", taken: "mistakes", ring: "ring" };
  for (const root of roots) {
    const part = Object.keys(parts).find((name) => root.querySelector(`.${name}`));
    see(parts[part] ?? "picture").observe(root, { ...all, attributes: part === "ring" });
  }
  see("headline").observe(document.querySelector("h1"), all);
}"""


def moved(page: Page, url: str, rounds: int) -> dict[str, list[float]]:
    """Milliseconds until each thing that moves is drawn, for each of several moves."""
    page.goto(url)
    ready(page)
    page.wait_for_timeout(1500)
    page.evaluate(WATCH)
    page.locator("[data-testid=stMain] [data-testid=stSlider] input[type=range]").first.focus()
    shown = ("picture", "numbers", "mistakes", "ring", "headline")
    times: dict[str, list[float]] = {what: [] for what in shown}
    for turn in range(rounds + 3):
        page.keyboard.press("ArrowLeft" if turn % 10 < 5 else "ArrowRight")
        seen = f"{list(shown)}.every((what) => window.seen[what])"
        page.wait_for_function(seen, timeout=20_000)
        for what, found in page.evaluate("window.seen").items():
            times[what].append(found)
        page.wait_for_timeout(150)  # until the server has nothing more to say
    return {what: found[3:] for what, found in times.items()}


def grown(spec: RunSpec, home: Path) -> int:
    """Grow a tree; how many nodes it has."""
    folder = treelab.start(spec, home)
    while treelab.look(folder).name == "growing":
        time.sleep(0.5)
    tree = treelab.grown(folder)
    if tree is None:
        raise RuntimeError(treelab.look(folder).reason)
    return len(tree.left)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    large = replace(TREE, data="noisy-table", data_knobs=LARGE)
    asked = "&".join(f"noisy-table.{name}={value}" for name, value in LARGE.items())
    pages = {"leaves=40": TREE, f"data=noisy-table&{asked}&leaves=200": large}
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print(
        "| tree | nodes | what | median ms | 95th percentile ms |\n| --- | --- | --- | --- | --- |"
    )
    with (
        tempfile.TemporaryDirectory() as home,
        serve(Path(home), {}) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        for query, spec in pages.items():
            nodes = grown(spec, Path(home))
            page = browser.new_page(viewport={"width": 1440, "height": 1000})
            found = moved(page, f"{server.url}/trees?{query}&rule=best+of+each+size", rounds)
            page.close()
            for what, times in found.items():
                high = sorted(times)[round(0.95 * (rounds - 1))]
                middle = statistics.median(times)
                print(f"| {spec.data} | {nodes:,} | {what} | {middle:.0f} | {high:.0f} |")
        browser.close()


if __name__ == "__main__":
    main()
