"""Run notebooks from top to bottom in a fresh kernel; copies go to build/notebooks.

In a copy every figure is there twice, as plotly's and as a picture, for readers that run no
JavaScript; progress bars are left out.
"""

from __future__ import annotations

import base64
import sys
import time
from pathlib import Path
from typing import Any

import kaleido
import nbformat
import plotly.graph_objects as go
from nbclient import NotebookClient

HERE = Path(__file__).parent
BUILD = HERE.parent / "build" / "notebooks"
sys.path.insert(0, str(HERE.parent / "tests" / "browser"))  # knows where a browser is

from driving import chromium  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

FIGURE = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"


def main() -> int:
    """Execute the notebooks named on the command line; the first error ends it."""
    BUILD.mkdir(parents=True, exist_ok=True)
    kaleido.start_sync_server(path=_browser(), silence_warnings=True)
    for path in map(Path, sys.argv[1:]):
        start = time.perf_counter()
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, timeout=300, kernel_name="python3").execute(cwd=str(HERE))
        sys.stdout.write(f"{path.name}: {time.perf_counter() - start:.0f} s\n")
        nbformat.write(readable(notebook), BUILD / path.name)
    kaleido.stop_sync_server(silence_warnings=True)
    return 0


def readable(notebook: Any) -> Any:
    """An executed notebook without its progress bars, its figures drawn."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if not _progress(out)]
            for out in cell.outputs:
                if figure := out.get("data", {}).get(FIGURE):
                    white = go.Figure(figure).update_layout(paper_bgcolor="white")
                    drawn = kaleido.calc_fig_sync(white, opts={"format": "png", "scale": 2})
                    out.data["image/png"] = base64.b64encode(drawn).decode()
    notebook.metadata.pop("widgets", None)
    return notebook


def _browser() -> str:
    """What draws the pictures: the system's browser, or the one of the tests."""
    with sync_playwright() as playwright:
        return chromium() or playwright.chromium.executable_path


def _progress(out: Any) -> bool:
    return WIDGET in out.get("data", {}) or out.get("name") == "stderr"


if __name__ == "__main__":
    sys.exit(main())
