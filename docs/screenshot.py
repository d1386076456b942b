"""The picture in README.md: a real run in a real browser; ``python docs/screenshot.py``."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "browser"))  # the same driver as the browser stories

from driving import BROWSERS, FLAGS, Server, ready, serve  # noqa: E402

from prunelab.engine import submit  # noqa: E402
from prunelab.spec import RunSpec  # noqa: E402


def main() -> None:
    """Run the default spec, open it in the Lab, take the picture."""
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        serving = serve(Path(home), {})
        server: Server = next(serving)
        key = submit(server.store, RunSpec())
        while server.store.row(key).state != "finished":
            time.sleep(0.2)
        executable = next(filter(None, map(shutil.which, BROWSERS)), None)
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 860}, device_scale_factor=1.5)
        page.goto(f"{server.url}/lab?run={key}")
        ready(page)
        page.locator(".js-plotly-plot .bars").first.wait_for()
        page.wait_for_timeout(1000)  # until the last transition has ended
        page.screenshot(path=HERE / "lab.png")
        browser.close()
        serving.close()


if __name__ == "__main__":
    main()
