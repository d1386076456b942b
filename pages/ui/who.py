"""Who looks at the app: somebody who signed in, or a browser that keeps a secret of its own."""

from __future__ import annotations

import hashlib
import re
import secrets
from pathlib import Path
from typing import Any

import streamlit as st

COOKIE = "prunelab"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SECRET = re.compile(r"[0-9a-f]{32}")
_SHARED = "_shared"
_keep = st.components.v2.component(
    "prunelab_who",
    html="<span hidden></span>",
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
)


def signs_in() -> bool:
    """Whether this app wants its users to sign in: ``secrets.toml`` has a section [auth]."""
    return "is_logged_in" in st.user


def known() -> bool:
    """Whether the app may be used by whoever looks at it."""
    return not signs_in() or bool(st.user.is_logged_in)


def name() -> str:
    """What a user who signed in is called; "" for a browser."""
    told = [st.user.get(field) for field in ("name", "email", "sub")] if signs_in() else []
    return next((str(value) for value in told if value), "")


def owner() -> str:
    """The owner of what is run here; a hash, so that the store holds no secret and no address.

    The identity provider and its own name for the user tell who signed in: an address can be given
    to somebody else.
    """
    if signs_in():
        told = f"{st.user.get('iss')} {st.user['sub']}"
        return hashlib.sha256(told.encode()).hexdigest()[:32]
    return hashlib.sha256(_secret().encode()).hexdigest()[:32]


def local() -> bool:
    """Whether the machine's own user sits there: nobody else can reach the app."""
    forwarded = any(name in _headers() for name in ("X-Forwarded-For", "Forwarded"))
    return st.get_option("server.address") in LOOPBACK and not forwarded and not signs_in()


def shared() -> bool:
    """Whether the user chose the shared space."""
    return bool(st.session_state.get(_SHARED))


def share(on: bool) -> None:
    """Choose the shared space, or the own one."""
    st.session_state[_SHARED] = on


def keep() -> None:
    """Have the browser keep its secret, so that it finds its runs again."""
    if not signs_in() and COOKIE not in _cookies():
        with st.container(key="unseen"):
            _keep(data={"name": COOKIE, "value": _secret()}, key="who", height=1)


def _secret() -> str:
    found = str(_cookies().get(COOKIE, ""))
    if _SECRET.fullmatch(found):
        return found
    made: str = st.session_state.setdefault("_secret", secrets.token_hex(16))
    return made


def _cookies() -> Any:
    return st.context.cookies


def _headers() -> Any:
    return st.context.headers
