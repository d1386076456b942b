"""The cost card of a run: dense, with zeros, shrunk; and what may be said about speed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import pandas as pd

from prunelab.events import Result
from prunelab.figures.effort import effort
from prunelab.figures.look import SPACE, count, percent, size
from prunelab.speech import _, mark, phrase

Lamp = Literal["grey", "green", "amber"]
Values = Mapping[str, Any]
COLUMNS = {
    "dense": mark("dense"), "pruned": mark("with zeros"), "recovered": mark("shrunk")
}  # fmt: skip
NONE = "–"
RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
Read = Callable[[Values], str | None]


class Speed(NamedTuple):
    """What was timed says, for a lamp and a sentence."""

    lamp: Lamp
    words: str


def card(result: Result) -> pd.DataFrame:
    """What the run's network costs before pruning, with zeros in it, and as one would ship it.

    Everything is counted on real files and networks or timed in turns with the dense one; what was
    not measured is a dash.

    Raises:
        ValueError: the run has not ended.
    """
    if not result.dense.get("bytes") or not result.recovered.get("bytes"):
        raise ValueError("Costs are measured at the end of a run.")
    if "nodes" in result.dense:
        return _table({"dense": result.dense, "pruned": result.recovered}, _tree_rows(result))
    stages = {name: getattr(result, stage) for stage, name in COLUMNS.items()}
    stages["shrunk" if _structured(result) else "with zeros"] = result.recovered
    if not _structured(result):
        stages["shrunk"] = {}  # nothing was taken out: what is shipped is the one with zeros
    return _table(stages, _rows(result))


def _table(stages: Mapping[str, Values], reads: Mapping[str, Read]) -> pd.DataFrame:
    rows = {
        title: {name: _shown(read, values) for name, values in stages.items()}
        for title, read in reads.items()
    }
    return pd.DataFrame(rows).T.rename_axis("cost").reset_index()


def _structured(result: Result) -> bool:
    return bool(result.recovered["params"] < result.dense["params"])


def _tree_rows(result: Result) -> dict[str, Read]:
    """What a tree, or all trees of an ensemble, cost; a tree has no zeros to keep."""
    batch = _of(result.recovered, "latency_ms", "batch") or "?"
    return {
        mark("nodes"): lambda v: _count(v.get("nodes")),
        mark("leaves"): lambda v: _count(v.get("leaves")),
        mark("depth"): lambda v: _count(v.get("depth")),
        mark("splits an example passes"): lambda v: (
            f"{v['mean_path']:.1f}" if "mean_path" in v else None
        ),
        mark("bytes, as saved"): lambda v: _size(_of(v, "bytes", "raw")),
        mark("bytes, zipped"): lambda v: _size(_of(v, "bytes", "zip")),
        mark("time of one example"): lambda v: _time(v.get("single_ms")),
        phrase(f"time of a batch of {batch}"): lambda v: _time(v.get("latency_ms")),
    }


def _rows(result: Result) -> dict[str, Read]:
    spent = effort(result)
    flops = {id(result.dense): spent.dense, id(result.recovered): spent.total} if spent else {}
    batch = _of(result.recovered, "latency_ms", "batch") or "?"
    return {
        mark("parameters"): lambda v: _count(v.get("params")),
        mark("of them zero"): _zeros,
        mark("multiply-adds"): lambda v: _count(_of(v, "macs", "shipped" if _less(v) else "dense")),
        mark("multiply-adds if zeros were free"): lambda v: _count(_of(v, "macs", "ideal")),
        mark("bytes, as saved"): lambda v: _size(
            _of(v, "bytes", "shrunk") or _of(v, "bytes", "raw")
        ),
        mark("bytes, zipped"): lambda v: _size(_of(v, "bytes", "zip")) if not _less(v) else None,
        mark("bytes, sparse rows (CSR)"): lambda v: (
            _size(_of(v, "bytes", "csr")) if not _less(v) else None
        ),
        phrase(f"memory at once, batch of {batch}"): lambda v: _size(v.get("memory")),
        mark("time of one example"): lambda v: _time(v.get("single_ms")),
        phrase(f"time of a batch of {batch}"): lambda v: _time(v.get("latency_ms")),
        mark("training until then, FLOPs"): lambda v: _power(flops.get(id(v))),
    }


def _power(number: float | None) -> str | None:
    """A large number as one would write it: 2.1 · 10⁹."""
    if not number:
        return None
    digits, power = f"{number:.1e}".split("e")
    return f"{digits}{SPACE}·{SPACE}10{str(int(power)).translate(RAISED)}"


def _less(values: Values) -> bool:
    """Whether something was taken out for real."""
    macs = values.get("macs", {})
    return bool(macs) and macs["shipped"] < macs["dense"]


def _shown(read: Callable[[Values], str | None], values: Values) -> str:
    return (read(values) if values else None) or NONE


def _of(values: Values, *names: str) -> Any:
    found: Any = values
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _count(number: float | None) -> str | None:
    return None if number is None else count(number)


def _size(number: float | None) -> str | None:
    return None if number is None else size(number)


def _zeros(values: Values) -> str | None:
    total, left = values.get("params"), values.get("nonzero")
    if total is None or left is None:
        return None
    return percent(max(0.0, 1 - left / total))


def _time(values: Values | None) -> str | None:
    if not values:
        return None
    low, mid, high = (values[k] for k in ("low", "median", "high"))
    return f"{mid:.3g}{SPACE}ms ({low:.3g} to {high:.3g})"


def speed(result: Result) -> Speed:
    """What may be said about the speed of the network one ships, against the dense one.

    Intervals that overlap are no difference, for one example and for many.
    """
    told = [
        _faster(result.dense.get(name), result.recovered.get(name), words)
        for name, words in (("single_ms", _("one example")), ("latency_ms", _("a batch")))
    ]
    said = [t for t in told if t]
    if not said:
        return Speed("grey", _("No speed was timed yet, so none is claimed."))
    clear = [t for t in said if t.lamp != "grey"]
    if not clear:
        return Speed("grey", _("No difference in time that can be measured."))
    lamp: Lamp = "green" if all(t.lamp == "green" for t in clear) else "amber"
    return Speed(lamp, _("Timed: ") + "; ".join(t.words for t in said) + ".")


def _faster(before: Values | None, after: Values | None, what: str) -> Speed | None:
    if not before or not after:
        return None
    times = before["median"] / after["median"]
    if after["high"] < before["low"]:
        return Speed("green", _("{times:.2f} times as fast for {what}", times=times, what=what))
    if after["low"] > before["high"]:
        return Speed("amber", _("{times:.2f} times as slow for {what}", times=1 / times, what=what))
    return Speed("grey", _("no difference for {what}", what=what))
