"""A scan of layers: what it measures, what it leaves out, what it refuses."""

import pytest
import torch

from prunelab import figures
from prunelab.cover import Cover, apply
from prunelab.events import fold
from prunelab.experiment import run
from prunelab.job import prepare
from prunelab.measure.quality import quality
from prunelab.registry import UNITS
from prunelab.sensitivities import Sensitivity, sensitivity
from prunelab.spec import RunSpec, SpecError

FIELDS = {"model": "mlp", "epochs": 3}


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRUNELAB_HOME", str(tmp_path_factory.mktemp("home")))
        told = []
        found = sensitivity(
            **FIELDS, sparsities=(0.5, 0.9), progress=lambda *words: told.append(words)
        )
        shares = [share for _, share in told]
        assert shares == pytest.approx(sorted(shares))
        assert "Pruning fc2 alone" in {words for words, _ in told}
        yield found


def test_each_number_is_that_of_one_layer_pruned_alone(scan, tmp_path):
    assert scan.units == {"fc1": 64, "fc2": 32}
    job = prepare(RunSpec(method="l1-filter", **FIELDS))
    events = list(run(RunSpec(method="l1-filter", sparsity=0.5, **FIELDS), files=tmp_path))
    assert scan.dense == pytest.approx(fold(events).epochs[FIELDS["epochs"] - 1].accuracy)
    from prunelab.artefacts import load_model

    net = load_model(tmp_path, "dense")
    norms = net.fc2.weight.abs().sum(1)
    mask = {"fc1": torch.ones(64, dtype=torch.bool), "fc2": norms >= norms.sort().values[16]}
    apply(net, Cover(UNITS["filters"].function().cover(net, job.parts, mask)))
    wanted = quality(net, job.parts.validation, 10)["accuracy"]
    assert scan.accuracies["fc2"][0.5] == pytest.approx(wanted)
    assert len(scan.table) == 4


def test_sensitive_layers_are_skipped():
    found = Sensitivity(
        0.9, {"a": 8, "b": 8, "c": 8}, {"a": {0.1: 0.9, 0.5: 0.88, 0.9: 0.3},
                                        "b": {0.1: 0.7, 0.5: 0.9, 0.9: 0.9},
                                        "c": {0.1: 0.91, 0.5: 0.9, 0.9: 0.89}}
    )  # fmt: skip
    assert found.layers(0.02) == {"a": 0.5, "b": 0.0, "c": 0.9}
    assert found.layers(0.0) == {"a": 0.1, "b": 0.0, "c": 0.5}
    with pytest.raises(SpecError, match="drop must be from 0 to 1"):
        found.layers(-0.1)
    picture = figures.sensitive(found.dense, found.accuracies)
    assert list(picture.figure.data[0].z[1]) == [0.7, 0.9, 0.9]
    assert picture.title.endswith("a costs most accuracy and b least")
    assert list(found.plot().data[0].y) == ["a", "b", "c"]
    with pytest.raises(ValueError, match="No layer was scanned"):
        figures.sensitive(0.9, {})


def test_what_it_finds_is_a_run(scan):
    spec = RunSpec(method="l1-filter", layers=scan.layers(0.1), recover="none", **FIELDS)
    result = fold(run(spec))
    kept = {r["name"]: 1 - r["kept"] / r["units"] for r in result.masks[-1].layers}
    assert kept == pytest.approx(scan.layers(0.1), abs=0.02)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "snip"}, "a method that scores a trained network; snip does not"),
        ({"sparsities": (0.5, 1.0)}, "above 0 and below 1"),
        ({"sparsities": ()}, "at least one"),
        ({"method": "l2-filte"}, "Did you mean 'l2-filter'"),
    ],
)
def test_what_cannot_be_scanned_is_refused(changes, message):
    with pytest.raises(SpecError, match=message):
        sensitivity(**{**FIELDS, **changes})
