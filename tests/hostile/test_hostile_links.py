"""Links that mean harm: every page opens all the same, and shows none of it as markup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui import shell

LINK = {
    "run": "r" * 2**20,
    "method": "<script>alert(1)</script>",
    "model": "../../etc/passwd",
    "data": "\u202etxt",
    "sparsity": "-5",
    "seed": "9" * 40,
    "seeds": "1000000",
    "epochs": "1e9",
    "lr": "nan",
    "weights": "../x.safetensors",
    "file": "/etc/passwd",
    "preset": "${jndi:ldap://x}",
    "view": "<img src=x>",
    "evil": "1" * 2**20,
}


@pytest.mark.parametrize("page", shell.TITLES)
def test_no_page_is_broken_by_a_link(page: str, home: Path) -> None:
    app = AppTest.from_file(str(shell.PAGES / f"{page}.py"), default_timeout=120)
    app.session_state["_booted"] = True
    for name, value in LINK.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    assert len(app.title) == 1
    texts: list[Any] = [*app.markdown, *app.caption, *app.warning, *app.error, *app.title]
    assert not [t.value for t in texts if "<script>" in t.value and "\\<script" not in t.value]
    assert not [t.value for t in texts if "<img" in t.value and "\\<img" not in t.value]
