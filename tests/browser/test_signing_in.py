"""Signing in by OpenID Connect, with a provider made here: people see their own runs alone."""

from __future__ import annotations

import hashlib
import re

import pytest
from driving import accessible, free_port, ready, serve, shot, visit
from playwright.sync_api import expect
from provider import CLIENT, Provider

from prunelab.space import Space
from prunelab.spec import RunSpec

pytest.importorskip("authlib", reason="signing in needs pip install 'prunelab[signin]'")
pytest.importorskip("httpx", reason="signing in needs pip install 'prunelab[signin]'")


@pytest.fixture(scope="module")
def provider():
    made = Provider(["Ann <b>", "Bob"])
    yield made
    made.close()


@pytest.fixture(scope="module")
def signing(tmp_path_factory, provider, furnish):
    """The app with an [auth] section: nobody sees anything before signing in."""
    home, port = furnish(tmp_path_factory.mktemp("signing")), free_port()
    secrets = home / "secrets.toml"
    secrets.write_text(
        f'[auth]\nredirect_uri = "http://127.0.0.1:{port}/oauth2callback"\n'
        f'cookie_secret = "of-this-test-alone-{port}"\n'
        f'client_id = "{CLIENT}"\nclient_secret = "whispered"\n'
        f'server_metadata_url = "{provider.url}/.well-known/openid-configuration"\n'
    )
    extra = {"PRUNELAB_SHARED": "", "STREAMLIT_SECRETS_FILES": str(secrets)}
    extra |= {"STREAMLIT_LOGGER_LEVEL": "error"}  # a refused token is a warning with its traceback
    with serve(home, extra, port) as running:
        yield running


def headline(page):
    return page.get_by_role("heading", level=1)


def asked(page):
    expect(headline(page)).to_have_text("Sign in to use PruneLab")


def sign_in(page, person):
    page.goto("/runs")
    asked(page)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=person).click()
    page.wait_for_url(re.compile("127.0.0.1:[0-9]+/$"), wait_until="commit")
    page.goto("/runs")
    ready(page)


def test_people_sign_in_see_their_own_runs_and_sign_out(browser, signing, provider):
    # Whoever the provider calls this, whichever browser is used.
    ann = hashlib.sha256(f"{provider.url} Ann <b>".encode()).hexdigest()[:32]
    Space(signing.store, ann).submit(RunSpec())
    with visit(browser, signing, "ann") as page:
        sign_in(page, "Ann")
        expect(page.get_by_text("Choose rows to open")).to_be_visible()
        expect(page.get_by_test_id("stTopNav").get_by_text("Ann <b>").first).to_be_attached()
        page.goto("/account")
        expect(headline(page)).to_have_text("Signed in as Ann <b>")
        shot(page, "account-1440-light")
        accessible(page)
        page.get_by_role("button", name="Sign out").click()
        asked(page)
        accessible(page)
    with visit(browser, signing, "bob", 800, "dark") as page:
        sign_in(page, "Bob")
        expect(page.get_by_text("No runs yet")).to_be_visible()


def test_a_token_that_somebody_else_signed_and_a_made_up_answer_let_nobody_in(
    browser, signing, provider
):
    provider.forged = True
    with visit(browser, signing, "forged") as page:
        sign_in(page, "Bob")
        asked(page)
        page.goto("/oauth2callback?code=guessed&state=guessed")
        page.goto("/runs")
        asked(page)
