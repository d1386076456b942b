"""The pictures in README.md: real pages in a real browser; ``python docs/screenshot.py``.

``lab.png`` is a finished run in the Lab, ``tour.webp`` a minute through the pages one learns from.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Browser, Locator, Page, sync_playwright

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "browser"))  # the same driver as the browser stories

from driving import FLAGS, Server, chromium, ready, serve  # noqa: E402

from prunelab.engine import submit  # noqa: E402
from prunelab.spec import RunSpec  # noqa: E402

WIDE, HIGH, BAR = 1120, 760, 44
INK, PAPER = "#FFFFFF", "#185A96"
ROOM = "class1"
SKETCHES = ("90.88.84.76.60.40.20", "91.90.90.88.86.80.70", "80.70.60.50.40.30.15")
TREE = "leaves=24&rule=best+of+each+size"
SHOW = "(part, block) => { part.style.scrollMargin = '76px'; part.scrollIntoView({block}); }"
PULL = "(line, value) => { line.value = value; line.oninput(); }"


class Film:
    """Stills of one page after another, each with the sentence that stands below it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.stills: list[Image.Image] = []
        self.times: list[int] = []
        self.words = ""

    def scene(self, address: str, words: str, down: int = 0) -> None:
        """Open a page and let it be looked at, from so many pixels down."""
        self.words = words
        self.page.goto(f"{self.url}/{address}")
        ready(self.page)
        self.page.wait_for_timeout(1000)  # until the last transition has ended
        self.still(2600)
        if down:
            main = self.page.get_by_test_id("stMain")
            main.evaluate("(main, down) => main.scrollTo(0, down)", down)
            self.page.wait_for_timeout(500)
            self.still(1400)

    def closer(self, what: Locator, words: str, block: str = "end", still: int = 4000) -> None:
        """A part of the same page, once it is there, at an end of the window."""
        self.words = words
        what.wait_for(timeout=120_000)
        ready(self.page)
        what.evaluate(SHOW, block)
        self.page.wait_for_timeout(500)
        self.still(still)

    def still(self, milliseconds: int) -> None:
        """What the page shows now, for so long."""
        shown = Image.open(io.BytesIO(self.page.screenshot(animations="disabled")))
        framed = Image.new("RGB", (WIDE, HIGH + BAR), PAPER)
        framed.paste(shown.convert("RGB"))
        font = ImageFont.load_default(size=21)
        ImageDraw.Draw(framed).text((24, HIGH + 9), self.words, INK, font)
        self.stills.append(framed)
        self.times.append(milliseconds)

    def pull(self, line: Locator, values: Iterable[int], milliseconds: int = 300) -> None:
        """Move a slider through some values."""
        for value in values:
            line.evaluate(PULL, str(value))
            self.still(milliseconds)
        self.times[-1] = 1800

    def press(self, key: str, times: int, milliseconds: int = 450) -> None:
        """A key, again and again, on what has the focus."""
        for _ in range(times):
            self.page.keyboard.press(key)
            self.page.wait_for_timeout(300)  # until the page has heard of it
            ready(self.page)
            self.still(milliseconds)
        self.times[-1] = 1500

    def write(self, file: Path) -> None:
        """All of it as one animated picture."""
        first, *rest = self.stills
        # Without loss: what is lossy leaves ghosts of one page on the next.
        first.save(
            file, save_all=True, append_images=rest, duration=self.times, loop=0, lossless=True,
            method=4,
        )  # fmt: skip
        sys.stderr.write(
            f"{file.name}: {sum(self.times) / 1000:.0f} s, {file.stat().st_size:,} B\n"
        )


def tour(browser: Browser, server: Server, key: str) -> Film:
    """A minute through what one can do here."""
    size = {"width": WIDE, "height": HIGH}
    page = browser.new_page(viewport=size, reduced_motion="reduce")  # type: ignore[arg-type]
    film = Film(page, server.url)
    film.scene("", "Most of a neural network is not needed. Pull the slider.")
    film.pull(page.locator(".moving .slider"), range(0, 990, 110))
    film.scene("scissors", "Scissors: drag a threshold over real weights; accuracy follows.")
    film.pull(page.locator(".blade .line"), range(0, 50, 5))
    _classmates(browser, server)
    film.scene(f"predict?room={ROOM}", "Predict: sketch the curve, then see the truth.")
    _sketch(film)
    everybody = page.locator(".sketch").nth(1)
    film.closer(everybody, "Predict, in class: one link, and everybody's sketch, live.")
    film.scene(f"trees?{TREE}", "Trees: how much tree does one need?", down=200)
    page.get_by_test_id("stMain").locator(".st-key-leaves input[type=range]").focus()
    film.press("ArrowLeft", 5)
    _beside(film)
    film.scene("training", "Training-time: RigL rewires a network while it learns.", down=400)
    page.get_by_test_id("stMain").locator("[role=slider], input[type=range]").first.focus()
    film.press("ArrowLeft", 4)
    film.scene("lottery", "Lottery: do winning tickets win? Only where the bands part.")
    film.scene("museum", "Failure museum: how tools fool people, as running code.")
    film.scene(f"lab?run={key}", "Lab: a run of one's own, with honest numbers.", down=270)
    page.get_by_role("button", name="Why was a weight cut?").click()
    film.closer(page.locator(".st-key-card-why"), "Why was this weight cut? And who would keep it?")
    page.close()
    return film


def _beside(film: Film) -> None:
    """A tree and a network under one slider; both fit beside each other without the sidebar."""
    page = film.page
    page.goto(f"{film.url}/trees?view=Trees+beside+nets")
    ready(page)
    page.get_by_test_id("stSidebarHeader").hover()
    page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
    words = "Trees beside nets: one slider cuts both to the same share."
    film.closer(page.locator(".st-key-left"), words, "start", 2600)
    page.locator(".st-key-left input[type=range], .st-key-left [role=slider]").first.focus()
    film.press("ArrowRight", 4)
    page.get_by_test_id("stExpandSidebarButton").click()


def _classmates(browser: Browser, server: Server) -> None:
    """Others in the room, each with a browser and a sketch of their own."""
    for drawn in SKETCHES:
        page = browser.new_context().new_page()
        page.goto(f"{server.url}/predict?room={ROOM}&sketch={drawn}")
        ready(page)
        page.get_by_role("button", name="Reveal the truth").click()
        page.get_by_role("button", name="Sketch again").wait_for()
        ready(page)
        page.context.close()


def _sketch(film: Film) -> None:
    page, box = film.page, film.page.locator(".sketch svg").bounding_box()
    if box is None:
        raise RuntimeError("The sketch is not on the page.")
    high = (0.1, 0.16, 0.24, 0.34, 0.46, 0.58, 0.7)
    page.mouse.move(box["x"] + 150, box["y"] + high[0] * box["height"])
    page.mouse.down()
    for step, down in enumerate(high):
        across = 52 + (step + 1) * (box["width"] - 114) / len(high)
        page.mouse.move(box["x"] + across, box["y"] + down * box["height"], steps=8)
        film.still(260)
    page.mouse.up()
    page.get_by_role("button", name="Reveal the truth").click()
    page.get_by_role("button", name="Sketch again").wait_for()
    ready(page)
    film.still(3000)


def lab(browser: Browser, server: Server, key: str) -> None:
    """The picture at the top: a finished run."""
    page = browser.new_page(viewport={"width": 1280, "height": 860}, device_scale_factor=1.5)
    page.goto(f"{server.url}/lab?run={key}")
    ready(page)
    page.locator(".js-plotly-plot .bars").first.wait_for()
    page.wait_for_timeout(1000)  # until the last transition has ended
    page.screenshot(path=HERE / "lab.png")
    page.close()


def main() -> None:
    """Run the default spec, then take all pictures."""
    with (
        tempfile.TemporaryDirectory() as home,
        serve(Path(home), {}) as server,
        sync_playwright() as playwright,
    ):
        key = submit(server.store, RunSpec())
        while server.store.row(key).state != "finished":
            time.sleep(0.2)
        browser = playwright.chromium.launch(executable_path=chromium(), args=[*FLAGS])
        lab(browser, server, key)
        tour(browser, server, key).write(HERE / "tour.webp")
        browser.close()


if __name__ == "__main__":
    main()
