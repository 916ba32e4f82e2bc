"""The Youtu layout of transformers: files that `YoutuForCausalLM.from_pretrained` loads as they are.

config.json and model.safetensors hold the model, generation_config.json the special ids. The padding id stands only
in the last, as in the published model: transformers 5.23 zeroes the embedding of a `pad_token_id` named in
config.json while loading, and with tied embeddings that changes logits.

Export and import are exact: weights keep their bits, and exporting what was imported gives the same files. Import also
reads weights cut into several files, a redundant head, and the older `youtu_llm` layout of config.json.
Anything foreign, torn or not finite is refused with a ValueError that names the field and the remedy.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from model.backends import AttentionBackend
from model.config import MLAConfig, Yarn
from model.init import deviation
from model.tensor_files import save_tensors
from model.transformer import MLATransformer

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
GENERATION_FILE = "generation_config.json"
_PREFIX = "model."
_HEAD = "lm_head.weight"
_EMBEDDING = "model.embed_tokens.weight"
DTypeName = Literal["float32", "bfloat16", "float16"]
_DTYPES: dict[DTypeName, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


class _Rope(BaseModel):
    model_config = ConfigDict(extra="forbid")
    rope_type: Literal["default"]
    rope_theta: float


class _YarnRope(BaseModel):
    """Beside theta, the fields of `model.config.Yarn`."""

    model_config = ConfigDict(extra="forbid")
    rope_type: Literal["yarn"]
    rope_theta: float
    factor: float
    original_max_position_embeddings: int
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    attention_factor: float | None = None
    mscale: float | None = None
    mscale_all_dim: float | None = None
    truncate: Literal[True] = Field(True, description="the range of slowed pairs is rounded outwards")


class _YoutuFile(BaseModel):
    """The fields of config.json this model depends on. Fields about other things are ignored, as transformers does."""

    model_config = ConfigDict(extra="ignore")

    model_type: Literal["youtu"]
    architectures: tuple[Literal["YoutuForCausalLM"], ...] = ("YoutuForCausalLM",)
    dtype: DTypeName = "float32"
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    q_lora_rank: int
    kv_lora_rank: int
    qk_nope_head_dim: int
    qk_rope_head_dim: int
    v_head_dim: int
    max_position_embeddings: int
    rms_norm_eps: float
    bos_token_id: int
    eos_token_id: int
    pad_token_id: None = Field(None, description="belongs into generation_config.json: see the module")
    rope_parameters: _Rope | _YarnRope = Field(discriminator="rope_type")
    rope_interleave: Literal[True] = True
    hidden_act: Literal["silu"] = "silu"
    attention_bias: Literal[False] = False
    tie_word_embeddings: Literal[True] = True

    @model_validator(mode="before")
    @classmethod
    def _from_the_older_layout(cls, raw: object) -> object:
        """Before transformers took the model in, its own code wrote `youtu_llm`, and theta and type elsewhere.

        Of the two places of a scaled rope the older one wins and theta is filled in, as in transformers 5.
        """
        if not isinstance(raw, dict):
            return raw
        new, older = dict(raw), raw.get("model_type") == "youtu_llm"
        if older:
            new |= {"model_type": "youtu", "architectures": ["YoutuForCausalLM"]}
            new.setdefault("dtype", raw.get("torch_dtype", "float32"))
        rope = raw.get("rope_scaling") or raw.get("rope_parameters") or ({} if older and "rope_theta" in raw else None)
        if isinstance(rope, dict):
            kind = {"rope_type": rope.get("type", "default")}
            theta = {"rope_theta": raw["rope_theta"]} if "rope_theta" in raw else {}
            new["rope_parameters"] = kind | theta | {name: value for name, value in rope.items() if name != "type"}
        return new


class _Index(BaseModel):
    """Which file holds which tensor, where weights are cut into several."""

    weight_map: dict[str, str] = Field(min_length=1)


class _GenerationFile(BaseModel):
    model_config = ConfigDict(extra="ignore")

    pad_token_id: int | None = None


def youtu_config(config: MLAConfig, dtype: torch.dtype) -> dict[str, Any]:
    """config.json as transformers 5.23 reads it."""
    names = {torch_dtype: name for name, torch_dtype in _DTYPES.items()}
    if dtype not in names:
        raise ValueError(f"dtype = {dtype}: cannot be exported; convert the model to one of {list(_DTYPES)}")
    shape = {name: getattr(config, name) for name in _YoutuFile.model_fields if hasattr(config, name)}
    rope: dict[str, Any] = {"rope_type": "default", "rope_theta": config.rope_theta}
    if config.rope_scaling is not None:
        given = {name: value for name, value in asdict(config.rope_scaling).items() if value is not None}
        rope |= {"rope_type": "yarn"} | given
    return shape | {
        "pad_token_id": None,
        "model_type": "youtu",
        "architectures": ["YoutuForCausalLM"],
        "dtype": names[dtype],
        "num_key_value_heads": config.num_attention_heads,
        "head_dim": config.qk_rope_head_dim,
        "rope_parameters": rope,
        "rope_interleave": True,
        "hidden_act": "silu",
        "attention_bias": False,
        "attention_dropout": 0.0,
        "initializer_range": deviation(config),
        "embedding_initializer_range": 2 * deviation(config),
        "tie_word_embeddings": True,
        "use_cache": True,
    }


def export_pretrained(model: MLATransformer, directory: Path) -> None:
    """Write the three files. The tied head is stored once, as the embedding.

    Raises ValueError if a weight is not finite: such a model answers nothing and no reader should meet it.
    """
    weights = {_PREFIX + name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    for name, tensor in weights.items():
        _check_finite(name, tensor, "resume from an earlier checkpoint")
    config = youtu_config(model.config, model.head_weight.dtype)
    directory.mkdir(parents=True, exist_ok=True)
    save_tensors(weights, directory / WEIGHTS_FILE, {"format": "pt"})
    special = {name: getattr(model.config, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    for name, content in ((CONFIG_FILE, config), (GENERATION_FILE, special)):
        (directory / name).write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def load_pretrained(directory: Path, attention: AttentionBackend = "padded") -> MLATransformer:
    """Read a Youtu checkpoint in the type it is stored in. Raises ValueError as the module says."""
    directory = Path(directory)
    config, dtype = load_config(directory)
    weights = _read_weights(directory)
    with torch.device("meta"):
        model = MLATransformer(config, attention)
    expected = {_PREFIX + name: tensor.shape for name, tensor in model.state_dict().items()}
    where = directory / WEIGHTS_FILE
    head = weights.pop(_HEAD, None)
    if head is not None and not torch.equal(head, weights.get(_EMBEDDING, head.new_empty(0))):
        raise ValueError(f"{where}: {_HEAD} differs from {_EMBEDDING}; only tied embeddings are supported")
    missing, foreign = sorted(expected.keys() - weights.keys()), sorted(weights.keys() - expected.keys())
    if missing or foreign:
        raise ValueError(
            f"{where}: missing {missing[:3]} ({len(missing)} in all), foreign {foreign[:3]} ({len(foreign)} in all); "
            f"give the weights that belong to {directory / CONFIG_FILE}"
        )
    for name, tensor in weights.items():
        if tensor.shape != expected[name]:
            raise ValueError(
                f"{where}: {name} has shape {tuple(tensor.shape)}, but {CONFIG_FILE} asks for {tuple(expected[name])}; "
                "give weights and config of one model"
            )
        if tensor.dtype != dtype:
            raise ValueError(f"{where}: {name} is {tensor.dtype}, but {CONFIG_FILE} says dtype = {dtype}; correct one")
        _check_finite(f"{where}: {name}", tensor, "restore the checkpoint")
    model.load_state_dict({name.removeprefix(_PREFIX): tensor for name, tensor in weights.items()}, assign=True)
    return model


def load_config(directory: Path) -> tuple[MLAConfig, torch.dtype]:
    """Shape and stored type of a checkpoint, from config.json alone. Raises ValueError naming a wrong field."""
    path, generation_path = Path(directory) / CONFIG_FILE, Path(directory) / GENERATION_FILE
    file = _read(_YoutuFile, path)
    generation = _read(_GenerationFile, generation_path) if generation_path.exists() else _GenerationFile()
    if file.num_key_value_heads != file.num_attention_heads:
        raise ValueError(
            f"{path}: num_key_value_heads = {file.num_key_value_heads}: MLA has one per head, so set it to "
            f"num_attention_heads = {file.num_attention_heads}"
        )
    shape = {name: getattr(file, name) for name in MLAConfig.__dataclass_fields__ if hasattr(file, name)}
    rope = file.rope_parameters.model_dump(exclude={"rope_type", "truncate"})
    shape |= {"rope_theta": rope.pop("rope_theta"), "pad_token_id": generation.pad_token_id}
    try:
        return MLAConfig(**shape, rope_scaling=Yarn(**rope) if rope else None), _DTYPES[file.dtype]
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


_File = TypeVar("_File", bound=BaseModel)


def _read(schema: type[_File], path: Path) -> _File:
    try:
        return schema.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ValueError(f"{path}: missing; name a directory with {CONFIG_FILE} and {WEIGHTS_FILE}") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "file"
        raise ValueError(f"{path}: {field}: {first['msg']}; give the {path.name} of a Youtu checkpoint") from None


def _read_weights(directory: Path) -> dict[str, Tensor]:
    """All tensors: of one file, or of the files that an index names. Pickles are never opened: they can run code."""
    index = directory / INDEX_FILE
    if (directory / WEIGHTS_FILE).exists() or not index.exists():
        return _read_tensors(directory / WEIGHTS_FILE)
    weights: dict[str, Tensor] = {}
    for name in sorted(set(_read(_Index, index).weight_map.values())):
        if Path(name).name != name:
            raise ValueError(f"{index}: weight_map names {name!r}; weights must lie beside their index")
        weights |= _read_tensors(directory / name)
    return weights


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except FileNotFoundError:
        pickles = sorted(found.name for found in path.parent.glob("*.bin"))
        remedy = f"convert {pickles[0]} to safetensors first, pickles can run code" if pickles else "restore it"
        raise ValueError(f"{path}: missing; {remedy}") from None
    except SafetensorError as error:
        raise ValueError(f"{path}: not a whole safetensors file ({error}); restore the checkpoint") from None


def _check_finite(name: str, tensor: Tensor, remedy: str) -> None:
    if not torch.isfinite(tensor).all():
        count = int((~torch.isfinite(tensor)).sum())
        raise ValueError(f"{name}: {count} of {tensor.numel()} values are NaN or infinite; {remedy}")
