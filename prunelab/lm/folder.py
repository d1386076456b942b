"""Read a language model from a folder or by its hub name; save it so that others can read it."""

from __future__ import annotations

import contextlib
import functools
import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from prunelab.files import home
from prunelab.own import folder as layout
from prunelab.spec import SpecError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
FILES = ("*.safetensors", "*.json", "*.model", "*.txt")  # all that is ever fetched from a hub
SLACK = 4  # times the numbers in the files a model may ask for: some are tied, some were lost
ROOM = 1.2  # of the weights, that must be free


class Language(NamedTuple):
    """A model with the tokenizer that belongs to it."""

    model: Any
    tokenizer: Any

    def tokens(self, text: str) -> Tensor:
        """The text in the model's own tokens, (n,).

        Raises:
            SpecError: an empty text, or tokens that the model does not have.
        """
        if not text.strip():
            raise SpecError("The text is empty. Give one of some thousand words.")
        with _quiet():
            ids = torch.tensor(self.tokenizer(text, add_special_tokens=False).input_ids)
        rows = self.model.get_input_embeddings().weight.shape[0]
        if len(ids) and int(ids.max()) >= rows:
            raise SpecError(
                f"The tokenizer made token {int(ids.max())}, but the model has {rows}: they do "
                f"not belong together. Take the tokenizer that the model was trained with."
            )
        return ids

    def calibration(self, text: str, sequences: int, length: int, seed: int = 0) -> Tensor:
        """Sequences drawn from a text without overlap, (sequences, length).

        Raises:
            SpecError: a text that is too short for them, or none of them asked for.
        """
        if sequences < 1 or length < 1:
            raise SpecError(
                f"sequences and length must be at least 1, got {sequences} of {length} tokens."
            )
        ids = self.tokens(text)
        there = len(ids) // length
        if there < sequences:
            raise SpecError(
                f"The calibration text has {len(ids):,} tokens, which is {there} sequences of "
                f"{length}; {sequences} are wanted. Give a longer text or ask for fewer."
            )
        chance = torch.Generator().manual_seed(seed)
        chosen = torch.randperm(there, generator=chance)[:sequences]
        return ids[: there * length].view(there, length)[chosen]


def read(place: str | Path, *, dtype: str = "float32", device: str = "cpu") -> Language:
    """A causal language model and its tokenizer; no code of the folder runs, no pickle is read.

    Raises:
        SpecError: no such folder or name, remote code, pickled or missing weights, a model that
            does not fit into memory, a tokenizer of another model.
    """
    transformers = _transformers()
    if dtype not in DTYPES:
        raise SpecError(f"dtype must be one of {', '.join(DTYPES)}, got {dtype!r}.")
    folder = _located(place, DTYPES[dtype], device)
    classes = transformers.models.auto.modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    found = layout.read(folder, {name: name for name in _names(classes)})
    _affordable(found.parameters, DTYPES[dtype], device)
    with _quiet():
        _asked(transformers, folder, found)
        model, told = transformers.AutoModelForCausalLM.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=DTYPES[dtype],
            output_loading_info=True,
        )
        tokenizer = _tokenizer(transformers, folder)
    _whole(folder, told)
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise SpecError(
            f"The tokenizer of {folder.name} has {len(tokenizer)} tokens, its model {rows}: they "
            f"do not belong together. Put the files of the model's own tokenizer there."
        )
    return Language(model.to(device).eval(), tokenizer)


def save(language: Language, folder: Path) -> None:
    """Write a model and its tokenizer; plain transformers loads them."""
    with _quiet():
        language.model.save_pretrained(folder)
        language.tokenizer.save_pretrained(folder)


def _asked(transformers: Any, folder: Path, found: layout.Folder) -> None:
    """Refuse settings that ask for far more than the files hold, before any of it is made."""
    config = transformers.AutoConfig.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False
    )
    blocks = int(getattr(config, "num_hidden_layers", 0) or 0)
    wanted = math.inf
    if blocks <= len(found.tensors):
        with torch.device("meta"):  # shapes alone
            plan = transformers.AutoModelForCausalLM.from_config(config, trust_remote_code=False)
        wanted = sum(p.numel() for p in plan.parameters())
    if wanted > SLACK * found.parameters:
        raise SpecError(
            f"{folder.name} lacks most of its model: config.json asks for {blocks:,} blocks and "
            f"far more than the {found.parameters:,} numbers of its files. Fetch all of them."
        )


def _tokenizer(transformers: Any, folder: Path) -> Any:
    try:
        return transformers.AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpecError(
            f"{folder.name} has no tokenizer that can be read: {error!s:.200}"
        ) from error


def _whole(folder: Path, told: Mapping[str, Any]) -> None:
    """Every tensor of the model must have come from the files."""
    missing = sorted(told["missing_keys"])
    strange = [str(one[0]) for one in told["mismatched_keys"]]
    if missing or strange:
        first = (missing + strange)[0]
        raise SpecError(
            f"{folder.name} lacks {len(missing) + len(strange)} tensors of its model, or has them "
            f"in another shape: {first} first. Save the model once more with save_pretrained, or "
            f"fetch all its files."
        )


def _located(place: str | Path, dtype: torch.dtype, device: str) -> Path:
    """A local folder, or what a hub has under that name, without anything pickled.

    What would not fit into memory is not fetched.
    """
    path = Path(place).expanduser()
    if path.is_dir() or len(path.parts) > 2 or isinstance(place, Path):
        return path
    from huggingface_hub import snapshot_download

    here = home() / "hub" / str(place).replace("/", "--")  # files themselves, no links
    fetch = functools.partial(
        snapshot_download, str(place), allow_patterns=list(FILES), local_dir=here
    )
    try:
        if not here.exists():
            _affordable(_fewest(fetch(dry_run=True)), dtype, device)
        return Path(fetch())
    except SpecError:
        raise
    except Exception as error:  # its errors have no common class
        raise SpecError(
            f"There is no folder {str(place)!r}, and no hub could give it ({type(error).__name__})."
        ) from error


def _fewest(files: Iterable[Any]) -> int:
    """How many numbers the weights of a hub hold at least: none is larger than four bytes."""
    return sum(f.file_size or 0 for f in files if f.filename.endswith(".safetensors")) // 4


def _affordable(parameters: int, dtype: torch.dtype, device: str) -> None:
    """Refuse a model that does not fit, before anything is read."""
    import psutil

    needed = math.ceil(parameters * dtype.itemsize * ROOM)
    free = psutil.virtual_memory().available
    if device.startswith("cuda"):
        free = torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else 0
    if needed > free:
        raise SpecError(
            f"The model needs at least {needed / 2**30:,.1f} GiB in "
            f"{str(dtype).removeprefix('torch.')}, but {free / 2**30:,.1f} GiB are free on "
            f"{device}. Try bfloat16 or a smaller model."
        )


def _names(mapping: Mapping[str, Any]) -> Iterator[str]:
    for names in mapping.values():
        yield from (names,) if isinstance(names, str) else names


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise SpecError("Language models need transformers: pip install 'prunelab[lm]'.") from error
    return transformers


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Inside, transformers neither draws progress bars nor warns of lengths."""
    from transformers.utils import logging as theirs

    bars, level = theirs.is_progress_bar_enabled(), theirs.get_verbosity()
    theirs.disable_progress_bar()  # type: ignore[no-untyped-call]
    theirs.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        theirs.set_verbosity(level)
        if bars:
            theirs.enable_progress_bar()  # type: ignore[no-untyped-call]
