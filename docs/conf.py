"""The documentation site: Sphinx, MyST and Furo. ``make site`` builds it, without a network.

The reference is written from the registry, the docstrings, the command line and the pages before
anything is read, so that it says what the code says. Notebooks are the executed copies that
``make notebooks`` leaves in ``build/notebooks``; one that was not executed stands without outputs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import reference  # noqa: E402

from prunelab import __version__  # noqa: E402

project = "PruneLab"
author = "The PruneLab authors"
copyright = "2026, the PruneLab authors"
release = __version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
nb_execution_mode = "off"  # make notebooks does it
suppress_warnings = [  # a figure of plotly's has a picture beside it; text has neither
    "mystnb.unknown_mime_type",
    "mystnb.mime_priority",
]
myst_heading_anchors = 3
autodoc_typehints = "description"
autodoc_member_order = "bysource"
html_theme = "furo"
html_title = "PruneLab"
html_favicon = "../pages/ui/icon.svg"
html_theme_options = {"source_repository": "", "top_of_page_buttons": []}
html_show_copyright = False


def setup(app: Any) -> None:
    """Write the reference first, and bring the notebooks."""
    app.connect("builder-inited", lambda _: reference.write(HERE / "reference"))
    app.connect("builder-inited", lambda _: reference.notebooks(HERE / "notebooks"))
