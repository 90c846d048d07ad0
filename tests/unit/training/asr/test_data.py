"""Recordings and transcripts: which are refused, and what a batch holds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from transformers import WhisperFeatureExtractor

from tests.unit.training.asr import small
from training.asr.arguments import AsrArguments
from training.asr.data import DisturbedClips, LikeLengths, Utterance, check, collate, frames_of, read_clip
from training.asr.model import NOT_LEARNED, Texts
from training.data.augmentation.sound import SoundChances, SpecAugment
from training.data.examples import DataError, Example
from training.export.backends.whisper.features import LogMel


@pytest.fixture(scope="module")
def texts(weights: Path) -> Texts:
    return Texts(weights / "tokenizer.json", multilingual=False)


@pytest.fixture
def utterances(tmp_path: Path, texts: Texts) -> list[Utterance]:
    return check(small.examples(tmp_path).train, texts)


def _noise(path: Path) -> None:
    path.write_bytes(b"no sound at all")


@pytest.mark.parametrize(
    ("write", "text", "told"),
    [
        (lambda path: None, "six", "clip.wav is not there"),
        (_noise, "six", "clip.wav cannot be read: "),
        (lambda path: small.clip(path, seconds=0.0), "six", r"clip.wav lasts 0\.00 s"),
        (
            lambda path: small.clip(path, seconds=30.5),
            "six",
            r"clip.wav lasts 30\.50 s; .* up to 30 s at once",
        ),
        (lambda path: small.clip(path, channels=2), "six", "clip.wav has 2 channels"),
        (small.clip, "  ", "the transcript is empty"),
        (small.clip, "six " * 60, "the transcript has 241 tokens, Whisper writes 220"),
    ],
)
def test_what_cannot_be_learned_from_is_named_by_its_line(
    tmp_path: Path, texts: Texts, write: object, text: str, told: str
) -> None:
    write(tmp_path / "clip.wav")  # type: ignore[operator]
    example = Example(text, audio=tmp_path / "clip.wav", source="metadata.tsv:7")
    with pytest.raises(DataError, match=rf"^metadata\.tsv:7: .*{told}"):
        check([example], texts)


def test_a_clip_must_be_named(texts: Texts) -> None:
    with pytest.raises(DataError, match=r"^turns\.jsonl:3: names no clip"):
        check([Example("six", source="turns.jsonl:3")], texts)


def test_samples_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    soundfile.write(path, np.array([0.1, np.nan, 0.2], np.float32), 16_000, subtype="FLOAT")
    with pytest.raises(DataError, match=r"^turns\.jsonl:3: .*clip\.wav holds no samples, or some"):
        read_clip(Example("six", audio=path, source="turns.jsonl:3"))


def test_other_rates_are_brought_to_sixteen_kilohertz(tmp_path: Path) -> None:
    samples = read_clip(Example("six", audio=small.clip(tmp_path / "clip.wav", 0.5, 300.0, rate=8_000)))
    assert samples.dtype == np.float32
    assert len(samples) == 8_000
    assert int(np.abs(np.fft.rfft(samples)).argmax()) == 150  # of bins 2 Hz wide


def test_the_spectrogram_is_that_of_the_models_feature_extractor() -> None:
    samples = (0.1 * np.random.default_rng(0).standard_normal(40_000)).astype(np.float32)
    expected = WhisperFeatureExtractor()(samples, sampling_rate=16_000, return_tensors="np").input_features[0]
    frames = frames_of(len(samples), 8.0)
    assert frames == 1050
    np.testing.assert_allclose(LogMel()(samples, frames), expected[:, :frames], atol=2e-3)


def test_the_window_is_even_and_never_above_thirty_seconds() -> None:
    assert frames_of(16_001, 0.0) == 102
    assert frames_of(29 * 16_000, 8.0) == 3000


def test_a_batch_says_what_comes_next(utterances: list[Utterance], texts: Texts) -> None:
    clips = DisturbedClips(utterances, texts, 80, AsrArguments(), epoch=1)
    batch = collate([clips[0], clips[3]])
    low, high = utterances[0], utterances[3]  # " low" and " high", each with the end
    assert batch.sources == ("train.tsv:2", "train.tsv:5")
    prompt = texts.prompt("en")
    assert batch.given.tolist() == [
        [*prompt, *low.tokens[:-1], texts.end],
        [*prompt, *high.tokens[:-1]],
    ]
    assert batch.labels.tolist() == [
        [NOT_LEARNED, *low.tokens, NOT_LEARNED],
        [NOT_LEARNED, *high.tokens],
    ]
    assert batch.mels.shape == (2, 80, clips[3].mel.shape[1])
    floor = clips[0].mel.min()
    assert (batch.mels[0, :, clips[0].mel.shape[1] :] == floor).all()


def test_an_epoch_sounds_the_same_each_time_and_another_otherwise(
    utterances: list[Utterance], texts: Texts
) -> None:
    arguments = AsrArguments(chances=SoundChances(telephone=1.0, noise=1.0))
    first, again = (DisturbedClips(utterances, texts, 80, arguments, epoch=1)[2].mel for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = DisturbedClips(utterances, texts, 80, arguments, epoch=2)[2].mel
    assert first.shape != other.shape
    reseeded = DisturbedClips(utterances, texts, 80, replace(arguments, seed=1), epoch=1)[2].mel
    assert first.shape != reseeded.shape


def test_masks_hide_parts_of_the_speech_alone(utterances: list[Utterance], texts: Texts) -> None:
    plain = AsrArguments(chances=SoundChances(telephone=0.0, noise=0.0), masks=SpecAugment(bands=0, spans=0))
    masked = replace(plain, masks=SpecAugment(band=0.5, span=0.5))
    before, after = (
        DisturbedClips(utterances, texts, 80, chosen, epoch=1)[1].mel for chosen in (plain, masked)
    )
    hidden = before != after
    speech = round(utterances[1].seconds * 100)
    assert hidden[:, :speech].mean() > 0.1
    assert not hidden[:, speech:].any()


def test_every_clip_is_heard_once_an_epoch_among_those_of_its_length() -> None:
    seconds = np.random.default_rng(0).uniform(1, 9, 70).tolist()
    batches = list(LikeLengths(seconds, 8, 0, 1))
    assert sorted(index for batch in batches for index in batch) == list(range(70))
    assert len(LikeLengths(seconds, 8, 0, 1)) == len(batches) == 9
    assert batches == list(LikeLengths(seconds, 8, 0, 1)) != list(LikeLengths(seconds, 8, 0, 2))
    spread = [
        max(seconds[index] for index in batch) - min(seconds[index] for index in batch) for batch in batches
    ]
    assert np.mean(spread) < 2
