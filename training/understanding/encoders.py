"""Pretrained text encoders as Hugging Face models."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel, AutoTokenizer, BertConfig, BertModel, PreTrainedTokenizerFast

from training.export.models.e5_tokenizer import build_tokenizer
from training.export.models.e5_weights import E5Weights, read_e5
from training.weights.store import WeightStore

MINILM: Final = "all-MiniLM-L6-v2"
E5: Final = "multilingual-e5-small"
_WEIGHTS = Path(__file__).parents[1] / "weights"


@dataclass(frozen=True, slots=True)
class Encoder:
    """An encoder with what it needs: ``prefix`` stands before every text.

    ``model(input_ids, attention_mask).last_hidden_state`` is float[B, T, width].
    """

    name: str
    model: Any
    tokenizer: Any
    prefix: str
    licence: str


def load(name: str, cache: Path = Path("build/weights")) -> Encoder:
    """Load an encoder: a pinned one, that of a model trained here by its folder, or any other by its
    Hugging Face id or folder.

    Raises ``WeightsError`` where pinned weights cannot be had, ``OSError`` with the
    library's own advice for an id that cannot, ``DataError`` for
    a trained folder that is not whole.
    """
    if name == MINILM:
        folder = WeightStore(_WEIGHTS / "training.toml", cache).fetch("all_minilm_l6_v2")
        config = BertConfig.from_pretrained(folder, attn_implementation="sdpa")
        model = BertModel(config, add_pooling_layer=False)
        state = load_file(folder / "model.safetensors")
        # The file also has a pooler, which sentence-transformers does not use, and a range of numbers.
        unused = ("pooler.", "embeddings.position_ids")
        model.load_state_dict({key: value for key, value in state.items() if not key.startswith(unused)})
        tokenizer = fast_tokenizer(Tokenizer.from_file(str(folder / "tokenizer.json")))
        return Encoder(name, model, tokenizer, "", "Apache-2.0")
    if name == E5:
        folder = WeightStore(_WEIGHTS / "cpu.toml", cache).fetch("text_encoder")
        weights = read_e5(folder / "e5-small-q4.bin")
        return Encoder(name, _e5(weights), fast_tokenizer(build_tokenizer(weights)), "query: ", "MIT")
    if (Path(name) / "report.json").is_file():
        return _of_trained(Path(name))
    model = AutoModel.from_pretrained(name, **without_pooler(AutoConfig.from_pretrained(name)))
    return Encoder(name, model, AutoTokenizer.from_pretrained(name, use_fast=True), "", "as the source says")


def _of_trained(folder: Path) -> Encoder:
    from training.understanding.predict import load as load_trained  # needs this module

    trained = load_trained(folder)
    return Encoder(trained.encoder, trained.model.encoder, trained.tokenizer, trained.prefix, trained.licence)


def without_pooler(config: Any) -> dict[str, Any]:
    """Arguments that leave out the layer behind the first token, which mean pooling does not use."""
    return {"add_pooling_layer": False} if config.model_type in ("bert", "roberta", "xlm-roberta") else {}


def fast_tokenizer(tokenizer: Tokenizer) -> Any:
    """Wrap a tokenizer with its special tokens by their roles, BERT's or XLM-RoBERTa's."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    bert = tokenizer.token_to_id("[CLS]") is not None
    roles = (
        ("[CLS]", "[SEP]", "[UNK]", "[PAD]", "[MASK]") if bert else ("<s>", "</s>", "<unk>", "<pad>", None)
    )
    named = dict(zip(("cls_token", "sep_token", "unk_token", "pad_token", "mask_token"), roles, strict=True))
    if not bert:
        # The package leaves out XLM-RoBERTa's <mask>, whose vector stands behind the last piece.
        named |= {"bos_token": "<s>", "eos_token": "</s>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **{role: token for role, token in named.items() if token}
    )


def _e5(weights: E5Weights) -> Any:
    vocabulary = weights.matrices["emb.word"].values.shape[0]
    types = weights.vectors["emb.type"]
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=weights.width,
        num_hidden_layers=weights.layers,
        num_attention_heads=weights.heads,
        intermediate_size=weights.inner_width,
        max_position_embeddings=weights.positions,
        type_vocab_size=len(types),
        layer_norm_eps=weights.epsilon,
        pad_token_id=weights.pad_id,
        attn_implementation="sdpa",
    )
    model = BertModel(config, add_pooling_layer=False)
    state = {
        "embeddings.word_embeddings.weight": weights.matrices["emb.word"].dequantized(),
        "embeddings.position_embeddings.weight": weights.vectors["emb.pos"],
        "embeddings.token_type_embeddings.weight": types,
        "embeddings.LayerNorm.weight": weights.vectors["emb.ln.w"],
        "embeddings.LayerNorm.bias": weights.vectors["emb.ln.b"],
    }
    parts = {
        "q": "attention.self.query",
        "k": "attention.self.key",
        "v": "attention.self.value",
        "ao": "attention.output.dense",
        "fi": "intermediate.dense",
        "fo": "output.dense",
    }
    norms = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}
    for layer in range(weights.layers):
        ours, theirs = f"l{layer}.", f"encoder.layer.{layer}."
        for short, long in parts.items():
            state[f"{theirs}{long}.weight"] = weights.matrices[f"{ours}{short}.w"].dequantized()
            state[f"{theirs}{long}.bias"] = weights.vectors[f"{ours}{short}.b"]
        for short, long in norms.items():
            state[f"{theirs}{long}.weight"] = weights.vectors[f"{ours}{short}.w"]
            state[f"{theirs}{long}.bias"] = weights.vectors[f"{ours}{short}.b"]
    model.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
    return model
