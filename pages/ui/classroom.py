"""The room of a class: one code in the link, chosen in the sidebar."""

from __future__ import annotations

import streamlit as st

from prunelab import classroom
from prunelab.speech import _


def code(about: str) -> str:
    """The code of the classroom one is in; "" where one is alone."""
    told = st.text_input(
        _("Room"), key="room", bind="query-params", max_chars=12, placeholder=_("alone"), help=about
    )
    asked = (told or "").lower()
    if not asked:
        st.button(_("Open a room"), key="open", on_click=_open, icon=":material/groups:")
        return ""
    if not classroom.is_code(asked):
        st.caption(_("The code of a room is 4 to 12 letters and digits."))
        return ""
    return asked


def _open() -> None:
    st.session_state["room"] = classroom.new_code()
