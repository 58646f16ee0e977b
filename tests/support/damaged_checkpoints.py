"""Damages of a checkpoint, by the names of docs/bad-input.md; a damaged checkpoint is good in every other respect."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from complaints.backbones.checkpoint import checkpoint_digest
from complaints.backbones.model_files import read_model_files
from support.tiny_models import WORDS, save_tokenizer

Damage = Callable[[Path], object]

FILES = ("config.json", "classifier.json", "tokenizer.json", "model.safetensors", "head.safetensors")
JSON_FILES = ("config.json", "classifier.json")
LAYER = "encoder.layer.1.output.dense.weight"
"""A tensor of the encoder; a stock classifier has it under its base model's prefix."""


def named(folder: Path, name: str, tensors: dict[str, Any]) -> str:
    """Return the name that a tensor of the encoder has in this checkpoint."""
    return name if name in tensors else f"bert.{name}"


def edited(file: str, **changes: Any) -> Damage:
    """Return a damage that changes keys of a JSON file; None removes the key."""

    def change(folder: Path) -> None:
        tree = json.loads((folder / file).read_text()) | changes
        kept = {key: value for key, value in tree.items() if value is not None}
        (folder / file).write_text(json.dumps(kept))

    return change


def config(**changes: Any) -> Damage:
    return edited("config.json", **changes)


def settings(**changes: Any) -> Damage:
    return edited("classifier.json", **changes)


def sealed(change: Damage) -> Damage:
    """Return a change after which the settings have the digest of the changed files."""

    def changed(folder: Path) -> None:
        change(folder)
        own = json.loads((folder / "classifier.json").read_text())
        settings(files_sha256=checkpoint_digest(read_model_files(folder), own))(folder)

    return changed


def weights(change: Callable[[dict[str, torch.Tensor], str], object], file: str = "model.safetensors") -> Damage:
    """Return a damage of the tensors of a file; `change` gets them and the name of one."""

    def changed(folder: Path) -> None:
        tensors = {name: tensor.clone() for name, tensor in load_file(folder / file).items()}
        change(tensors, "weight" if file == "head.safetensors" else named(folder, LAYER, tensors))
        (folder / file).unlink()
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / file)

    return changed


def filled(value: float) -> Callable[[dict[str, torch.Tensor], str], object]:
    def fill(tensors: dict[str, torch.Tensor], name: str) -> None:
        tensors[name].flatten()[3] = value

    return fill


def more_layers(tensors: dict[str, torch.Tensor], name: str) -> None:
    tensors |= {key.replace("layer.1.", "layer.2."): value.clone() for key, value in tensors.items() if ".1." in key}


def of_other_shape(tensors: dict[str, torch.Tensor], name: str) -> None:
    tensors[name] = torch.cat([tensors[name], tensors[name]])


def every_file(change: Callable[[Path], object], files: tuple[str, ...] = FILES) -> dict[str, Damage]:
    """Return one damage for each file; the content of the path goes first."""

    def damage(file: str) -> Damage:
        return lambda folder: change(folder / file)

    return {file: damage(file) for file in files}


def replaced(change: Callable[[Path], object]) -> Callable[[Path], object]:
    """Return a change of a path after its file is removed."""

    def replace(path: Path) -> None:
        path.unlink()
        change(path)

    return replace


def moved_away(path: Path) -> None:
    outside = path.parent.parent / f"outside-{path.name}"
    path.rename(outside)
    path.symlink_to(outside)


def indexed(target: str) -> Damage:
    """Return a damage that puts an index in the place of the weights, which names `target` for each tensor."""

    def change(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        for name in ("w.bin", "sub/x.safetensors", "../x.safetensors", "decoy.safetensors"):
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(folder / "model.safetensors", folder / name)
        (folder / "model.safetensors").unlink()
        index = {"metadata": {}, "weight_map": dict.fromkeys(tensors, target)}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    return change


def with_index(text: str) -> Damage:
    """Return a damage that puts an index with this content in the place of the weights."""

    def change(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / "model.safetensors.index.json").write_text(text)

    return change


def half_indexed(folder: Path) -> None:
    indexed("decoy.safetensors")(folder)
    path = folder / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    index["weight_map"].popitem()
    path.write_text(json.dumps(index))


def sharded(folder: Path) -> None:
    """Cut the weights into two files with an index."""
    tensors = load_file(folder / "model.safetensors")
    index = {name: f"part-{i % 2}.safetensors" for i, name in enumerate(tensors)}
    for file in set(index.values()):
        save_file({name: tensors[name].clone() for name in index if index[name] == file}, folder / file)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))


def with_decoys(folder: Path) -> None:
    (folder / "a.safetensors").write_bytes(b"decoy")
    (folder / "pytorch_model.bin").write_bytes(b"decoy")
    (folder / "modeling_evil.py").write_text("raise SystemExit('code of a checkpoint ran')")
    (folder / "vocab.txt").write_text("decoy\n")
    (folder / "generation_config.json").write_text("[]")
    adapter = {"base_model_name_or_path": "org/model", "peft_type": "LORA"}
    (folder / "adapter_config.json").write_text(json.dumps(adapter))


def as_dvc_links(folder: Path) -> None:
    """Put each file into a cache like DVC's, and a link in its place."""
    for number, file in enumerate(sorted(file for file in folder.iterdir() if file.is_file())):
        cached = folder.parent / f"cache/files/md5/{number:02x}/{number:030x}"
        cached.parent.mkdir(parents=True)
        file.rename(cached)
        file.symlink_to(cached)


def other_words(folder: Path) -> None:
    save_tokenizer(folder, [*WORDS[:5], *reversed(WORDS[5:])])


def more_words(folder: Path) -> None:
    save_tokenizer(folder, [*WORDS, "evil"])


def distant_special_token(folder: Path) -> None:
    """Give [CLS] an id beyond the vocabulary in the template that adds it to each text."""
    path = folder / "tokenizer.json"
    tree = json.loads(path.read_text())
    tree["post_processor"]["special_tokens"]["[CLS]"]["ids"] = [99_999]
    path.write_text(json.dumps(tree))


def without_unknown_token(folder: Path) -> None:
    path = folder / "tokenizer.json"
    tree = json.loads(path.read_text())
    del tree["model"]["vocab"]["[UNK]"]
    path.write_text(json.dumps(tree))


def nested(depth: int) -> str:
    return '{"id2label": ' + '{"a": ' * depth + "1" + "}" * (depth + 1)


def deep_labels(folder: Path) -> None:
    path = folder / "config.json"
    tree = path.read_text().rstrip().removesuffix("}")
    path.write_text(f'{tree}, "id2label": {"[" * 900}{"]" * 900}}}')


def text_in(file: str, text: str) -> Damage:
    return lambda folder: (folder / file).write_text(text)


def bytes_in(file: str, content: bytes) -> Damage:
    return lambda folder: (folder / file).write_bytes(content)


REFUSED: dict[str, dict[str, Damage]] = {
    "a missing file": every_file(Path.unlink),
    "an empty file": every_file(lambda path: path.write_bytes(b"")),
    "a file cut short": every_file(lambda path: path.write_bytes(path.read_bytes()[:-9])),
    "a file of zeros": every_file(lambda path: path.write_bytes(bytes(path.stat().st_size))),
    "a folder in place of a file": every_file(replaced(Path.mkdir)),
    "a pipe in place of a file": every_file(replaced(os.mkfifo)),
    "a device in place of a file": every_file(replaced(lambda path: path.symlink_to("/dev/zero"))),
    "a link to nothing": every_file(replaced(lambda path: path.symlink_to("nothing"))),
    "a link to itself": every_file(replaced(lambda path: path.symlink_to(path.name))),
    "a link out of the folder": every_file(moved_away),
    "JSON that is not an object": {
        f"{file} {text}": text_in(file, text) for file in JSON_FILES for text in ("[]", "null", "3", '"text"')
    },
    "JSON nested too deep": {
        f"{file} {depth}": text_in(file, nested(depth)) for file in JSON_FILES for depth in (100, 900, 100_000)
    }
    | {"labels": deep_labels},
    "a number that JSON does not have": {"NaN": text_in("config.json", '{"model_type": "bert", "x": NaN}')},
    "settings without a key": {
        "empty": text_in("classifier.json", "{}"),
        **{key: settings(**{key: None}) for key in ("head", "pooling", "max_length")},
    },
    "settings without the digest of the files": {"missing": settings(files_sha256=None)},
    "settings with another value that is possible": {
        "pooling": settings(pooling="cls"),
        "longest input": settings(max_length=9),
        "truncation": settings(truncation="end"),
    },
    "settings with an unknown key": {"evil": settings(evil=1)},
    "an unknown head": {"evil": settings(head="evil"), "list": settings(head=["linear"])},
    "an unknown pooling": {"evil": settings(pooling="evil"), "number": settings(pooling=1)},
    "an impossible longest input": {str(value): settings(max_length=value) for value in (0, -1, "16", 1.5, 10**9)},
    "a longest input beyond the positions": {"65": settings(max_length=65)},
    "labels that are not one text per id": {
        "missing": config(id2label=None),
        "list": config(id2label=["Fees", "Other"]),
        "gap": config(id2label={"0": "Fees", "2": "Other"}),
        "number": config(id2label={"0": "Fees", "1": 2}),
        "empty": config(id2label={}),
        "blank": config(id2label={"0": "Fees", "1": " "}),
        "half a surrogate pair": config(id2label={"0": "Fees", "1": "\ud800"}),
    },
    "a label twice": {"Fees": config(id2label={"0": "Fees", "1": "Fees"})},
    "a label more than the head has": {"third": config(id2label={"0": "Fees", "1": "Other", "2": "More"})},
    "no model type": {"missing": config(model_type=None), "number": config(model_type=3)},
    "an unknown model type": {"evil": config(model_type="evil")},
    "a value of the configuration that fits too": {
        "attention heads": config(num_attention_heads=1),
        "causal attention": config(is_decoder=True),
        "other labels": config(id2label={"0": "Other", "1": "Fees"}),
        "a missing key": config(layer_norm_eps=None),
    },
    "a value of the weights that fits too": {
        "weights": weights(lambda tensors, name: tensors[name].mul_(2)),
        "head.safetensors": weights(lambda tensors, name: tensors[name].mul_(2), "head.safetensors"),
    },
    "another model type": {kind: config(model_type=kind) for kind in ("roberta", "llama", "distilbert", "clip", "t5")},
    "a quantized model": {
        "quantization_config": config(quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True}),
        "compression_config": config(compression_config={"quant_method": "compressed-tensors"}),
    },
    "far too many layers": {"100000": config(num_hidden_layers=100_000), "900": config(num_hidden_layers=900)},
    "a layer more than the weights have": {"3": config(num_hidden_layers=3)},
    "a layer less than the weights have": {"1": config(num_hidden_layers=1), "3": weights(more_layers)},
    "sizes of another model": {
        f"{key} {value}": config(**{key: value})
        for key, value in {
            "hidden_size": 18,
            "intermediate_size": 10**9,
            "vocab_size": 16,
            "max_position_embeddings": 10**11,
            "type_vocab_size": 5,
        }.items()
    },
    "values that no model has": {
        f"{key} {value}": config(**{key: value})
        for key, value in [
            ("num_hidden_layers", 0),
            ("num_hidden_layers", "two"),
            ("num_attention_heads", 7),
            ("num_attention_heads", 0),
            ("hidden_size", -16),
            ("hidden_act", "evil"),
            ("pad_token_id", 10**6),
            ("layer_norm_eps", "x"),
            ("vocab_size", "x"),
        ]
    },
    "a missing tensor": {"layer": weights(lambda tensors, name: tensors.pop(name))},
    "a renamed tensor": {"layer": weights(lambda tensors, name: tensors.update({f"{name}x": tensors.pop(name)}))},
    "a tensor more": {"evil": weights(lambda tensors, name: tensors.update(evil=torch.zeros(1)))},
    "a tensor of another shape": {"layer": weights(of_other_shape)},
    "a tensor of integers": {
        "layer": weights(lambda tensors, name: tensors.update({name: tensors[name].to(torch.int64)}))
    },
    "a weight that is not finite": {str(value): weights(filled(float(value))) for value in ("nan", "inf", "-inf")},
    "weights that overflow": {
        "1e38": weights(lambda tensors, name: [tensor.fill_(1e38) for tensor in tensors.values()])
    },
    "weights that are pickled": {
        "renamed": lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    },
    "an index that names other files": {
        name: indexed(name)
        for name in ("w.bin", "sub/x.safetensors", "../x.safetensors", "/etc/passwd", "..", "", "sub\\x.safetensors")
    },
    "an index that names a missing file": {"missing": indexed("missing.safetensors")},
    "an index that lists other tensors than its files": {"one less": half_indexed},
    "an index without a map": {
        text: with_index(text)
        for text in ("{}", '{"weight_map": []}', '{"weight_map": {}}', '{"weight_map": {"a": 3}}')
    },
    "a head of another shape": {"rows": weights(of_other_shape, "head.safetensors")},
    "a head that lacks a tensor": {"weight": weights(lambda tensors, name: tensors.pop(name), "head.safetensors")},
    "a head in half precision": {
        "half": weights(lambda tensors, name: tensors.update({name: tensors[name].half()}), "head.safetensors")
    },
    "a head that is not finite": {"nan": weights(filled(float("nan")), "head.safetensors")},
    "another vocabulary": {
        "other words": other_words,
        "tokenizer_config.json": lambda folder: (folder / "tokenizer_config.json").unlink(),
    },
    "ids beyond the vocabulary": {"word": more_words, "template": distant_special_token},
    "a tokenizer that cannot be read": {
        text: text_in("tokenizer.json", text)
        for text in ("[]", "{}", '{"model": {"type": "evil"}}', "[" * 900, "[" * 100_000, "x")
    }
    | {"no unknown token": without_unknown_token},
    "a tokenizer whose settings cannot be read": {
        text[:20]: text_in("tokenizer_config.json", text)
        for text in (
            *("[]", "x", nested(100), '{"pad_token": {"x": 1}}', '{"added_tokens_decoder": [3]}'),
            '{"model_max_length": {}}',
        )
    },
}
"""Damages that are refused, by the name of a row of the page and by the variant."""

LINEAR_ONLY = ("head.safetensors", "a head", "a label more", "a tensor more")

KEPT: dict[str, Damage] = {
    "files that are not of the model": with_decoys,
    "keys that select code or kernels": sealed(
        config(
            auto_map={"AutoModel": "modeling_evil.Evil", "AutoConfig": "modeling_evil.Config"},
            _attn_implementation="org/kernel",
            attn_implementation="org/kernel",
            transformers_weights="a.safetensors",
            torch_dtype="evil",
        )
    ),
    "a tokenizer that names code or files": sealed(
        edited(
            "tokenizer_config.json",
            auto_map={"AutoTokenizer": ["evil.Slow", "evil.Fast"]},
            tokenizer_file="/etc/passwd",
            init_inputs=["/etc/passwd"],
        )
    ),
    "weights in several files with an index": sealed(sharded),
    "links into DVC's cache": as_dvc_links,
}
"""Changes that change nothing."""
