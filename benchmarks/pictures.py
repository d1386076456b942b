"""A plotly figure as a picture, drawn by a real browser; needs a Chromium (``make browser``)."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

BROWSER = Path(__file__).parents[1] / "tests" / "browser"


def picture(figure: Any, file: Path) -> None:
    """Write the figure in the width and height of its layout."""
    from playwright.sync_api import sync_playwright

    sys.path.insert(0, str(BROWSER))
    from driving import BROWSERS, FLAGS

    size = {"width": figure.layout.width, "height": figure.layout.height}
    with sync_playwright() as playwright:
        executable = next(filter(None, map(shutil.which, BROWSERS)), None)
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        view = browser.new_page(viewport=size, device_scale_factor=1.5)
        view.set_content(figure.to_html(include_plotlyjs=True, config={"displayModeBar": False}))
        view.locator(".js-plotly-plot .main-svg").first.wait_for()
        view.locator(".js-plotly-plot").screenshot(path=file)
        browser.close()
