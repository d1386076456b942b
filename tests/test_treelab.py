"""A grown tree in numpy alone tells what scikit-learn and prunelab.trees tell of it."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager

import numpy as np
import pytest

from prunelab import aside, figures, processes, treelab
from prunelab.parts import Parts, split
from prunelab.registry import DATASETS
from prunelab.spec import RunSpec, SpecError
from prunelab.treelab import orders
from prunelab.treelab.subtree import counted
from prunelab.trees import (
    OptimalSubtrees,
    PruningPath,
    PruningPathCV,
    cut,
    ensembles,
    fresh,
    growth,
    splits,
)

SPECS = {
    "moons": RunSpec(data="moons", model="decision-tree", method="cost-complexity",
                     data_knobs={"rows": 300}),
    "wine": RunSpec(data="wine", model="decision-tree", method="cost-complexity", seed=3),
    "digits": RunSpec(data="digits", model="decision-tree", method="cost-complexity",
                      model_knobs={"min_samples_leaf": 4}),
}  # fmt: skip
SHIPPED = RunSpec(data="moons", model="decision-tree", method="cost-complexity")


def pair(part):
    rows = fresh.rows(part)
    return rows.x, rows.y


@contextmanager
def small():
    """Forests of few trees: what they tell is checked, not how good they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensembles, "TREES", 5)
        patch.setattr(ensembles, "STAGES", 4)
        yield


class Case:
    """A spec's tree twice: as arrays on disk, and as scikit-learn's own."""

    def __init__(self, spec, folder):
        self.spec, self.folder = spec, folder
        with small():
            self.notes = growth.write(spec, folder, lambda *_: None)
        self.tree = treelab.grown(folder)
        self.parts: Parts = split(DATASETS[spec.data].function(**spec.data_knobs))
        self.model = growth._grown(spec, fresh.rows(self.parts.train))
        self.x, self.y = pair(self.parts.validation)

    def path(self, rule):
        return PruningPath(
            self.model, self.x, self.y, rule, train=pair(self.parts.train)
        )  # fmt: skip

    def cut(self, splitting):
        return cut(self.model, splitting[splits(self.model.tree_)])


@pytest.fixture(scope="module", params=list(SPECS))
def case(request, tmp_path_factory):
    return Case(SPECS[request.param], tmp_path_factory.mktemp(request.param))


def spread(steps):
    return sorted({0, 1, len(steps.leaves) // 3, len(steps.leaves) // 2, len(steps.leaves) - 1})


def test_every_rule_s_path_is_that_of_prunelab_trees(case):
    assert set(case.tree.paths) == set(growth.rules())
    for rule in case.tree.paths:
        path, steps = case.path(rule), treelab.steps(case.tree, rule)
        np.testing.assert_array_equal(steps.alphas, path.alphas)
        np.testing.assert_array_equal(steps.leaves, path.leaves)
        np.testing.assert_allclose(steps.validation, path.scores, atol=1e-12)
        np.testing.assert_allclose(steps.train, path.train_scores, atol=1e-12)
        assert treelab.best(steps) == path.best_index()
        assert treelab.one_se(case.tree, steps) == path.one_se_index()
        for leaves in (1, 2, 5, case.tree.leaves):
            assert treelab.at_leaves(steps, leaves) == path.index_at_leaves(leaves)


@pytest.mark.parametrize("rule", ["cost-complexity", "reduced-error", "random"])
def test_a_step_of_the_slider_is_the_tree_scikit_learn_would_have(case, rule):
    path, steps = case.path(rule), treelab.steps(case.tree, rule)
    for step in spread(steps):
        seen = treelab.seen(case.tree, treelab.kept(case.tree, rule, step))
        pruned = path.tree(step)
        assert (seen.leaves, seen.nodes) == (pruned.get_n_leaves(), pruned.tree_.node_count)
        assert seen.depth == pruned.get_depth()
        assert seen.validation == pytest.approx(pruned.score(case.x, case.y), abs=1e-12)
        assert seen.train == pytest.approx(pruned.score(*pair(case.parts.train)))
        np.testing.assert_array_equal(seen.confusion, path.confusion(step))
        np.testing.assert_array_equal(seen.there, path.kept(step))


def test_cuts_by_hand_are_the_trees_scikit_learn_would_have(case):
    draw = np.random.default_rng(0)
    splitting = case.tree.inner.copy()
    for _ in range(25):
        seen = treelab.seen(case.tree, splitting)
        node = int(draw.choice(np.flatnonzero(case.tree.inner & seen.there)))
        splitting = treelab.toggle(case.tree, splitting, node)
        seen, pruned = treelab.seen(case.tree, splitting), case.cut(splitting)
        assert seen.leaves == pruned.get_n_leaves()
        assert seen.validation == pytest.approx(pruned.score(case.x, case.y), abs=1e-12)
        told = case.tree.label[seen.answer[case.model.apply(case.x)]]
        np.testing.assert_array_equal(told, pruned.predict(case.x))
        rows = counted(case.tree, treelab.test_counts(case.folder), np.flatnonzero(seen.leaf))
        test = pair(case.parts.test_once())
        assert np.trace(rows) / rows.sum() == pytest.approx(pruned.score(*test), abs=1e-12)


def test_a_cut_and_its_undoing_leave_one_leaf_pair(case):
    whole = case.tree.inner
    node = int(case.tree.left[0])
    cut_once = treelab.toggle(case.tree, whole, node)
    assert treelab.seen(case.tree, cut_once).leaf[node]
    back = treelab.seen(case.tree, treelab.toggle(case.tree, cut_once, node))
    assert back.leaf[[case.tree.left[node], case.tree.right[node]]].all()


def test_a_click_on_what_is_gone_grows_down_to_it(case):
    deepest = int(case.tree.depth.argmax())
    stump = treelab.kept(case.tree, "cost-complexity", 10**6)
    grown = treelab.seen(case.tree, treelab.toggle(case.tree, stump, deepest))
    assert grown.there[deepest]
    assert grown.leaves == case.tree.depth[deepest] + 1


def test_what_cannot_be_clicked_is_refused(case):
    leaf = int(np.flatnonzero(~case.tree.inner)[0])
    with pytest.raises(ValueError, match="nothing grows below"):
        treelab.toggle(case.tree, case.tree.inner, leaf)
    with pytest.raises(ValueError, match="The tree has nodes 0 to"):
        treelab.toggle(case.tree, case.tree.inner, len(case.tree.left))


def test_the_best_of_every_size_is_bohanec_and_bratko_s(case):
    best = OptimalSubtrees(case.model)
    for leaves in range(1, case.tree.leaves + 1):
        splitting = treelab.optimal(case.tree, leaves)
        np.testing.assert_array_equal(splitting[splits(case.model.tree_)], best.kept(leaves))
        seen = treelab.seen(case.tree, splitting)
        assert seen.leaves == leaves
        assert (1 - seen.train) * len(case.parts.train.y) == pytest.approx(best.costs[leaves - 1])
    with pytest.raises(ValueError, match="leaves must be from 1 to"):
        treelab.optimal(case.tree, case.tree.leaves + 1)


def test_gains_are_what_the_cut_would_cost(case):
    whole = case.tree.inner
    before, gains = treelab.seen(case.tree, whole), treelab.gains(case.tree, whole)
    rows, held = case.tree.train[0].sum(), case.tree.validation[0].sum()
    for node in np.flatnonzero(whole)[:8]:
        after = treelab.seen(case.tree, treelab.toggle(case.tree, whole, int(node)))
        assert gains.leaves[node] == before.leaves - after.leaves
        assert gains.train[node] == pytest.approx((before.train - after.train) * rows)
        lost = (before.validation - after.validation) * held
        assert gains.validation[node] == pytest.approx(lost)
    first = case.path("cost-complexity").alphas[1]
    assert gains.alpha[whole].min() == pytest.approx(first, abs=1e-12)


def test_thresholds_are_in_the_units_of_the_data(case):
    table = DATASETS[case.spec.data].function(**case.spec.data_knobs)
    x, root = table.x.reshape(len(table.x), -1).astype(np.float64), case.tree
    left = x[:, root.feature[0]] <= root.threshold[0]
    scaled = (table.x - case.parts.mean) / case.parts.deviation
    goes = case.model.apply(scaled.reshape(len(x), -1).astype(np.float32))
    np.testing.assert_array_equal(left, goes < root.right[0])  # ids are in pre-order


def test_folds_are_those_of_cross_validation(case):
    folds = treelab.cross_validated(case.folder)
    told = PruningPathCV(case.model, *pair(case.parts.train), cv=growth.FOLDS)
    np.testing.assert_array_equal(folds.scores, told.fold_scores)
    assert treelab.one_se_cv(folds) == (told.best_alpha, told.one_se_alpha)


def test_rules_agree_where_nothing_is_cut_and_own_answers_are_on_the_way(case):
    found = treelab.compared(case.folder)
    assert found.scores.shape == (len(growth.rules()), 5, len(found.leaves))
    full = found.scores[:, :, -1]
    np.testing.assert_array_equal(full, np.broadcast_to(full[:1], full.shape))
    decided = np.array([name in growth.DECIDES for name in found.rules])
    assert not np.isnan(found.own[decided]).any()
    assert np.isnan(found.own[~decided]).all()


def test_forests_and_boosting_stand_beside_the_tree_at_common_sizes(case):
    found = treelab.compared(case.folder, "ensembles")
    named = dict(zip(found.rules, found.scores, strict=True))
    split = fresh.splits(case.parts, many=ensembles.SPLITS, most=ensembles.MOST)[0]
    tree = growth._grown(case.spec, split.grow)
    with small():
        ways = ensembles.ways(tree, split)
    assert list(ways) == list(named)
    assert ways["one tree"].scores[0] == tree.score(split.judge.x, split.judge.y)
    whole = [ways[name] for name in (*ensembles.thinned(), "forest, one α")]
    assert len({(way.leaves[0], round(way.scores[0], 9)) for way in whole}) == 1  # one forest
    fewer, smaller = ways["fewer-stages"], ways["boosting, smaller stages"]
    assert (fewer.leaves[0], fewer.scores[0]) == (smaller.leaves[0], smaller.scores[0])
    for name, way in ways.items():
        assert (np.diff(way.leaves) <= 0).all()
        for stop, score in zip(found.leaves, named[name][0], strict=True):
            fits = np.flatnonzero(way.leaves <= stop)
            assert np.isnan(score) or score == way.scores[fits[0]]
            assert not np.isnan(score) or not len(fits) or stop > way.leaves[0]


def test_a_way_without_a_size_in_common_is_told_by_its_own_answer():
    own = np.array([[[7.0, 0.8], [9.0, 0.9]], [[np.nan] * 2] * 2])
    scores = np.array([[[np.nan, 0.8], [np.nan, np.nan]], [[0.5, 0.6], [0.5, 0.8]]])
    found = treelab.Compared(("own", "all"), np.array([1, 8]), scores, own)
    picture = figures.rules(found, noun="way")
    assert picture.title == "own is ahead: 85.0\u00a0% with 8 leaves"
    assert picture.table["best mean"].tolist() == pytest.approx([0.85, 0.7])
    assert figures.rules(found, shown=["all"]).title == "all is ahead: 70.0\u00a0% with 8 leaves"


def test_the_boundary_is_what_the_pruned_tree_predicts(tmp_path):
    from prunelab.figures.plane import answers, boundary

    case = Case(SPECS["moons"], tmp_path)
    splitting = treelab.optimal(case.tree, 6)
    cells = answers(case.tree, treelab.seen(case.tree, splitting))
    grid = np.stack(np.meshgrid(*case.tree.plane.axes), -1).reshape(-1, 2)
    scaled = ((grid - case.parts.mean) / case.parts.deviation).astype(np.float32)
    np.testing.assert_array_equal(cells.ravel(), case.cut(splitting).predict(scaled))
    flat = Case(SPECS["wine"], tmp_path).tree
    whole = treelab.seen(flat, flat.inner)
    with pytest.raises(ValueError, match="exactly two features"):
        boundary(flat, whole)


def test_a_class_too_rare_to_split_leaves_the_rest(tmp_path, monkeypatch):
    def impossible(spec, parts):
        raise ValueError("too rare")

    monkeypatch.setattr(growth, "_cross_validated", impossible)
    case = Case(SPECS["wine"], tmp_path)
    assert case.notes == ["Cross-validating was not possible: too rare"]
    assert treelab.cross_validated(tmp_path) is None
    assert treelab.compared(tmp_path) is not None


def test_a_damaged_file_is_no_tree(tmp_path):
    (tmp_path / "tree.npz").write_bytes(b"PK no zip")
    with pytest.raises(SpecError, match="is damaged"):
        treelab.grown(tmp_path)
    np.savez(tmp_path / "tree.npz", left=np.arange(3))
    with pytest.raises(SpecError, match="is damaged"):
        treelab.grown(tmp_path)


@pytest.fixture(autouse=True)
def _reaped():
    yield
    for process in aside._started.values():
        process.wait(120)


def wait(folder, seconds=200):  # bounds a hang: the machine may be busy
    deadline = time.monotonic() + seconds
    while (state := treelab.look(folder)).name == "growing" and time.monotonic() < deadline:
        time.sleep(0.05)
    return state


def test_a_tree_is_grown_by_another_process_once(tmp_path):
    spec = SPECS["wine"]
    folder = treelab.place(spec, tmp_path)
    assert treelab.look(folder).name == "none"
    treelab.start(spec, tmp_path)
    assert treelab.look(folder).name == "growing"
    assert wait(folder).name == "ready"
    assert treelab.grown(folder).leaves > 1
    process = aside._started[folder]
    treelab.start(spec, tmp_path)
    assert aside._started[folder] is process


def test_bad_data_are_a_sentence(tmp_path):
    file = tmp_path / "numbers.csv"
    file.write_text("a,target\n" + "\n".join(f"{i},{i}" for i in range(50)))
    spec = RunSpec(data="table", model="decision-tree", data_knobs={"file": str(file)})
    state = wait(treelab.start(spec, tmp_path))
    assert state.name == "failed"
    assert "it must repeat, as classes do" in state.reason


def test_a_process_that_dies_is_told_and_can_be_ordered_again(tmp_path):
    spec = SPECS["digits"]
    folder = treelab.start(spec, tmp_path)
    while treelab.look(folder).doing in ("", "Starting"):
        time.sleep(0.02)
    processes.kill(aside._started[folder].pid)
    assert wait(folder).reason.startswith("It ended before it was ready.")
    treelab.start(spec, tmp_path)
    assert treelab.look(folder).name == "growing"
    treelab.stop(folder)
    assert treelab.look(folder).name == "none"


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "trees").write_text("a file")
    with pytest.raises(SpecError, match="tree cannot be written in"):
        treelab.start(SPECS["wine"], tmp_path)


def test_the_shipped_tree_is_the_one_that_would_be_grown(tmp_path):
    folder = treelab.place(SHIPPED, tmp_path)
    assert folder.parent == orders.SHIPPED
    assert json.loads((folder / aside.PROGRESS).read_text()) == {"state": "ready"}
    growth.write(SHIPPED, tmp_path, lambda *_: None)
    for file in ("tree", "cv", "rules", "ensembles", "test"):
        with np.load(folder / f"{file}.npz") as old, np.load(tmp_path / f"{file}.npz") as new:
            assert set(old.files) == set(new.files)
            for name in old.files:
                np.testing.assert_array_equal(old[name], new[name], err_msg=name)
