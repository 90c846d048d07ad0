"""What the whisper backend does itself: the spectrogram, the words, the loops, the cuts."""

import itertools

import numpy as np
import pytest

from training.export.backends.whisper.features import SAMPLE_RATE, LogMel
from training.export.backends.whisper.transcriber import Settings, cuts, read_settings
from training.export.backends.whisper.words import repeats, split_words


def test_the_short_window_is_the_long_one_cut_off() -> None:
    random = np.random.default_rng(0)
    samples = (0.1 * random.standard_normal(2 * SAMPLE_RATE)).astype(np.float32)
    log_mel = LogMel()
    short, long = log_mel(samples, 1000), log_mel(samples, 3000)
    assert short.shape == (80, 1000)
    np.testing.assert_array_equal(short, long[:, :1000])
    assert (short[:, 250:] == short.min()).all()


def test_padding_equals_silence() -> None:
    samples = (0.1 * np.random.default_rng(1).standard_normal(SAMPLE_RATE)).astype(np.float32)
    silence = np.zeros(4 * SAMPLE_RATE, np.float32)
    log_mel = LogMel()
    explicit = log_mel(np.concatenate([samples, silence]), 500)
    np.testing.assert_allclose(log_mel(samples, 500), explicit, atol=1e-5)


@pytest.mark.parametrize("hertz", [200, 440, 1000, 3000, 7000])
def test_a_tone_stands_at_its_mel(hertz: int) -> None:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    mel = LogMel()(np.sin(2 * np.pi * hertz * time).astype(np.float32), 100)
    # Slaney's scale: linear to 1 kHz (15 mels), logarithmic above; 80 bands up to 45.2 mels.
    mels = hertz / (200 / 3) if hertz < 1000 else 15 + np.log(hertz / 1000) * 27 / np.log(6.4)
    assert abs(int(mel[:, 50].argmax()) - (mels / 45.2456 * 81 - 1)) <= 1


def test_silence_and_nothing_are_flat() -> None:
    for samples in (np.zeros(SAMPLE_RATE, np.float32), np.zeros(0, np.float32)):
        mel = LogMel()(samples, 400)
        assert mel.shape == (80, 400)
        assert np.ptp(mel) == 0


@pytest.mark.parametrize(
    "text",
    [
        "again and again and again and again and again and again",
        "S-ZK-W-W-T-T-T-T-T-T-T-T-T-T-T-T",
        "谢谢大家谢谢大家谢谢大家谢谢大家谢谢大家",
    ],
)
def test_loops_are_seen(text: str) -> None:
    assert repeats(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no no no no",
        "0000",
        "six six six six",
        "Where is my order? I ordered a kettle.",
        "我的订单在哪里？",
    ],
)
def test_what_people_say_is_no_loop(text: str) -> None:
    assert not repeats(text)


class Pieces:
    """A tokenizer whose tokens are pieces of text; two replacement characters make one whole."""

    def __init__(self, *pieces: str) -> None:
        self._pieces = pieces

    def decode(self, tokens: list[int], skip_special_tokens: bool) -> str:
        return "".join(self._pieces[token] for token in tokens).replace("��", "兔")


def test_english_words_end_at_spaces_and_keep_their_punctuation() -> None:
    tokenizer = Pieces(" Hel", "lo", ",", " I", "'m", " here", ".")
    words = split_words(tokenizer, list(range(7)), by_character=False)
    assert words == [(" Hello,", 3), (" I'm", 2), (" here.", 2)]


def test_mandarin_words_are_whole_characters() -> None:
    tokenizer = Pieces("你好", "�", "�", "。")
    assert split_words(tokenizer, list(range(4)), by_character=True) == [("你好", 1), ("兔。", 3)]


def test_english_words_and_numbers_within_mandarin_stay_whole() -> None:
    tokenizer = Pieces("我", "的", "i", "Phone", " 15", "，", "20", "418", "号")
    words = split_words(tokenizer, list(range(9)), by_character=True)
    assert [word for word, _ in words] == ["我", "的", "iPhone", " 15，", "20418", "号"]
    assert sum(count for _, count in words) == 9


def test_long_audio_is_cut_where_it_is_quiet() -> None:
    samples = np.full(70 * SAMPLE_RATE, 0.5, np.float32)
    for pause in (25, 50):
        samples[pause * SAMPLE_RATE : (pause + 1) * SAMPLE_RATE] = 0
    found = cuts(samples)
    assert [round(end / SAMPLE_RATE) for _, end in found] == [25, 50, 70]
    assert found[0][0] == 0
    assert all(end == begin for (_, end), (begin, _) in itertools.pairwise(found))
    assert all(end - begin <= 30 * SAMPLE_RATE for begin, end in found)


def test_settings_come_from_the_models_parameters() -> None:
    parameters = {"beam_size_zh": "5", "padding_seconds": "6.5", "cpu_threads": "1", "manifest": "{}"}
    assert read_settings(parameters) == Settings(cpu_threads=1, beam_size_zh=5, padding_seconds=6.5)
