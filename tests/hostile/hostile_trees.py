"""Files of skops with more than trees in them, and trees that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from making_files import (
    NESTED,
    Case,
    _child_out_of_range,
    _cycle,
    _feature,
    _nan_values,
    array,
    bent,
    fitted,
    node,
    schema,
    skops_of,
    zipped,
)

SKOPS = {
    "a type that is not listed": Case("m.skops", lambda: skops_of(Path("x")), "is not trusted"),
    "another estimator": Case(
        "m.skops",
        lambda: skops_of(__import__("sklearn.svm", fromlist=["SVC"]).SVC()),
        r"SVC .*is not trusted: only DecisionTreeClassifier",
    ),
    "a function": Case("m.skops", lambda: skops_of(np.sum), "is not trusted"),
    "a method of something trusted": Case(
        "m.skops",
        lambda: schema(node("builtins", "dict", "MethodNode", content={})),
        r"builtins.dict \(read by MethodNode\), which is not trusted",
    ),
    "an operator deep inside": Case(
        "m.skops",
        lambda: schema(
            node(
                "sklearn.tree._classes",
                "DecisionTreeClassifier",
                "ObjectNode",
                content=[{"attrs": node("operator", "methodcaller", "OperatorFuncNode")}],
            )
        ),
        r"operator.methodcaller .*is not trusted",
    ),
    "a list instead of a tree": Case("m.skops", lambda: skops_of([1, 2]), "must hold a Decision"),
    "no schema": Case("m.skops", lambda: zipped({"a": b""}), "m.skops is damaged.*schema.json"),
    "a schema that is no JSON": Case(
        "m.skops", lambda: schema(b"{x"), "schema of .*cannot be read"
    ),
    "a schema nested deep": Case("m.skops", lambda: schema(NESTED), "schema of .* cannot be read"),
    "a child out of range": Case("m.skops", lambda: bent(_child_out_of_range), "is not sound"),
    "a cycle": Case("m.skops", lambda: bent(_cycle), "is not sound"),
    "a feature out of range": Case("m.skops", lambda: bent(_feature), "a feature that is not"),
    "NaN in the leaves": Case("m.skops", lambda: bent(_nan_values), "NaN or infinite"),
    "a tree that was never grown": Case(
        "m.skops", lambda: skops_of(type(fitted())()), "has not been fitted"
    ),
    "an array of 10^12 numbers inside": Case(
        "m.skops",
        lambda: schema(
            node(
                "sklearn.tree._classes",
                "DecisionTreeClassifier",
                "ObjectNode",
                content=node("numpy", "ndarray", "NdArrayNode", type="numpy", file="1.npy"),
            ),
            **{"1.npy": array((10**6, 10**6))},
        ),
        r"takes 7,450.6 GiB in memory",
    ),
}
