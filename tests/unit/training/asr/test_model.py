"""The short window, what learns, and what the decoder is given."""

from pathlib import Path

import torch

from training.asr.arguments import AsrArguments
from training.asr.ctranslate2_weights import read_whisper
from training.asr.model import Texts, load, with_lora


def test_the_short_window_is_the_long_one_where_both_hear(weights: Path) -> None:
    torch.manual_seed(0)
    mels = torch.randn(2, 80, 3000)
    with torch.no_grad():
        expected = read_whisper(weights).model.encoder(mels).last_hidden_state
        long = load(weights).model.encoder(mels).last_hidden_state
        short = load(weights).model.encoder(mels[:, :, :400]).last_hidden_state
    torch.testing.assert_close(long, expected)
    assert short.shape == (2, 200, 32)


def test_the_matrices_alone_learn_and_begin_without_effect(weights: Path) -> None:
    mels, given = torch.randn(1, 80, 200), torch.tensor([[1, 2, 3]])
    with torch.no_grad():
        before = load(weights)(input_features=mels, decoder_input_ids=given).logits
    lora = with_lora(load(weights), AsrArguments(lora_rank=2))
    whisper = lora.get_base_model()
    torch.testing.assert_close(whisper.eval()(input_features=mels, decoder_input_ids=given).logits, before)
    learned = {name for name, values in lora.named_parameters() if values.requires_grad}
    assert learned
    assert all("lora_" in name and ("q_proj" in name or "v_proj" in name) for name in learned)
    whisper(input_features=mels, decoder_input_ids=given).logits.square().sum().backward()
    moved = {
        name for name, values in lora.named_parameters() if values.grad is not None and values.grad.any()
    }
    assert moved == {name for name in learned if "lora_B" in name}  # A is multiplied by B, which is 0


def test_the_decoder_is_given_what_serving_gives(weights: Path) -> None:
    tokenizer = weights / "tokenizer.json"
    english = Texts(tokenizer, multilingual=False)
    both = Texts(tokenizer, multilingual=True, prompt_zh="ab")
    names = {token: index for index, token in english._tokenizer.get_vocab().items()}
    assert [names[token] for token in english.prompt("en")] == ["<|startoftranscript|>", "<|notimestamps|>"]
    assert [names[token] for token in both.prompt("zh")] == [
        "<|startofprev|>",
        "a",
        "b",
        "<|startoftranscript|>",
        "<|zh|>",
        "<|transcribe|>",
        "<|notimestamps|>",
    ]
    tokens = english.tokens(" Six ", "en")
    assert [names[token] for token in tokens] == ["Ġ", "S", "i", "x", "<|endoftext|>"]
    assert english.decode(tokens) == "Six"
    assert both.decode(both.tokens("六", "zh")) == "六"
