"""Trees and forests of one's own, from skops files: only listed types, only sound trees."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from prunelab import npz
from prunelab.own import archive
from prunelab.own.pickles import refuse_content
from prunelab.spec import SpecError
from prunelab.speech import mark

# Every type a tree or a forest of scikit-learn consists of, and the only loader it may ask for.
TRUSTED = frozenset(
    {
        ("builtins", "dict", "DictNode"),
        ("builtins", "list", "ListNode"),
        ("builtins", "tuple", "TupleNode"),
        ("builtins", "str", "JsonNode"),
        ("builtins", "str", "TypeNode"),
        ("builtins", "int", "TypeNode"),
        ("numpy", "int64", "TypeNode"),
        ("numpy", "int64", "NdArrayNode"),
        ("numpy", "float64", "NdArrayNode"),
        ("numpy", "ndarray", "NdArrayNode"),
        ("numpy.random.mtrand", "RandomState", "RandomStateNode"),
        ("sklearn.tree._classes", "DecisionTreeClassifier", "ObjectNode"),
        ("sklearn.ensemble._forest", "RandomForestClassifier", "ObjectNode"),
        ("sklearn.tree._tree", "Tree", "TreeNode"),
        ("sklearn.ensemble._gb", "GradientBoostingClassifier", "ObjectNode"),
        ("sklearn.tree._classes", "DecisionTreeRegressor", "ObjectNode"),
        ("sklearn.dummy", "DummyClassifier", "ObjectNode"),
        ("sklearn._loss.loss", "HalfBinomialLoss", "ObjectNode"),
        ("sklearn._loss.loss", "HalfMultinomialLoss", "ObjectNode"),
        ("sklearn._loss.link", "Interval", "ObjectNode"),
        ("sklearn._loss.link", "LogitLink", "ObjectNode"),
        ("sklearn._loss.link", "MultinomialLogit", "ObjectNode"),
        ("sklearn._loss._loss", "CyHalfBinomialLoss", "LossNode"),
        ("sklearn._loss._loss", "CyHalfMultinomialLoss", "LossNode"),
    }
)
SINGLE, BOOSTING = "DecisionTreeClassifier", "GradientBoostingClassifier"
ROOTS = (SINGLE, "RandomForestClassifier", BOOSTING)
SCHEMA = 32 * 2**20  # bytes; a tree of a forest takes about 8,000
TREES = 50_000
_MARKS = {"__module__", "__class__", "__loader__"}
_BROKEN = (*archive.BROKEN, TypeError, AttributeError, IndexError, RecursionError, MemoryError,
           ImportError, Warning, NotImplementedError)  # fmt: skip


def read(path: Path) -> Any:
    """A fitted decision tree or random forest; nothing outside ``TRUSTED`` is ever built.

    Raises:
        SpecError: a pickle, another type, a damaged file, or a tree that is none.
    """
    schema(path)
    import skops.io

    names = [f"{module}.{kind}" for module, kind, _ in sorted(TRUSTED)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # such as trees of another scikit-learn
            model = skops.io.load(path, trusted=names)
        _sound(path.name, model)
    except _BROKEN as error:
        if isinstance(error, SpecError):
            raise
        raise SpecError(f"{path.name} holds no sound tree: {_short(error)}") from error
    return model


def schema(path: Path) -> dict[str, Any]:
    """What a skops file says it holds; refused if that is more than trees and forests.

    Raises:
        SpecError: types that are not trusted, arrays that are too large, or no skops file.
    """
    refuse_content(path.name, path)
    archive.checked(path)
    text = archive.read(path, "schema.json", SCHEMA)
    try:
        told = json.loads(text)
        found = sorted({name for node in _nodes(told) for name in [_name(node)]})
    except (ValueError, RecursionError, TypeError) as error:
        raise SpecError(f"The schema of {path.name} cannot be read: {_short(error)}") from error
    strange = [name for name in found if name not in TRUSTED]
    if strange:
        module, kind, loader = strange[0]
        raise SpecError(
            f"{path.name} holds {module}.{kind} (read by {loader}), which is not trusted: only "
            f"{', '.join(ROOTS)} of scikit-learn are read."
        )
    if not isinstance(told, dict) or told.get("__class__") not in ROOTS:
        raise SpecError(f"{path.name} must hold a {' or a '.join(ROOTS)}.")
    npz.declared(path, ".npy")
    return told


def fitting(path: Path, like: Any, features: int, classes: tuple[str, ...]) -> Any:
    """Trees of one's own for given data, their classes numbered as the data number them.

    ``like`` is a model of the kind they must be.

    Raises:
        SpecError: as ``read``, or trees of another kind, for other features or other classes.
    """
    model = read(path)
    if type(model) is not type(like):
        raise SpecError(
            f"{path.name} holds a {type(model).__name__}; this model is a {type(like).__name__}."
        )
    if model.n_features_in_ != features:
        raise SpecError(
            f"{path.name} was fitted on {model.n_features_in_} features, the data have {features}."
        )
    own = [str(name) for name in model.classes_]
    numbered = [str(i) for i in range(len(classes))]
    if own not in (list(classes), numbered):
        raise SpecError(
            f"{path.name} knows the classes {', '.join(own[:5])}; the data have "
            f"{', '.join(classes[:5])}, in this order."
        )
    for member in (model, *_members(model)):
        if hasattr(member, "classes_"):
            member.classes_ = np.arange(len(classes))
    return model


def about(model: Any) -> dict[str, Any]:
    """What a tree or forest is, in numbers."""
    members = _members(model)
    return {
        "trees": len(members),
        "nodes": sum(member.tree_.node_count for member in members),
        "features": int(model.n_features_in_),
        "classes": [str(name) for name in model.classes_],
    }


def _nodes(told: Any) -> Iterator[dict[str, Any]]:
    """Every part of a schema that names a type or a loader, however deep."""
    waiting = [told]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if _MARKS & set(part):
                yield part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _name(node: dict[str, Any]) -> tuple[str, str, str]:
    return (
        str(node.get("__module__", "nowhere")),
        str(node.get("__class__", "nothing")),
        str(node.get("__loader__", "nobody")),
    )


def _members(model: Any) -> list[Any]:
    """The trees, in order; of boosting those of each stage after another."""
    found = getattr(model, "estimators_", [model])
    return found.ravel().tolist() if isinstance(found, np.ndarray) else list(found)


def _sound(name: str, model: Any) -> None:
    """scikit-learn walks a tree without looking: a child out of range would crash the process."""
    kind = type(model).__name__
    if kind not in ROOTS:
        raise SpecError(f"{name} must hold a {' or a '.join(ROOTS)}, got a {kind}.")
    if not hasattr(model, "tree_") and not hasattr(model, "estimators_"):
        raise SpecError(f"{name} holds a {kind} that has not been fitted.")
    if type(model.n_classes_) is list or getattr(model, "n_outputs_", 1) != 1:
        raise SpecError(f"{name} predicts several targets; only one is possible.")
    if np.asarray(model.classes_).dtype.kind not in "iufbUS":
        raise SpecError(f"The classes in {name} must be numbers or texts.")
    _sound_members(name, model)
    if kind == BOOSTING:
        _sound_stages(name, model, len(model.classes_))


def _sound_members(name: str, model: Any) -> None:
    boosting = type(model).__name__ == BOOSTING
    members, kind = _members(model), "DecisionTreeRegressor" if boosting else SINGLE
    if not 1 <= len(members) <= TREES or any(type(m).__name__ != kind for m in members):
        raise SpecError(f"{name} must hold 1 to {TREES:,} trees, got {len(members):,}.")
    features, classes = int(model.n_features_in_), len(model.classes_)
    for tree in members:
        wrong = _flaw(tree.tree_, features, 1 if boosting else classes)
        if wrong := wrong or _stranger(tree, features, classes):
            raise SpecError(f"A tree in {name} is not sound: {wrong}.")


def _stranger(tree: Any, features: int, classes: int) -> str:
    """Whether a tree is of other data than the model it is in; empty where it is not."""
    own = len(tree.classes_) if hasattr(tree, "classes_") else classes
    same = tree.n_features_in_ == features and own == classes
    return "" if same else mark("it is of other data")


def _sound_stages(name: str, model: Any, classes: int) -> None:
    """Each stage must have the trees that boosting adds up, and start from as many priors."""
    each = 1 if classes == 2 else classes
    shape, prior = np.shape(model.estimators_), np.shape(model.init_.class_prior_)
    if shape[1:] != (each,) or model.n_trees_per_iteration_ != each:
        raise SpecError(f"The stages in {name} must have {each} trees each, got {shape}.")
    if prior != (classes,) or len(model.init_.classes_) != classes:
        raise SpecError(f"{name} must start from {classes} priors, got {prior}.")


def _flaw(tree: Any, features: int, classes: int) -> str:
    """What is wrong with a tree's arrays; empty where they are a tree."""
    count = tree.node_count
    left, right, used = tree.children_left, tree.children_right, tree.feature
    inner = np.flatnonzero(left != -1)
    if count < 1 or len(left) != count or tree.n_features != features or tree.n_outputs != 1:
        return mark("its size is not that of its model")
    if tree.value.shape != (count, 1, classes) or int(tree.n_classes[0]) != classes:
        return mark("its values are of other classes")
    if not np.isfinite(tree.value).all() or np.isnan(tree.threshold).any():
        return mark("it holds NaN or infinite numbers")
    if not np.array_equal(inner, np.flatnonzero(right != -1)):
        return mark("a node has one child")
    children = np.concatenate([left[inner], right[inner]])
    if not np.array_equal(np.sort(children), np.arange(1, count)):
        return mark("its children are not each node once")
    if (left[inner] <= inner).any() or (right[inner] <= inner).any():
        return mark("a child comes before its parent")
    if len(inner) and (used[inner].min() < 0 or used[inner].max() >= features):
        return mark("it asks for a feature that is not there")
    return ""


def _short(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]
