"""The numbers of every figure against numbers worked out by hand."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from example_run import network_events, result, tree_arrays

from prunelab import figures
from prunelab.events import Pruned, Result, Warned, fold
from prunelab.figures import by_layer, cost, look, matrix, means, trees
from prunelab.figures.classes import confusion_numbers
from prunelab.figures.curves import curve_numbers
from prunelab.figures.histograms import bins
from prunelab.spec import RunSpec

THEMES = ("light", "dark")


def spec(method="magnitude", sparsity=0.9, seed=0, **more):
    return RunSpec(method=method, sparsity=sparsity, seed=seed, **more)


@pytest.fixture(scope="module")
def run():
    return result()


@pytest.mark.parametrize("theme", THEMES)
def test_every_figure_names_its_finding_its_axes_and_its_numbers(run, theme):
    draw = {
        "one layer": lambda: figures.histogram(run, layer="fc1", theme=theme),
        "all layers": lambda: figures.histogram(run, theme=theme),
        "scores": lambda: figures.histogram(run, quantity="scores", theme=theme),
        "heatmap": lambda: figures.heatmap(run, theme=theme),
        "layers": lambda: figures.layers(run, theme=theme),
        "tradeoff": lambda: figures.tradeoff([run], theme=theme),
        "curve": lambda: figures.curve(run, theme=theme),
        "confusion": lambda: figures.confusion(run, theme=theme),
        "size": lambda: figures.size(run, theme=theme),
        "macs": lambda: figures.macs(run, theme=theme),
        "latency": lambda: figures.latency(run, theme=theme),
        "weights": lambda: figures.weights("fc1", np.eye(4), np.eye(4), theme=theme),
        "tree": lambda: figures.tree(tree_arrays(), theme=theme),
    }
    for name, make in draw.items():
        picture = make()
        assert picture.figure.layout.title.text == picture.title, name
        assert picture.title in picture.alt, name
        assert len(picture.table), name
        assert picture.figure.layout.yaxis.tickfont.color == look.PALETTES[theme].muted, name
        assert picture.figure.to_json(), name


def test_the_histogram_counts_what_was_cut_and_rescales_what_came_after(run):
    fc1 = bins(run)[0]
    assert (fc1.units, sum(fc1.kept)) == (320, 32)
    assert fc1.removed == pytest.approx(0.9)
    assert fc1.x == pytest.approx([-0.375, -0.125, 0.125, 0.375])
    assert fc1.threshold == 0.25
    assert fc1.after == pytest.approx([8, 0, 0, 8])  # bins twice as wide: half as high
    title = figures.histogram(run, layer="fc1").title.replace(look.SPACE, " ")
    assert title == "fc1: 90 % of 320 weights gone, the cut is at |w| = 0.25"


def test_the_histogram_is_there_before_anything_is_pruned():
    early = fold(network_events()[:2])
    picture = figures.histogram(early)
    assert picture.title == "Altogether: 360 weights before pruning"
    assert not picture.table["removed"].any()


def test_removed_weights_are_a_trace_of_their_own(run):
    named = {t.name: t for t in figures.histogram(run, layer="fc1").figure.data}
    assert list(named) == ["kept", "removed", "after recovery"]
    assert sum(named["removed"].y) == 288
    lines = [s.x0 for s in figures.histogram(run, layer="fc1").figure.layout.shapes]
    assert lines == [-0.25, 0.25]


def test_a_threshold_in_logarithms_cuts_the_weights_where_it_should():
    run = result()
    scores = run.histograms["scores pruned"]
    rows = [{**row, "threshold": -2.0} for row in scores.layers]
    logged = replace(scores, label="log10 |w|", layers=rows)
    run = replace(run, histograms={**run.histograms, "scores pruned": logged})
    assert bins(run)[0].threshold == pytest.approx(0.01)
    other = replace(scores, label="saliency")
    run = replace(run, histograms={**run.histograms, "scores pruned": other})
    assert bins(run)[0].threshold is None


def test_a_histogram_says_what_is_missing(run):
    with pytest.raises(ValueError, match="no histogram of its weights yet"):
        bins(Result())
    with pytest.raises(ValueError, match="layer must be one of fc1, fc2, got 'fc9'"):
        figures.histogram(run, layer="fc9")


def test_the_heat_map_is_fixed_to_0_and_1_and_takes_clicks(run):
    picture = figures.heatmap(run)
    cells, overlay = picture.figure.data
    assert (cells.zmin, cells.zmax) == (0, 1)
    assert cells.colorscale[0][1] == look.PALETTES["light"].kept[0]
    assert overlay.customdata[0][0] == "fc1"
    assert overlay.marker.opacity == 0
    assert by_layer.grid(run).moments == ["1", "2", "3", "4"]
    assert by_layer.grid(run).sparsity[0] == [0, 0, 0.9, 0.9]


def test_rounds_stand_in_where_no_epoch_tells_its_layers():
    events = [e for e in network_events() if type(e).__name__ not in ("Epoch", "Histogram")]
    grid = by_layer.grid(fold(events))
    assert (grid.along, grid.moments) == ("round", ["dense", "1"])
    assert grid.sparsity == [pytest.approx([0, 0.9]), pytest.approx([0, 0.8])]
    with pytest.raises(ValueError, match="Nothing was pruned yet"):
        by_layer.grid(Result())


def test_a_level_of_a_tree_that_is_gone_cuts_nothing_through():
    layers = [{"name": f"depth {d}", "units": 2, "kept": k} for d, k in enumerate((2, 1, 0))]
    mask = Pruned(round=1, rounds=1, asked=0.5, kept=3, of=6, layers=layers)
    picture = figures.heatmap(Result(unit="splits", masks=(mask,)))
    assert picture.title == "The tree was 3 splits deep, 2 are left"
    assert not picture.figure.layout.shapes


def test_a_collapsed_layer_is_told_in_words_and_outlined():
    events = [e for e in network_events(kept=(40, 0)) if type(e).__name__ != "Epoch"]
    picture = figures.heatmap(fold(events))
    assert picture.title == "fc2 lost everything: no signal can pass"
    assert picture.figure.layout.shapes[0].line.width == 3
    assert "✕ 100\u00a0%" in np.ravel(picture.figure.data[0].text)


def test_the_layer_table_adds_up(run):
    table = figures.layer_table(run)
    assert list(table["kept"]) == [32, 8]
    assert list(table["removed"]) == [288, 32]
    assert list(table["shape"]) == ["40 × 8", "10 × 4"]
    assert figures.layers(run).title == "40 of 360 weights remain"


def scored(accuracy, **fields):
    run = result(spec(**fields))
    return replace(run, recovered={**run.recovered, "accuracy": accuracy})


def test_a_line_is_the_mean_of_its_seeds_and_the_band_their_deviation():
    runs = [scored(a, seed=s) for s, a in enumerate((0.8, 0.9, 1.0))]
    (line,) = means.lines(means.points(runs))
    assert line.mean == [pytest.approx(0.9)]
    assert line.spread == [pytest.approx(0.1)]
    picture = figures.tradeoff(runs)
    assert "sd of 3 seeds" in str(picture.figure.layout.annotations)
    assert picture.table["sd"][0] == pytest.approx(0.1)


def test_one_seed_has_no_band_and_says_so():
    picture = figures.tradeoff([scored(0.8), scored(0.9, sparsity=0.5)])
    assert "one run" in str(picture.figure.layout.annotations)
    assert all(t.fill is None for t in picture.figure.data)
    assert picture.table["sd"].isna().all()


def test_the_tradeoff_names_the_gap_at_the_highest_common_sparsity():
    runs = [
        scored(0.99, sparsity=0.5),
        scored(0.9, sparsity=0.8),
        scored(0.7, sparsity=0.8, method="random"),
        scored(0.2, sparsity=0.95),
    ]
    picture = figures.tradeoff(runs)
    words = picture.title.replace(look.SPACE, " ")
    assert words == "At 80 % sparsity magnitude is 20.0 points above random"
    dashes = {t.name: t.line.dash for t in picture.figure.data if t.mode == "lines"}
    assert dashes["random"] == "dash"
    assert dashes["magnitude"] != "dash"


def test_settings_that_differ_make_two_lines_of_one_method():
    runs = [scored(0.9), scored(0.8, scope="uniform"), scored(0.7, knobs={"rounds": 3})]
    names = {line.series for line in means.lines(means.points(runs))}
    assert names == {"magnitude", "magnitude · uniform", "magnitude · rounds 3"}
    with pytest.raises(ValueError, match="No run has an accuracy yet"):
        figures.tradeoff([])


def test_other_data_or_models_never_share_a_mean():
    runs = [scored(0.9), scored(0.5, data="mnist", seed=1)]
    drawn = means.lines(means.points(runs))
    assert {line.series for line in drawn} == {"magnitude · digits", "magnitude · mnist"}
    assert all(line.seeds == [1] for line in drawn)
    assert "different models or data" in figures.tradeoff(runs).title


def test_the_dense_band_is_drawn_only_where_all_runs_share_it():
    one, other = scored(0.9, epochs=5), scored(0.8)
    shared = figures.tradeoff([one]).figure.layout.annotations
    assert any("dense" in a.text for a in shared)
    other = replace(other, dense={**other.dense, "accuracy": 0.5})
    mixed = figures.tradeoff([one, other]).figure.layout.annotations
    assert not any(a.text.startswith("dense") for a in mixed)


def test_the_log_axis_counts_what_is_kept():
    figure = figures.tradeoff([scored(0.9)], log=True).figure
    assert figure.layout.xaxis.type == "log"
    assert figure.data[-1].x[0] == pytest.approx(40 / 360)


def test_a_method_keeps_its_colour_in_any_company():
    alone = look.strokes(["magnitude"], "light")["magnitude"]
    many = look.strokes(["magnitude", "gradual-magnitude", "random", "snip"], "light")
    assert many["magnitude"].colour == alone.colour
    drawn = look.strokes([f"m{i}" for i in range(12)], "light").values()
    assert len({(s.colour, s.dash) for s in drawn}) == 12


def test_the_curve_counts_epochs_through_all_phases(run):
    found = curve_numbers(run)
    assert found.epoch == [1, 2, 3, 4]
    assert found.phases == [("dense", 1), ("recover", 3)]
    options = figures.live(run)
    assert options["series"][0]["data"] == [[1, 50.0], [2, 90.0], [3, 70.0], [4, 85.0]]
    assert options["series"][0]["markLine"]["data"] == [{"xAxis": 2.5, "name": "recover"}]
    assert figures.curve(Result()).title == "The first epoch is on its way"


def test_the_confusion_names_who_pays(run):
    found = confusion_numbers(run)
    assert found.recall(found.before).tolist() == [1.0, 1.0]
    assert found.recall(found.after) == pytest.approx([1.0, 0.9])
    title = figures.confusion(run, ["no", "yes"]).title.replace(look.SPACE, " ")
    assert title == "Class yes pays most: 100.0 → 90.0 % right"
    with pytest.raises(ValueError, match="come with the test"):
        confusion_numbers(Result())


def test_sizes_say_that_zeros_take_space(run):
    found = cost.size_numbers(run)
    assert found.names == ["as saved", "zipped", "sparse rows (CSR)"]
    assert found.after == [1600, 400, 500]
    assert figures.size(run).title.replace(look.SPACE, " ") == (
        "Zeros take space: 1.6 kB as saved, 400 B zipped"
    )
    shrunk = {**run.recovered["bytes"], "shrunk": 900}
    real = replace(run, recovered={**run.recovered, "bytes": shrunk})
    assert (
        figures.size(real).title == f"Removed for real: 1.6{look.SPACE}kB became 900{look.SPACE}B"
    )
    assert figures.macs(run).title.startswith("No multiply-add is saved")


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.4, 0.6, "2.00 times as fast, timed"),
        (0.9, 1.2, "No difference in time that can be measured"),
        (1.5, 1.7, "1.60 times as slow, timed"),
    ],
)
def test_only_intervals_apart_make_a_difference_in_time(run, low, high, verdict):
    median = {0.4: 0.5, 0.9: 1.0, 1.5: 1.6}[low]
    timed = {**run.recovered["latency_ms"], "median": median, "low": low, "high": high}
    other = replace(run, recovered={**run.recovered, "latency_ms": timed})
    assert cost.time_numbers(other).verdict == verdict


@pytest.mark.parametrize("draw", [cost.size, cost.macs, cost.latency])
def test_costs_that_were_not_measured_are_not_drawn(draw):
    with pytest.raises(ValueError, match="at the end of a run"):
        draw(Result())


def test_a_cell_shows_the_strongest_weight_of_its_block_that_stays():
    weight = np.zeros((512, 256), np.float32)
    weight[0, 0], weight[1, 0], weight[2, 5] = -3.0, 2.0, 9.0
    mask = np.ones_like(weight, bool)
    mask[2:4, 5] = False
    found = matrix.image(weight, mask)
    assert found.values.shape == (256, 256)
    assert found.values[0, 0] == -3.0
    assert np.isnan(found.values[1, 5])
    assert found.kept == weight.size - 2


def test_a_mask_of_filters_covers_their_kernels():
    found = matrix.image(np.ones((4, 2, 3, 3)), np.array([1, 0, 1, 1]))
    assert found.values.shape == (4, 18)
    assert np.isnan(found.values[1]).all()
    with pytest.raises(ValueError, match="The mask must have 72 or 4 units, got 5"):
        matrix.image(np.ones((4, 2, 3, 3)), np.ones(5))


def test_an_odd_shape_is_padded_without_inventing_weights():
    found = matrix.image(np.full((257, 3), -1.0))
    assert found.values.shape == (129, 3)
    assert (found.values == -1).all()
    assert found.kept == 257 * 3


def test_a_cut_branch_is_faded_and_its_split_becomes_a_leaf():
    found = trees.nodes(tree_arrays())
    assert found.kept.tolist() == [True, True, True, True, True, False, False]
    assert found.leaf.tolist() == [False, False, True, True, True, False, False]
    assert found.x.tolist() == [1.5, 0.5, 0, 1, 2.5, 2, 3]
    picture = figures.tree(tree_arrays(), ("length", "width"))
    assert picture.title == "5 of 7 nodes stay: 3 leaves, 2 deep"
    assert picture.table["says"][0] == "length ≤ 0.5, 100 examples, class 0 (50%)"
    whole = figures.tree(tree_arrays(), before=True)
    assert whole.title == "The whole tree: 7 nodes, 4 leaves, 2 deep"


def test_a_node_cannot_stay_without_its_parent():
    arrays = tree_arrays()
    arrays["kept"] = np.array([1, 0, 1, 1, 1, 1, 1], bool)
    assert trees.nodes(arrays).kept.tolist() == [True, False, False, False, True, True, True]


def test_figures_import_neither_torch_nor_the_app():
    code = (
        "import sys, prunelab.figures; "
        "print({'torch', 'sklearn', 'streamlit', 'plotly.express'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_warning_does_not_disturb_the_figures():
    run = fold([*network_events(), Warned(message="careful")])
    assert figures.histogram(run, layer="fc1").table["kept"].sum() == 32
