"""Folders of language models: what is read, what is refused, and the command that reads them."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import language_models as tiny
import pytest
import torch

from prunelab import lm
from prunelab.datasets.tales import written
from prunelab.lm import folder as folders
from prunelab.lm.__main__ import main
from prunelab.spec import SpecError

TEXT = written(6000)
KNOBS = ("--knob", "gamma=0", "--knob", "activity=raw")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tiny.saved(tmp_path_factory.mktemp("models") / "llama")


def test_folders_that_are_no_models_are_refused(home, tmp_path):
    def copied(name):
        return shutil.copytree(home, tmp_path / name)

    with pytest.raises(SpecError, match="dtype must be one of float32, bfloat16"):
        lm.read(home, dtype="float8")
    with pytest.raises(SpecError, match="There is no folder"):
        lm.read(tmp_path / "nothing")
    code = copied("code")
    tiny.edited(code, "config.json", auto_map={"AutoModelForCausalLM": "evil.Model"})
    with pytest.raises(SpecError, match="asks to run its own code"):
        lm.read(code)
    pickled = copied("pickled")
    (pickled / "model.safetensors").unlink()
    torch.save({}, pickled / "pytorch_model.bin")
    with pytest.raises(SpecError, match=r"pytorch_model.bin|pickle"):
        lm.read(pickled)
    other = copied("other")
    tiny.edited(other, "config.json", architectures=["BertModel"])
    with pytest.raises(SpecError, match="BertModel"):
        lm.read(other)
    deeper = copied("deeper")
    tiny.edited(deeper, "config.json", num_hidden_layers=4)
    with pytest.raises(SpecError, match=r"lacks 9 tensors of its model.*Save the model once more"):
        lm.read(deeper)
    bare = copied("bare")
    (bare / "model.safetensors").unlink()
    with pytest.raises(SpecError, match=r"holds no model.safetensors"):
        lm.read(bare)
    for number, huge in enumerate(({"intermediate_size": 10**9}, {"num_hidden_layers": 10**9})):
        vast = copied(f"vast-{number}")
        tiny.edited(vast, "config.json", **huge)
        with pytest.raises(SpecError, match="lacks most of its model"):
            lm.read(vast)


def test_a_folder_without_tokenizer_or_too_large_is_refused(home, tmp_path, monkeypatch):
    wordless = shutil.copytree(home, tmp_path / "wordless")
    (wordless / "tokenizer.json").unlink()
    with pytest.raises(SpecError, match="has no tokenizer that can be read"):
        lm.read(wordless)
    import psutil

    real = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: real._replace(available=1000))
    with pytest.raises(
        SpecError, match=r"The model needs at least 0.0 GiB in bfloat16, but 0.0 GiB are free"
    ):
        lm.read(home, dtype="bfloat16")


def test_hub_names_are_fetched_without_pickles_or_refused(home, tmp_path, monkeypatch):
    import huggingface_hub

    asked = {}

    def fetched(name, dry_run=False, **more):
        if dry_run:
            return [SimpleNamespace(filename="model.safetensors", file_size=size)]
        asked.update(more, name=name)
        return str(shutil.copytree(home, more["local_dir"]))

    monkeypatch.setenv("PRUNELAB_HOME", str(tmp_path))
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetched)
    size = 10**15
    with pytest.raises(SpecError, match=r"The model needs at least 1,117,587\.1 GiB"):
        lm.read("somebody/tiny")
    assert not asked  # nothing was fetched
    size = 10**6
    assert lm.read("somebody/tiny").model.config.model_type == "llama"
    assert asked["name"] == "somebody/tiny"
    assert all(not p.endswith((".bin", ".pt", ".py")) for p in asked["allow_patterns"])

    def unreachable(name, **more):
        raise OSError("no route")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(SpecError, match="no hub could give it"):
        lm.read("somebody/else")


def test_text_and_model_must_belong_together(home):
    language = lm.read(home)
    assert language.tokens("the fox").shape == (7,)
    assert language.calibration(TEXT, 4, 32).shape == (4, 32)
    assert torch.equal(language.calibration(TEXT, 4, 32), language.calibration(TEXT, 4, 32))
    assert not torch.equal(language.calibration(TEXT, 4, 32, 1), language.calibration(TEXT, 4, 32))
    with pytest.raises(SpecError, match="The text is empty"):
        language.tokens(" ")
    with pytest.raises(SpecError, match="which is 3 sequences of 32; 64 are wanted"):
        language.calibration(TEXT[:100], 64, 32)
    with pytest.raises(SpecError, match="must be at least 1, got 4 of 0 tokens"):
        language.calibration(TEXT, 4, 0)
    for length in (65, 99):
        long = torch.zeros(2, length, dtype=torch.long)
        with pytest.raises(SpecError, match=f"at most 64 tokens at once, got {length}"):
            lm.prune(language.model, long)
        with pytest.raises(SpecError, match=f"at most 64 tokens at once, got {length}"):
            lm.quality(language.model, long.flatten(), length=length)
    for token in (-1, 32):
        with pytest.raises(SpecError, match=r"from 0 to 31, got .* of another vocabulary"):
            lm.prune(language.model, torch.full((2, 8), token))
    with pytest.raises(SpecError, match=r"from 0 to 3, .* of another vocabulary"):
        lm.agreement(language.model, _small(), torch.arange(9), length=8)
    with pytest.raises(SpecError, match="The prompt is empty"):
        lm.continued(language.model, language.tokenizer, "")
    assert lm.continued(language.model, language.tokenizer, "the ", 3).startswith("t")
    language.model.resize_token_embeddings(5)
    with pytest.raises(SpecError, match="they do not belong together"):
        language.tokens("zebra")


def _small():
    model = tiny.model("llama")
    model.resize_token_embeddings(4)
    return model


def test_a_tokenizer_of_another_model_is_refused(home, tmp_path):
    small = shutil.copytree(home, tmp_path / "small")
    language = lm.read(home)
    language.model.resize_token_embeddings(5)
    with folders._quiet():
        language.model.save_pretrained(small)
    with pytest.raises(SpecError, match=r"has 32 tokens, its model 5"):
        lm.read(small)


def test_the_command_prunes_measures_and_saves(home, tmp_path, capsys):
    text = tmp_path / "text.txt"
    text.write_text(TEXT, encoding="utf-8")
    words = [str(home), "--text", str(text), "--sequences", "8", "--length", "32"]
    out = tmp_path / "out"
    assert main([*words, "--sparsity", "0.25", *KNOBS, "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sparsity"] == {"asked": 0.25, "achieved": 0.25, "of": 120}
    assert told["parameters"][1] < told["parameters"][0]
    assert lm.read(out).model.config.intermediate_size == 30
    assert main([*words, "--unit", "weights", "--method", "wanda", "--pattern", "2:4"]) == 0
    assert "Perplexity" in capsys.readouterr().out
    assert main([*words, "--unit", "weights", "--method", "wanda", "--pattern", "2-4"]) == 2
    assert "--pattern must be N:M such as 2:4, got '2-4'" in capsys.readouterr().err
    assert main([*words, "--knob", "gamma"]) == 2
    assert "--knob must be NAME=VALUE such as gamma=0.5, got 'gamma'" in capsys.readouterr().err
    assert main([*words, "--method", "wandaa"]) == 2
    assert "The methods for neurons are" in capsys.readouterr().err
    text.write_bytes(b"\xff\xfe\xff")
    assert main(words) == 2
    assert "must be a text in UTF-8" in capsys.readouterr().err
