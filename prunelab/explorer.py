"""Sliders in a notebook: the figures of a run by a menu, their layer and their epoch by hand."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from prunelab.spec import SpecError

if TYPE_CHECKING:
    from prunelab.notebook import Run

ASKS = {"layer", "epoch"}  # what a menu or a slider can answer


def drawable(run: Run) -> list[str]:
    """The figures that this run has, by their names; each is drawn once to know."""
    layer = _layers(run)[:1]
    return [name for name in _plots() if _draw(run, name, layer[0] if layer else "", None)]


def figure(run: Run, name: str, layer: str = "", epoch: int | None = None) -> Any:
    """One figure, with the layer and the epoch where it can be told them.

    Raises:
        ValueError: the run has nothing to draw there.
    """
    draw = getattr(run.plot, name)
    asked = inspect.signature(draw).parameters
    given = {"layer": layer, "epoch": epoch}
    return draw(**{key: value for key, value in given.items() if key in asked})


def explore(run: Run) -> Any:
    """A menu of figures with a menu of layers and a slider of epochs, as an ipywidgets box.

    Raises:
        SpecError: ipywidgets is not installed.
    """
    try:
        import ipywidgets as widgets
    except ImportError as error:
        raise SpecError("Sliders need ipywidgets: pip install ipywidgets") from error
    names, layers = drawable(run), _layers(run) or [""]
    last = max((epoch.epoch for epoch in run.result.epochs), default=1)
    name = widgets.Dropdown(options=names, description="figure")
    layer = widgets.Dropdown(options=layers, description="layer")
    epoch = widgets.IntSlider(last, 1, max(last, 2), description="epoch", continuous_update=False)
    seen = widgets.Output()

    def draw(_: Any = None) -> None:
        asked = inspect.signature(getattr(run.plot, name.value)).parameters
        layer.disabled, epoch.disabled = "layer" not in asked, "epoch" not in asked
        with seen:
            seen.clear_output(wait=True)
            _show(run, name.value, layer.value, epoch.value)

    for control in (name, layer, epoch):
        control.observe(draw, "value")
    draw()
    return widgets.VBox([widgets.HBox([name, layer, epoch]), seen])


def _show(run: Run, name: str, layer: str, epoch: int) -> None:
    from IPython.display import display

    try:
        display(figure(run, name, layer, epoch))  # type: ignore[no-untyped-call]
    except ValueError as missing:
        print(missing)  # noqa: T201 - into the output under the menus


def _draw(run: Run, name: str, layer: str, epoch: int | None) -> bool:
    try:
        return figure(run, name, layer, epoch) is not None
    except (ValueError, KeyError, OSError):  # not of this kind of run
        return False


def _plots() -> list[str]:
    """The figures of a run that need no more than a layer or an epoch."""
    from prunelab.plots import Plots

    return [
        name
        for name, draw in vars(Plots).items()
        if callable(draw) and not name.startswith("_") and _asks_little(draw)
    ]


def _asks_little(draw: Any) -> bool:
    given = list(inspect.signature(draw).parameters.values())[1:]
    return all(p.default is not p.empty or p.name in ASKS for p in given)


def _layers(run: Run) -> list[str]:
    return [str(row["name"]) for row in run.result.layers]
