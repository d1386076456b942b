"""A language model in a browser: chosen, pruned, ranked step by step, and listened to."""

from __future__ import annotations

import re

from driving import ready, shot
from playwright.sync_api import expect


def test_a_language_model_is_pruned_ranked_and_heard(page):
    page.goto("/language?lm=Pocket&method=llm-rank&remove=45")
    ready(page)
    heading = page.get_by_role("heading", level=1)
    page.get_by_test_id("stSidebar").get_by_role("button", name=re.compile(r"\bRun$")).click()
    expect(heading).to_contain_text("of the neurons gone, perplexity", timeout=120_000)
    expect(page.get_by_text("Top 5 as before")).to_be_visible()
    expect(page.get_by_text(re.compile(r"llm-rank: perplexity .* removed"))).to_be_visible()
    page.get_by_role("tab", name="Neurons").click()
    expect(page.get_by_text(re.compile("of the neurons stay in every block"))).to_be_visible(
        timeout=120_000
    )
    shot(page, "language-neurons-1440-light")
    page.get_by_role("tab", name="PageRank").click()
    rank = page.locator("figure.rank")
    for said in ("what arrives", "handing on", "adding up", "how active", "the lowest go"):
        expect(rank.locator(".said")).to_contain_text(said)
        rank.get_by_role("button", name="One step on").click()
    expect(rank.locator(".said")).to_contain_text("Block 1, what arrives")
    page.get_by_role("tab", name="What it says").click()
    expect(page.get_by_text(re.compile("They part a|Both say the same"))).to_be_visible(
        timeout=120_000
    )
    for name in ("Dense", "Pruned"):
        expect(page.get_by_text(name, exact=True)).to_be_visible()
    shot(page, "language-heard-1440-light")
