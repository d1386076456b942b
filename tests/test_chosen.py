"""What a run writes down about its examples, and the figures and files made of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from prunelab import figures
from prunelab.events import fold
from prunelab.experiment import run
from prunelab.figures.chosen import Chosen, chosen, rows_of
from prunelab.figures.gallery import chosen_rows
from prunelab.figures.learned import work_numbers
from prunelab.job import prepare
from prunelab.notebook import Run
from prunelab.rating import record as written
from prunelab.rating.record import record
from prunelab.rating.watching import chances
from prunelab.spec import RunSpec

SPEC = RunSpec(
    method="aum", model="mlp", sparsity=0.6, epochs=5, knobs={"runs": 1}, data_knobs={"flip": 0.2}
)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A run on digits with wrong labels: its result and its folder."""
    folder = tmp_path_factory.mktemp("chosen")
    result = fold(run(SPEC, files=folder))
    assert result.status == "finished", result.reason
    return Run(result, None, folder)


@pytest.fixture(scope="module")
def found(ran):
    return ran.examples


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The same of a table, chosen for a tree."""
    folder = tmp_path_factory.mktemp("rows")
    spec = RunSpec(method="k-center", model="decision-tree", data="breast-cancer", sparsity=0.7)
    result = fold(run(spec, files=folder))
    return Run(result, None, folder)


def test_what_is_written_is_what_the_run_did(ran, found):
    parts = prepare(SPEC).parts
    assert np.array_equal(found.row, parts.rows)
    assert np.array_equal(found.label, parts.train.y)
    assert found.kept.sum() == ran.result.masks[0].kept
    assert found.score[found.kept].min() >= found.score[~found.kept].max()
    p = chances(ran.dense, parts.train, 10)
    assert np.array_equal(found.said, p.argmax(1))
    own = p[np.arange(len(p)), parts.train.y]
    assert (found.contradicted == (found.doubt > 0)).all()
    assert np.allclose(found.doubt[found.contradicted], (p.max(1) - own)[found.contradicted])
    first = parts.train.x[found.pictured[3], 0]
    low, high = first.min(), first.max()
    assert np.abs(found.pictures[3] - 255 * (first - low) / (high - low)).max() <= 0.51


def test_rows_that_stay_are_those_of_the_source(ran, found):
    assert np.array_equal(ran.kept_indices, np.sort(found.row[found.kept]))
    assert (np.diff(ran.kept_indices) > 0).all()
    told = figures.kept_table(found)
    assert told["row"].tolist() == ran.kept_indices.tolist()
    assert told["label flipped"].sum() == found.wrong[found.kept].sum()
    every = figures.kept_table(found, every=True)
    assert len(every) == len(found.row)
    assert every["kept"].sum() == found.kept.sum()


def test_a_table_keeps_its_numbers(table):
    from sklearn.datasets import load_breast_cancer

    told = figures.kept_table(table.examples)
    source = load_breast_cancer()
    numbers = told[list(source.feature_names)].to_numpy()
    np.testing.assert_allclose(numbers, source.data[told["row"]], rtol=1e-4, atol=1e-4)
    listed = figures.rows_table(table.examples, kept=False)
    assert len(listed) == 24
    assert listed["score"].is_monotonic_increasing
    with pytest.raises(ValueError, match="rows of numbers; they are listed as a table"):
        figures.gallery(table.examples)


def test_only_so_many_pictures_and_numbers_are_kept(monkeypatch):
    parts = prepare(SPEC).parts
    monkeypatch.setattr(written, "PIXELS", 64 * 80)
    scores = {c: torch.rand(int((parts.train.y == n).sum())) for n, c in enumerate(parts.classes)}
    mask = {name: s > 0.5 for name, s in scores.items()}
    net = prepare(SPEC).build()
    few = chosen(record(net, parts, scores, mask))
    assert len(few.pictured) == len(few.pictures) == 80
    by_score = np.argsort(few.score)
    edge = np.flatnonzero(few.kept)[few.score[few.kept].argmin()]
    assert {by_score[0], by_score[-1], edge, few.doubt.argmax()} <= set(few.pictured.tolist())
    rows = prepare(replace(SPEC, data="iris")).parts
    counts = np.bincount(rows.train.y).tolist()
    scores = {c: torch.rand(n) for c, n in zip(rows.classes, counts, strict=True)}
    monkeypatch.setattr(written, "NUMBERS", 10)
    net = prepare(replace(SPEC, data="iris")).build()
    none = chosen(record(net, rows, scores, {c: s > 0 for c, s in scores.items()}))
    assert none.values.size == none.pictures.size == 0
    assert list(figures.kept_table(none).columns) == ["row", "class", "score", "label flipped"]
    assert "All examples stay" in figures.places(none).title


def test_colour_pictures_stay_coloured():
    x = np.random.default_rng(0).normal(size=(4, 3, 5, 6)).astype(np.float32)
    seen = written.pictures(x)
    assert seen.shape == (4, 5, 6, 3)
    assert seen.min() == 0
    assert seen.max() == 255


@pytest.mark.parametrize("kept", [True, False])
def test_galleries_begin_where_they_say(found, kept):
    sides = {which: chosen_rows(found, which, kept=kept) for which in ("ends", "cut")}
    for rows in sides.values():
        assert (found.kept[rows] == kept).all()
        assert len(rows) == (found.kept == kept).sum()
    of_side = found.score[found.kept == kept]
    ends, cut = (found.score[sides[which][0]] for which in ("ends", "cut"))
    assert ends == (of_side.max() if kept else of_side.min())
    assert cut == (of_side.min() if kept else of_side.max())
    doubtful = chosen_rows(found, "doubtful", kept=kept)
    assert found.contradicted[doubtful[0]]
    assert (np.diff(found.doubt[doubtful]) <= 0).all()
    one = chosen_rows(found, "ends", kept=kept, of="3")
    assert (found.label[one] == 3).all()


def test_a_gallery_draws_the_pixels_of_its_examples(found):
    drawn = figures.gallery(found, "ends")
    rows = chosen_rows(found, "ends")[:24]
    assert drawn.table["row"].tolist() == found.row[rows].tolist()
    sheet, clicks = drawn.figure.data
    assert [row for row, _ in clicks.customdata] == found.row[rows].tolist()
    first = found.pictures[list(found.pictured).index(rows[0])]
    corner = np.asarray(sheet.z)[:8, :8].astype(int)
    assert np.unique(corner[first == 0], axis=0).tolist() == [[227, 232, 238]]  # the grid's grey
    assert (corner[first == 255] == [27, 31, 36]).all()  # ink
    framed = drawn.figure.layout.shapes
    assert len(framed) == found.wrong[rows].sum() > 0
    words = [a.text for a in drawn.figure.layout.annotations]
    assert len(words) == 24
    said = [f"{found.label[r]} · says {found.said[r]}" for r in rows if found.contradicted[r]]
    assert [w for w in words if "says" in w] == said


def test_a_gallery_without_such_examples_says_so(found):
    none = found._replace(kept=np.ones_like(found.kept))
    with pytest.raises(ValueError, match="No such example of class 3 is among those that go"):
        figures.gallery(none, "doubtful", kept=False, of="3")


def test_the_histogram_counts_every_example_once(found):
    told = figures.spread(found)
    assert told.table["kept"].sum() == found.kept.sum()
    assert told.table["dropped"].sum() == (~found.kept).sum()
    assert told.table["wrong"].sum() == found.wrong.sum()
    assert "have a wrong label" in told.title
    clean = found._replace(wrong=np.zeros_like(found.wrong))
    assert "of class" in figures.spread(clean).title
    even = clean._replace(kept=np.arange(len(found.row)) % 2 == 0, label=clean.label * 0)
    assert "class 0" in figures.spread(even).title
    same = clean._replace(kept=np.ones_like(found.kept))
    assert "the same share of every class" in figures.spread(same).title


def test_the_map_tells_the_core_from_the_rim(found):
    angle = np.linspace(0, 6, len(found.row))
    far = np.where(found.kept, 3.0, 1.0)
    place = (far * np.stack([np.cos(angle), np.sin(angle)])).T.astype(np.float32)
    one = found._replace(place=place, label=found.label * 0)
    assert "What stays lies 3.0 times as far" in figures.places(one).title
    same = one._replace(place=place / far[:, None])
    assert "as far from the middle of its class as what goes" in figures.places(same).title
    traces = {t.name: len(t.x) for t in figures.places(found).figure.data}
    assert traces["kept"] == found.kept.sum()
    assert traces["with a wrong label"] == found.wrong.sum()


def test_the_curve_of_found_labels_is_the_roc_of_scikit_learn(found):
    told = figures.finding(found)
    area = roc_auc_score(found.wrong, found.score)
    assert f"ROC-AUC {area:.3f}" in told.title
    assert told.table["found"].is_monotonic_increasing
    turned = figures.finding(found._replace(score=-found.score))
    assert f"ROC-AUC {area:.3f}" in turned.title
    assert "lowest score" in turned.title
    with pytest.raises(ValueError, match="No label of these data is known to be wrong"):
        figures.finding(found._replace(wrong=np.zeros_like(found.wrong)))


def test_the_work_is_counted(ran):
    told = work_numbers(ran.result)
    of, kept = 1077, ran.result.masks[0].kept
    assert told == (5 * of, 5 * of, 5 * kept, 5 * of)
    assert told.saved == 5 * (of - kept)
    words = figures.work(ran.result).title
    assert "Each training is 60 % shorter" in words.replace("\u00a0", " ")
    assert "paid back after 2 trainings" in words
    plan = {"fewer examples": 5, **{f"score {i}": 5 for i in range(1, 6)}}
    folds = replace(ran.result, settings={**ran.result.settings, "watch": "folds"}, plan=plan)
    assert work_numbers(folds).choosing == round(5 * 5 * of * 0.8)
    free = replace(ran.result, plan={"fewer examples": 5})
    assert "no training of its own" in figures.work(free).title
    none = replace(ran.result, layers=[{**r, "kept": r["units"]} for r in ran.result.layers])
    assert "nothing is saved" in figures.work(none).title


def test_a_tree_has_no_epochs_to_save(table):
    with pytest.raises(ValueError, match="A tree is grown at once"):
        figures.work(table.result)


def test_accuracy_against_the_share_kept(ran):
    def made(method, sparsity, seed, recovered):
        spec = replace(SPEC, method=method, sparsity=sparsity, seed=seed, knobs={})
        return replace(
            ran.result, key=spec.key, spec=spec.to_json(),
            sparsity={"asked": sparsity, "achieved": sparsity, "of": 1000},
            recovered={"accuracy": recovered}, pruned={"accuracy": recovered - 0.1},
        )  # fmt: skip

    runs = [
        made(method, sparsity, seed, base + 0.01 * seed)
        for method, sparsity, base in (
            ("aum", 0.5, 0.9), ("random-examples", 0.5, 0.8), ("aum", 0.9, 0.3),
            ("random-examples", 0.9, 0.7),
        )
        for seed in range(3)
    ]  # fmt: skip
    told = figures.learned(runs)
    words = told.title.replace("\u00a0", " ")
    assert words == "Ahead of random by more than the spread: nobody at 10 %, aum at 50 %"
    assert set(told.table["kept"].round(6)) == {0.5, 0.1}
    assert told.table["accuracy"].max() == pytest.approx(0.91)
    fewer = figures.learned(runs, steps=False)
    assert fewer.table["accuracy"].max() == pytest.approx(0.81)
    alone = figures.learned([r for r in runs if r.spec["method"] == "aum"])
    assert "aum: 91.0 % with 50 % kept" in alone.title.replace("\u00a0", " ")
    with pytest.raises(ValueError, match="No run has an accuracy yet"):
        figures.learned([])


def test_every_plot_of_a_run_is_the_figure(ran):
    for name in ("gallery", "spread", "places", "finding", "work"):
        assert getattr(ran.plot, name)().data
    assert isinstance(ran.examples, Chosen)
    assert len(rows_of(ran.examples, np.arange(3))) == 3


def test_a_run_on_weights_has_no_examples(tmp_path):
    result = fold(run(RunSpec(model="mlp", epochs=1, recover="none")))
    with pytest.raises(ValueError, match="removed weights, not examples"):
        _ = Run(result, None, tmp_path).examples
