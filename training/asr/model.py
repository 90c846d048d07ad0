"""Whisper as training runs it: heard through a short window, with the prompts that serving gives it."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import tokenizers
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn
from transformers import WhisperForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from training.asr.arguments import AsrArguments
from training.asr.ctranslate2_weights import read_whisper

NOT_LEARNED: Final = -100
"""Label of a token that the loss leaves out."""


class ShortWindowEncoder(WhisperEncoder):
    """Whisper's encoder for mels [B, M, F] of any even F up to 3000 frames, instead of exactly 3000.

    Its forward is that of transformers, with the position embeddings cut to what is heard: thirty seconds
    would be paid for every clip otherwise. Serving hears through a short window too, by the same cut.
    """

    def forward(self, input_features: Tensor, attention_mask: Tensor | None = None, **others: Any) -> Any:
        """Give the states [B, F/2, W]."""
        heard = nn.functional.gelu(self.conv1(input_features))
        heard = nn.functional.gelu(self.conv2(heard)).permute(0, 2, 1)
        states = heard + self.embed_positions.weight[: heard.shape[1]]
        states = nn.functional.dropout(states, p=self.dropout, training=self.training)
        for layer in self.layers:
            states = layer(states, None, **others)
        return BaseModelOutput(last_hidden_state=self.layer_norm(states))


def load(folder: Path) -> WhisperForConditionalGeneration:
    """Give the model of a folder of CTranslate2 weights, all frozen, with a short window.

    Raises ``ValueError`` as ``read_whisper`` does.
    """
    model = read_whisper(folder)
    with torch.device("meta"):
        encoder = ShortWindowEncoder(model.config)
    encoder.load_state_dict(model.model.encoder.state_dict(), assign=True)
    model.model.encoder = encoder
    return model.requires_grad_(False).eval()


def with_lora(model: WhisperForConditionalGeneration, arguments: AsrArguments) -> PeftModel:
    """Add low-rank matrices to the layers that the arguments name; they alone learn."""
    config = LoraConfig(
        r=arguments.lora_rank,
        lora_alpha=arguments.lora_alpha,
        lora_dropout=arguments.lora_dropout,
        target_modules=list(arguments.lora_layers),
    )
    with warnings.catch_warnings():
        # peft asks for what transformers calls otherwise now.
        warnings.filterwarnings("ignore", ".*gradient_checkpointing", FutureWarning)
        return get_peft_model(model, config)


class Texts:
    """Transcripts as Whisper's tokens, after the prompt that serving gives."""

    def __init__(self, tokenizer: Path, multilingual: bool, prompt_zh: str = "") -> None:
        self._tokenizer = tokenizers.Tokenizer.from_file(str(tokenizer))
        self._multilingual = multilingual
        self._before_zh = []
        if prompt_zh:
            ids = self._tokenizer.encode(prompt_zh, add_special_tokens=False).ids
            self._before_zh = [self._id("<|startofprev|>"), *ids]
        self.end = self._id("<|endoftext|>")

    def prompt(self, language: str) -> list[int]:
        """Give the tokens that stand before the text."""
        start = [self._id("<|startoftranscript|>")]
        if self._multilingual:
            start += [self._id(f"<|{language}|>"), self._id("<|transcribe|>")]
        return [*(self._before_zh if language == "zh" else []), *start, self._id("<|notimestamps|>")]

    def tokens(self, text: str, language: str) -> list[int]:
        """Give a transcript's tokens, with the end."""
        # Whisper's texts begin with a space where words have spaces.
        spaced = text.strip() if language == "zh" else f" {text.strip()}"
        return [*self._tokenizer.encode(spaced, add_special_tokens=False).ids, self.end]

    def decode(self, tokens: Sequence[int]) -> str:
        """Give the text of tokens, those for control left out."""
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=True)).strip()

    def _id(self, token: str) -> int:
        found = self._tokenizer.token_to_id(token)
        if found is None:
            raise ValueError(f"the tokenizer has no token {token}")
        return int(found)


def transcribe(
    model: WhisperForConditionalGeneration, heard: BaseModelOutput, prompt: Sequence[int], most: int
) -> list[list[int]]:
    """Give the likeliest tokens after a prompt, one after the other, at most ``most``.

    ``heard`` is what the encoder made of the clips: states [B, S, W].

    The library's ``generate`` wants thirty seconds and seeks through them; what it suppresses is
    suppressed here as well.
    """
    settings = model.generation_config
    suppressed, at_first = settings.suppress_tokens, settings.begin_suppress_tokens
    clips, device = len(heard.last_hidden_state), heard.last_hidden_state.device
    given = torch.tensor([list(prompt)] * clips, device=device)
    past, ended = None, torch.zeros(clips, dtype=torch.bool, device=device)
    never = torch.tensor(suppressed, device=device)
    found: list[list[int]] = [[] for _ in range(clips)]
    with torch.no_grad():
        for step in range(most):
            told = model(encoder_outputs=heard, decoder_input_ids=given, past_key_values=past, use_cache=True)
            past = told.past_key_values
            scores = told.logits[:, -1].index_fill(1, never, -torch.inf)
            if step == 0:
                scores[:, at_first] = -torch.inf
            given = scores.argmax(dim=-1, keepdim=True)
            ended |= given[:, 0] == settings.eos_token_id
            if ended.all():
                break
            for tokens, token, over in zip(found, given[:, 0].tolist(), ended.tolist(), strict=True):
                if not over:
                    tokens.append(token)
    return found
