"""What a person does with the app, from the first click to the copied link."""

from __future__ import annotations

import json
import re

import pytest
from driving import accessible, ready, seen_in, serve, shot, visit
from playwright.sync_api import expect

from prunelab.figures.look import PALETTES
from prunelab.spec import RunSpec

# Short, yet long enough to be watched: the first run also starts the engine.
SPEC = RunSpec(epochs=6, recover_epochs=3)
LONG = RunSpec(epochs=900, seed=1, batch_size=8)
WHY = "lab?run=example&view=Layers&unit=fc1.12.30"
CARD = "methods?find-methods=snip&how-open-snip=true"
PAGES = (
    *("", "lab", "lab?run=example", "forecast", "schedules", "sweep", "compare", "runs"),
    *("scissors", "predict", "predict?room=axe1"),
    *("language", "language?view=PageRank", "language?view=What+it+says"),
    *("lessons", "lessons?lesson=trees"),
    *("museum", "museum?exhibit=raw_scores", "xray", "resurrection"),
    *("balance", "breakeven", "breakeven?guess=90"),
    *("methods", CARD),
    *("trees", "trees?view=All+rules", "trees?view=Forests", "trees?view=Trees+beside+nets"),
    *("structure", "structure?view=Feature+maps", "structure?view=Filters+that+go"),
    *("training", "training?view=Topology", "training?method=movement&view=Movement"),
    *("training?method=l0&view=Gates", "lottery"),
    *("data", "data?run=example-data", "data?run=example-data&view=Map", "both"),
)


def headline(page):
    return page.get_by_role("heading", level=1)


def run_button(page):
    return page.get_by_test_id("stSidebar").get_by_role("button", name=re.compile(r"\bRun$"))


@pytest.fixture(scope="session")
def finished(browser, server):
    """The main story, told once: three clicks from Home to a run and why; the key of the run."""
    with visit(browser, server, "main-story") as page:
        page.goto("/home")
        ready(page)
        expect(page.get_by_role("dialog")).to_have_count(0)  # the address of the first page, too
        page.get_by_test_id("stMain").get_by_role("button", name="Prune a model").click()
        expect(headline(page)).to_have_text("Choose on the left, press Run")
        page.get_by_text("More settings").click()
        for label, value in (("Epochs", 6), ("Epochs of recovery", 3)):
            field = page.get_by_label(label, exact=True)
            field.fill(str(value))
            field.press("Enter")
            ready(page)
        run_button(page).click()
        expect(page.get_by_role("button", name="Cancel")).to_be_visible()
        expect(page).to_have_url(re.compile(f"run={SPEC.key}"))
        page.reload()
        expect(headline(page)).to_contain_text("of the weights gone, accuracy", timeout=120_000)
        page.get_by_role("button", name="Why was a weight cut?").click()  # the third that leads on
        expect(page.get_by_text(re.compile("^Why does fc1.* go"))).to_be_visible(timeout=120_000)
    return SPEC.key


def test_an_address_that_leads_nowhere_says_so(page):
    page.goto("/")  # Streamlit answers the very first visit of a server before app.py does
    ready(page)
    page.goto("/nowhere-at-all?run=x")
    expect(headline(page)).to_have_text("There is no page “nowhere-at-all”")
    ready(page)
    expect(page.get_by_role("dialog")).to_have_count(0)
    shot(page, "nowhere")
    page.get_by_test_id("stMain").get_by_role("link", name="Runs").click()
    expect(headline(page)).not_to_contain_text("nowhere")
    expect(page).to_have_url(re.compile("/runs$"))


def test_the_headline_and_the_metrics_are_those_of_the_store(finished, page, server):
    result = server.store.result(finished)
    page.goto(f"/lab?run={finished}")
    ready(page)
    before, after = (100 * s["accuracy"] for s in (result.dense, result.recovered))
    words = f"{before:.1f} → {after:.1f}" if f"{before:.1f}" != f"{after:.1f}" else f"{after:.1f}"
    expect(headline(page)).to_contain_text(words)
    kept = sum(row["kept"] for row in result.layers)
    expect(page.get_by_test_id("stMetricValue").nth(2)).to_have_text(f"{kept:,} left")


def test_the_histogram_draws_the_counts_of_the_store(finished, page, server):
    rows = server.store.result(finished).histograms["weights pruned"].layers
    page.goto(f"/lab?run={finished}&layer=fc2")
    ready(page)
    expect(page.locator(".js-plotly-plot")).to_be_visible()
    drawn = page.evaluate(
        "[...document.querySelector('.js-plotly-plot').data].map(t => [t.name, [...t.y]])"
    )
    counts = {name: sum(values) for name, values in drawn}
    fc2 = next(row for row in rows if row["name"] == "fc2")
    assert counts["kept"] == sum(fc2["kept"])
    assert counts["removed"] == sum(fc2["counts"]) - sum(fc2["kept"])


def test_a_link_restores_the_controls_and_the_open_view(finished, page):
    page.goto(f"/lab?run={finished}&view=Layers")
    ready(page)
    expect(page.get_by_role("tab", name="Layers")).to_have_attribute("aria-selected", "true")
    page.get_by_text("More settings").click()
    expect(page.get_by_label("Epochs", exact=True)).to_have_value("6")
    page.get_by_role("tab", name="Confusion").click()
    expect(page.get_by_text("predicted").first).to_be_attached()
    expect(page).to_have_url(re.compile("view=Confusion"))


def test_a_cold_server_below_a_path_keeps_the_first_click(browser, tmp_path):
    below = {"STREAMLIT_SERVER_BASE_URL_PATH": "lab/prune"}
    with serve(tmp_path, below) as cold, visit(browser, cold, "cold") as page:
        page.goto(f"{cold.url}/lab?run=example")
        page.get_by_role("tab", name="Confusion").click()
        expect(page).to_have_url(re.compile("view=Confusion"))
        expect(page.get_by_role("link", name="Lab")).to_be_visible()


def test_the_picture_on_the_first_page_follows_the_hand(page):
    page.goto("/")
    ready(page)
    slider = page.get_by_label("Share of weights removed, in tenths of a percent")
    slider.fill("500")
    expect(page.get_by_text("50 % of the weights gone")).to_be_visible()


def test_a_sweep_comes_back_from_its_link(page):
    page.goto("/sweep?sparsities=30&sparsities=99&seeds=1&methods=gradual-magnitude")
    ready(page)
    expect(page.get_by_role("button", name=re.compile("Start 4 runs"))).to_be_visible()


def test_a_click_on_a_layer_opens_its_weights(finished, page):
    page.goto(f"/lab?run={finished}&view=Layers")
    ready(page)
    cell = page.locator(".js-plotly-plot .points path").nth(9)  # the first of the second layer
    expect(cell).to_be_attached()
    box = cell.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.get_by_text(re.compile(r"fc2: [\d,]+ of 30,000 weights remain"))).to_be_visible()


def test_the_downloaded_json_is_the_run(finished, page, server):
    page.goto(f"/lab?run={finished}&view=Details")
    ready(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="run.json").click()
    told = json.loads(download.value.path().read_text())
    assert told["key"] == finished
    assert told["recovered"]["accuracy"] == server.store.result(finished).recovered["accuracy"]


def test_a_run_can_be_watched_and_cancelled(page, server):
    page.goto(f"/lab?epochs={LONG.epochs}&seed={LONG.seed}&batch_size={LONG.batch_size}")
    ready(page)
    run_button(page).click()
    expect(page.get_by_text(re.compile("epoch [2-9] of 900|epoch [0-9]{2,} of 900"))).to_be_visible(
        timeout=120_000
    )
    bar = page.get_by_role("progressbar").first
    first = float(bar.get_attribute("aria-valuenow") or 0)
    expect(page.locator("[data-testid=stEChartsChart] canvas, canvas").first).to_be_visible()
    expect(bar).not_to_have_attribute("aria-valuenow", f"{first:g}")
    shot(page, "running-1440-light")
    page.get_by_role("button", name="Cancel").click()
    expect(headline(page)).to_have_text("Cancelled before the end")
    assert server.store.state(LONG.key) == "cancelled"


def test_a_card_works_its_method_through(page):
    page.goto("/methods?find-methods=synflow")
    ready(page)
    page.get_by_text("How it works").click()
    finding = page.get_by_text(re.compile(r"synflow keeps \d+ of the 16 weights of this layer"))
    expect(finding).to_be_visible(timeout=120_000)
    expect(page.get_by_text("Sparsity 0.5 removes ⌊0.5 · 28 + ½⌋ = 14 of 28")).to_be_visible()


def test_a_forecast_is_made_and_a_run_follows_from_it(page):
    page.goto("/forecast?model=mlp&training=Quick")
    ready(page)
    page.get_by_role("button", name="Forecast", exact=True).click()
    expect(headline(page)).to_contain_text("breaks", timeout=120_000)
    before = headline(page).inner_text()
    page.get_by_role("radio", name="Layer-wise").click()
    expect(headline(page)).not_to_have_text(before)
    expect(page.get_by_text(re.compile("At 98.% sparsity"))).to_be_visible()
    ready(page)
    shot(page, "forecast-done-1440-light")
    page.get_by_role("button", name="Run snip").click()
    expect(page).to_have_url(re.compile("run=digits-mlp-snip-98"))
    page.get_by_text("More settings").click()
    for label, value in (("Scope", "uniform"), ("Model", "mlp"), ("Method", "snip")):
        expect(page.get_by_role("combobox", name=label)).to_have_value(value)


def test_when_to_prune_fills_as_its_runs_end(page, server):
    page.goto("/schedules?model=mlp&training=Quick&seeds=1&ways=at once&moments=0&moments=50")
    ready(page)
    expect(page.get_by_text("Each line begins to prune at another moment")).to_be_visible()
    page.get_by_role("button", name="Start 2 runs").click()
    expect(page.get_by_text("All runs are there")).to_be_visible(timeout=240_000)
    expect(page.get_by_text(re.compile("points above"))).to_be_visible()
    assert server.store.count(state="finished", method="gradual-magnitude", model="mlp") == 2


def test_a_dead_link_says_what_to_do(page):
    page.goto("/lab?run=nobody-knows&seed=77")
    ready(page)
    expect(headline(page)).to_have_text("This run is not here")


def test_a_sweep_grows_from_one_form(page, server):
    page.goto("/sweep?training=Quick&seeds=1&model=mlp")
    ready(page)
    before = server.store.count(state="finished", model="mlp")
    page.get_by_role("button", name=re.compile("Start 8 runs")).click()
    expect(page.get_by_text("All runs are there")).to_be_visible(timeout=240_000)
    expect(page.get_by_text(re.compile("points above"))).to_be_visible(timeout=120_000)
    assert server.store.count(state="finished", model="mlp") == before + 8
    shot(page, "sweep-done-1440-light")


def test_a_run_is_deleted_only_after_asking(page, server):
    spec = RunSpec(seed=1234)
    store = server.store
    store.submit(spec)
    store.request_cancel(spec.key)
    page.goto("/runs?only-state=cancelled")
    ready(page)
    page.mouse.click(*_first_row(page))
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("cannot be undone")
    before = store.count()
    dialog.get_by_role("button", name="Delete for good").click()
    expect(dialog).to_be_hidden()
    assert store.count() == before - 1


def _first_row(page):
    table = page.get_by_test_id("stDataFrame")
    expect(table).to_be_visible()
    box = table.bounding_box()
    return box["x"] + 18, box["y"] + 52


@pytest.mark.parametrize("part", range(6))  # a whole walk comes near the time limit of a test
def test_every_page_fits_its_window_and_is_accessible(browser, server, part, finished):
    """Each page is opened once, made smaller, then seen in the other theme: dark first for some."""
    views = (f"lab?run={finished}&view=Trade-off", WHY)
    themes = ("light", "dark")
    with visit(browser, server, f"all-{part}", 1440, themes[0]) as page:
        for address in (*PAGES, *views)[part::6]:
            page.set_viewport_size({"width": 1440, "height": 900})
            page.goto(f"/{address}")
            name = re.sub(r"\W+", "-", address.replace(finished, "run")) or "home"
            for theme in themes:
                page.emulate_media(color_scheme=theme)
                for width in (1440, 800):
                    page.set_viewport_size({"width": width, "height": 900})
                    seen_in(page, theme)
                    fits(page)
                    shot(page, f"{name}-{width}-{theme}")
                    accessible(page)
            themes = themes[::-1]  # the next is opened in the theme that is on


def fits(page):
    expect(headline(page)).to_have_count(1)
    wide = page.get_by_test_id("stMain").evaluate("m => m.scrollWidth - m.clientWidth")
    assert wide <= 0, f"{page.url} is {wide} px too wide at {page.viewport_size}"


@pytest.mark.parametrize("theme", ["Dark", "Light"])
def test_the_figures_of_an_open_page_follow_its_theme(browser, server, theme):
    before, after = ("light", "dark") if theme == "Dark" else ("dark", "light")
    with visit(browser, server, f"turned-{after}", theme=before) as page:
        page.goto("/lab?run=example&view=Layers")
        seen_in(page, before)
        chart = page.locator(".js-plotly-plot .xtick text").first
        expect(chart).to_have_css("fill", rgb(PALETTES[before].muted))
        page.get_by_test_id("stMainMenu").get_by_role("button").click()
        page.get_by_role("menuitemradio", name=theme).click()
        expect(chart).to_have_css("fill", rgb(PALETTES[after].muted))
        seen_in(page, after)
        shot(page, f"turned-1440-{after}")


def rgb(colour):
    return "rgb({}, {}, {})".format(*bytes.fromhex(colour[1:]))
