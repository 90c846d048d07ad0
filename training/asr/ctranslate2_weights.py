"""Reads the weights of a CTranslate2 Whisper into transformers' Whisper, which can be trained.

The pinned weights of ``asr_en`` and ``asr_multilingual`` are CTranslate2 files in half precision. They hold
the tensors of the original, with attention's projections joined: query, key and value of self-attention in
one matrix, key and value of cross-attention in another (OpenNMT/CTranslate2, ``specs/attention_spec.py``).
"""

import json
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import tokenizers
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

_BINARY_VERSION: Final = 6
_SPEC: Final = "WhisperSpec"
_TYPES: Final = (np.float32, np.int8, np.int16, np.int32, np.float16)
"""By the number that the file gives a tensor's type."""

Variables = Mapping[str, NDArray[Any]]


def read_whisper(folder: Path) -> WhisperForConditionalGeneration:
    """Give the model of a folder with CTranslate2's model.bin, config.json and tokenizer.json, in float32.

    It decodes as CTranslate2 does: the same tokens are suppressed, the same heads align.

    Raises:
        ValueError: a file is missing or not what it should be, or its weights are quantized.
    """
    variables = read_variables(folder / "model.bin")
    config = _config(folder, variables)
    with torch.device("meta"):  # weights that are replaced at once need not be drawn
        model = WhisperForConditionalGeneration(config)
    tensors = state_dict(folder / "model.bin", variables)
    tensors["proj_out.weight"] = tensors["model.decoder.embed_tokens.weight"]
    try:
        model.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise ValueError(f"{folder / 'model.bin'}: not all of a Whisper's weights: {error}") from error
    model.tie_weights()
    model.generation_config = _generation(folder, config)
    return model.eval()


def read_variables(file: Path) -> dict[str, NDArray[Any]]:
    """Give all tensors of a model.bin by their names, as the file holds them.

    The format (OpenNMT/CTranslate2, ``specs/model_spec.py``): the version, the name of the architecture and
    its revision, then each tensor with name, shape, type and bytes, then the names of those that equal
    another. Strings end with a zero that their length counts.

    Raises:
        ValueError: the file cannot be read, is cut off, or holds something other than a Whisper.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ValueError(f"{file}: cannot be read: {error.strerror}") from error
    reader = _Reader(content)
    try:
        version, name, _ = reader.number("<I"), reader.text(), reader.number("<I")
        if (version, name) != (_BINARY_VERSION, _SPEC):
            raise ValueError(
                f"{file}: holds {name!r} in version {version} of CTranslate2's format: "
                f"wanted is {_SPEC} in version {_BINARY_VERSION}"
            )
        variables = dict(reader.variable() for _ in range(reader.number("<I")))
        names = [(reader.text(), reader.text()) for _ in range(reader.number("<I"))]
        return variables | {name: variables[same] for name, same in names}
    except (struct.error, UnicodeDecodeError, LookupError) as error:
        raise ValueError(f"{file}: is cut off, or no model of CTranslate2: fetch the weights anew") from error


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def number(self, form: str) -> int:
        (value,) = struct.unpack_from(form, self._content, self._at)
        self._at += struct.calcsize(form)
        return int(value)

    def text(self) -> str:
        return self._take(self.number("<H"))[:-1].decode()

    def variable(self) -> tuple[str, NDArray[Any]]:
        name = self.text()
        shape = [self.number("<I") for _ in range(self.number("<B"))]
        kind = _TYPES[self.number("<B")]
        values = np.frombuffer(self._take(self.number("<I")), kind)
        return name, values.reshape(shape)

    def _take(self, count: int) -> bytes:
        if self._at + count > len(self._content):
            raise IndexError(count)
        self._at += count
        return self._content[self._at - count : self._at]


def state_dict(file: Path, variables: Variables) -> dict[str, Tensor]:
    """Give the tensors under transformers' names, in float32; ``file`` is named in errors.

    Raises:
        ValueError: the weights are quantized, or keys have a bias, which Whisper's have not.
    """
    quantized = next(
        (name for name, values in variables.items() if values.dtype == np.int8 and values.ndim), ""
    )
    if quantized:
        raise ValueError(f"{file}: {quantized} is quantized: train from weights in half or full precision")

    def tensor(name: str) -> Tensor:
        if name not in variables:
            raise ValueError(f"{file}: has no {name}: fetch the weights anew")
        return torch.from_numpy(variables[name].astype(np.float32))

    found: dict[str, Tensor] = {}

    def both(target: str, source: str, names: tuple[str, str] = ("weight", "bias")) -> None:
        for ours, theirs in zip(("weight", "bias"), names, strict=True):
            found[f"{target}.{ours}"] = tensor(f"{source}/{theirs}")

    def projections(target: str, source: str, names: tuple[str, ...]) -> None:
        weights, biases = (tensor(f"{source}/{part}").chunk(len(names)) for part in ("weight", "bias"))
        for name, weight, bias in zip(names, weights, biases, strict=True):
            found[f"{target}.{name}.weight"] = weight.clone()
            if name != "k_proj":
                found[f"{target}.{name}.bias"] = bias.clone()
            elif bias.any():
                raise ValueError(f"{file}: {source} gives keys a bias, which Whisper has not")

    def normalization(target: str, source: str) -> None:
        both(target, source, ("gamma", "beta"))

    for convolution in ("conv1", "conv2"):
        both(f"model.encoder.{convolution}", f"encoder/{convolution}")
    found["model.decoder.embed_tokens.weight"] = tensor("decoder/embeddings/weight")
    for side in ("encoder", "decoder"):
        found[f"model.{side}.embed_positions.weight"] = tensor(f"{side}/position_encodings/encodings")
        normalization(f"model.{side}.layer_norm", f"{side}/layer_norm")
        for index in range(_layers(variables, side)):
            target, source = f"model.{side}.layers.{index}", f"{side}/layer_{index}"
            own = f"{source}/self_attention"
            normalization(f"{target}.self_attn_layer_norm", f"{own}/layer_norm")
            projections(f"{target}.self_attn", f"{own}/linear_0", ("q_proj", "k_proj", "v_proj"))
            both(f"{target}.self_attn.out_proj", f"{own}/linear_1")
            if side == "decoder":
                other = f"{source}/attention"
                normalization(f"{target}.encoder_attn_layer_norm", f"{other}/layer_norm")
                projections(f"{target}.encoder_attn", f"{other}/linear_0", ("q_proj",))
                projections(f"{target}.encoder_attn", f"{other}/linear_1", ("k_proj", "v_proj"))
                both(f"{target}.encoder_attn.out_proj", f"{other}/linear_2")
            normalization(f"{target}.final_layer_norm", f"{source}/ffn/layer_norm")
            both(f"{target}.fc1", f"{source}/ffn/linear_0")
            both(f"{target}.fc2", f"{source}/ffn/linear_1")
    return found


def _layers(variables: Variables, side: str) -> int:
    return len({found[0] for name in variables if (found := re.match(rf"{side}/layer_\d+/", name))})


def _config(folder: Path, variables: Variables) -> WhisperConfig:
    file = folder / "model.bin"
    try:
        vocabulary, width = variables["decoder/embeddings/weight"].shape
        end, start = (_token(folder, name) for name in ("<|endoftext|>", "<|startoftranscript|>"))
        return WhisperConfig(
            vocab_size=vocabulary,
            d_model=width,
            num_mel_bins=variables["encoder/conv1/weight"].shape[1],
            max_source_positions=variables["encoder/position_encodings/encodings"].shape[0],
            max_target_positions=variables["decoder/position_encodings/encodings"].shape[0],
            encoder_layers=_layers(variables, "encoder"),
            decoder_layers=_layers(variables, "decoder"),
            encoder_attention_heads=int(variables["encoder/num_heads"]),
            decoder_attention_heads=int(variables["decoder/num_heads"]),
            encoder_ffn_dim=variables["encoder/layer_0/ffn/linear_0/weight"].shape[0],
            decoder_ffn_dim=variables["decoder/layer_0/ffn/linear_0/weight"].shape[0],
            bos_token_id=end,
            eos_token_id=end,
            pad_token_id=end,
            decoder_start_token_id=start,
        )
    except KeyError as error:
        raise ValueError(f"{file}: has no {error.args[0]}: fetch the weights anew") from error


def _generation(folder: Path, config: WhisperConfig) -> GenerationConfig:
    file = folder / "config.json"
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        return GenerationConfig(
            bos_token_id=config.bos_token_id,
            eos_token_id=config.eos_token_id,
            pad_token_id=config.pad_token_id,
            decoder_start_token_id=config.decoder_start_token_id,
            no_timestamps_token_id=_token(folder, "<|notimestamps|>"),
            suppress_tokens=told["suppress_ids"],
            begin_suppress_tokens=told["suppress_ids_begin"],
            alignment_heads=told["alignment_heads"],
            max_length=config.max_target_positions,
            return_timestamps=False,
        )
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{file}: is no configuration of a CTranslate2 Whisper: {error!r}") from error


def _token(folder: Path, name: str) -> int:
    file = folder / "tokenizer.json"
    try:
        found = tokenizers.Tokenizer.from_file(str(file)).token_to_id(name)
    except Exception as error:  # the library raises nothing more special
        raise ValueError(f"{file}: cannot be read: {error}") from error
    if found is None:
        raise ValueError(f"{file}: has no token {name}")
    return int(found)
