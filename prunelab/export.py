"""A run as files to take along: safetensors, skops, text and ONNX, each counted in bytes."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import prunelab
from prunelab import imports
from prunelab.events import Result
from prunelab.parts import Parts
from prunelab.spec import RunSpec, SpecError

if TYPE_CHECKING:
    from torch import Tensor

    from prunelab.fastest import Choice

Form = Literal["all", "fastest"]
EXAMPLES = 64  # of the validation part, for the parity check
APART = 1e-4  # largest difference of an output that still is the same network
NETWORK = ("model.safetensors", "masks.safetensors", "architecture.json")
TREE = ("model.skops", "tree.npz")
ONNX, ONNX_RUNTIME = "model.onnx", "onnxruntime"  # the file, and the form that runs it
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same run gives the same zip, byte for byte


class Export(NamedTuple):
    """What was written: where, how many bytes a file, and how far ONNX is from the network.

    ``fastest`` is the form that won, where that was asked for.
    """

    path: Path
    files: Mapping[str, int]
    error: float | None
    notes: tuple[str, ...]
    fastest: Choice | None = None

    @property
    def size(self) -> int:
        """Bytes of all files; of the zip where it is one."""
        zipped = self.path.is_file()
        return self.path.stat().st_size if zipped else sum(self.files.values())

    def __str__(self) -> str:
        lines = [f"{self.path}: {self.size:,} bytes"]
        lines += [f"  {name}: {size:,} bytes" for name, size in self.files.items()]
        if self.error is not None:
            lines.append(f"  ONNX differs by at most {self.error:.1e} on {EXAMPLES} inputs")
        lines += [str(self.fastest)] if self.fastest else []
        return "\n".join([*lines, *self.notes])


def export(
    result: Result,
    folder: Path,
    to: Path,
    *,
    onnx: bool = True,
    form: Form = "all",
    batch: int = 1,
) -> Export:
    """Write a finished run into a new folder, or into a new zip where ``to`` ends in .zip.

    Args:
        result: of the run.
        folder: of its files.
        to: what to write.
        onnx: write a network once more as ONNX, where its packages are.
        form: "fastest" tries which form of a network answers soonest on this machine, says so in
            export.json, and keeps the ONNX file only where that won.
        batch: so many examples at a time are what it is tried with.

    Raises:
        SpecError: an unfinished run, one whose files are gone, something there already, an ONNX
            file that computes something else than the network, or forms of what is no network.
    """
    if form not in get_args(Form):
        raise SpecError(f"form must be all or fastest, got {form!r}.")
    if batch < 1:
        raise SpecError(f"batch must be at least 1, got {batch}.")
    if result.status != "finished":
        raise SpecError(f"Only a finished run can be exported; {result.key} is {result.status}.")
    if to.exists() or to.is_symlink():
        raise SpecError(f"{str(to)!r} is there already; choose another name or remove it.")
    if not to.parent.is_dir():
        raise SpecError(f"There is no folder {str(to.parent)!r} to write into.")
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=".export-") as scratch:
        made = Path(scratch) / "export"
        made.mkdir()
        parts = _parts(result)
        error, notes = _fill(result, folder, made, parts, onnx)
        choice = _choice(made, parts, batch) if form == "fastest" else None
        if choice and choice.form != ONNX_RUNTIME:
            (made / ONNX).unlink(missing_ok=True)
            error = None
        _list(made, error, parts, choice)
        files = {file.name: file.stat().st_size for file in sorted(made.iterdir())}
        if to.suffix.lower() == ".zip":
            _zip(made, Path(scratch) / "zip")
            made = Path(scratch) / "zip"
        made.rename(to)
    return Export(to, files, error, notes, choice)


def _fill(
    result: Result, folder: Path, made: Path, parts: Parts | None, onnx: bool
) -> tuple[float | None, tuple[str, ...]]:
    names = TREE if (folder / TREE[0]).is_file() else NETWORK
    for name in names:
        if not (folder / name).is_file():
            raise SpecError(f"The files of {result.key} are gone ({name}); run it again.")
        shutil.copyfile(folder / name, made / name)
    text = json.dumps(result.to_json(), indent=1)
    (made / imports.RUN).write_text(text, encoding="utf-8")
    if names is TREE:
        (made / "tree.txt").write_text(_text(result, made, parts), encoding="utf-8")
        return None, ()
    return _onnx(made, parts) if onnx else (None, ())


def _choice(made: Path, parts: Parts | None, batch: int) -> Choice:
    """The form of the network that wins here."""
    from prunelab import fastest
    from prunelab.artefacts import load_model

    if not (made / NETWORK[0]).is_file():
        raise SpecError("Only a network has forms to choose from; this run is of a tree.")
    x = _inputs(made, parts, max(batch, EXAMPLES))
    onnx = made / ONNX
    return fastest.choose(load_model(made), x, batch, onnx if onnx.is_file() else None)


def _inputs(made: Path, parts: Parts | None, count: int) -> Tensor:
    """Examples to compare answers on: of the validation part, or random ones."""
    from prunelab import onnx_file

    shape = tuple(imports.architecture(made)["shape"])
    return onnx_file.inputs(shape, count, None if parts is None else parts.validation.x)


def _list(made: Path, error: float | None, parts: Parts | None, choice: Choice | None) -> None:
    """``export.json``: every file with its checksum, and how the model wants its inputs."""
    files = {
        file.name: {"bytes": file.stat().st_size, "sha256": imports.digest(file)}
        for file in sorted(made.iterdir())
    }
    about: dict[str, Any] = {"prunelab": prunelab.__version__, "files": files}
    if error is not None:
        about["onnx"] = {"inputs": EXAMPLES, "error": error}
    if choice is not None:
        about["fastest"] = choice._asdict()
    if parts is not None:
        about["classes"], about["features"] = list(parts.classes), list(parts.features)
        about["inputs"] = {"shape": list(parts.shape), "mean": parts.mean.ravel().tolist()}
        about["inputs"]["deviation"] = parts.deviation.ravel().tolist()
    (made / imports.LIST).write_text(json.dumps(about, indent=1), encoding="utf-8")


def _zip(folder: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as zipped:
        for file in sorted(folder.iterdir()):
            member = zipfile.ZipInfo(file.name, _EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o100644 << 16
            zipped.writestr(member, file.read_bytes())


def _text(result: Result, made: Path, parts: Parts | None) -> str:
    """Each tree as indented rules; their thresholds are of features as the tree saw them."""
    from sklearn.tree import export_text

    from prunelab.own.trees import read
    from prunelab.trees import trees

    features = list(parts.features) if parts is not None else []
    texts = []
    for name, member in trees(read(made / TREE[0])).items():
        known = features if len(features) == member.n_features_in_ else None
        rules = export_text(
            member,
            feature_names=known,
            class_names=_classes(result, member),
            max_depth=member.get_depth() + 1,
            decimals=6,
        )
        texts.append(f"{name}\n{rules}")
    return "\n".join(texts)


def _classes(result: Result, member: Any) -> list[str] | None:
    """The class names of a tree; a stage of boosting has numbers instead."""
    if not hasattr(member, "classes_"):
        return None
    names = [str(name) for name in result.settings.get("classes", ())]
    count = len(member.classes_)
    return names if len(names) == count else [str(i) for i in range(count)]


def _parts(result: Result) -> Parts | None:
    """The data of a run; None where they are not here (an import from elsewhere)."""
    from prunelab.subject import parts_of

    spec = RunSpec.from_json(result.spec)
    try:
        return parts_of(spec.data, spec.data_knobs)
    except SpecError:
        return None


def _onnx(made: Path, parts: Parts | None) -> tuple[float | None, tuple[str, ...]]:
    """Write ``model.onnx`` where its packages are; returns how far it is off, and what to say."""
    if missing := missing_onnx():
        return None, (f"{ONNX} was left out: {missing}",)
    from prunelab import onnx_file
    from prunelab.artefacts import load_model

    net = load_model(made)
    inputs = _inputs(made, parts, EXAMPLES)
    onnx_file.write(net, inputs, made / ONNX)
    error = onnx_file.apart(net, inputs, made / ONNX)
    if not error <= APART:
        raise SpecError(
            f"{ONNX} differs from the network by {error:.1e} on {len(inputs)} inputs, more than "
            f"{APART:g}; nothing was exported."
        )
    note = ("" if parts is not None else "The data are not here: random inputs were compared.",)
    return error, tuple(filter(None, note))


def missing_onnx() -> str:
    """Why ONNX cannot be written here, as a sentence; empty if it can."""
    import importlib.util

    names = ("onnx", "onnxruntime", "onnxscript")
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if not missing:
        return ""
    return f"ONNX needs {', '.join(missing)}: pip install 'prunelab[onnx]'."
