"""The acoustic encoder that comes with the project, and what it is trained on; without torch."""

import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile
from numpy.typing import NDArray
from rich.console import Console

from services.asr.model import ACOUSTIC, SAMPLE_RATE
from tests.harness.suite import ROOT
from training.acoustic.augment import Chances, Examples, faster, telephone
from training.acoustic.clips import Clip, read_clips
from training.acoustic.features import PRETRAINED, AcousticEncoder
from training.acoustic.masking import Masking
from training.export.context import ExportContext
from training.export.models.acoustic import export
from training.weights.store import WeightStore


def tone(hertz: float, seconds: float = 1.0) -> NDArray[np.float32]:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.asarray(0.5 * np.sin(2 * np.pi * hertz * time), np.float32)


def loudest(samples: NDArray[np.float32]) -> float:
    """The frequency of the loudest sound."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)[spectrum.argmax()])


@pytest.fixture(scope="module")
def encoder() -> AcousticEncoder:
    return AcousticEncoder()


@pytest.mark.parametrize("samples", [1, 159, 1_600, 1_601, 16_000, 479_999, 480_000])
def test_a_frame_comes_for_each_tenth_of_a_second_begun(encoder: AcousticEncoder, samples: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
    assert encoder.frames(noise).shape == (-(-samples // 1_600), 64)


@pytest.mark.parametrize("level", [0.0, 1e-30, 1e-6, 1.0])
def test_frames_are_normalized_whatever_the_level(encoder: AcousticEncoder, level: float) -> None:
    frames = encoder.frames(np.float32(level) * tone(440.0))
    np.testing.assert_allclose(frames.mean(axis=1), 0.0, atol=1e-3)
    np.testing.assert_allclose(frames.std(axis=1), 1.0, atol=1e-2)


def test_what_comes_later_hardly_changes_what_came_long_before(encoder: AcousticEncoder) -> None:
    speech = np.tile(tone(300.0, 0.5) * np.hanning(8_000).astype(np.float32), 8)
    alone, followed = encoder.frames(speech), encoder.frames(np.concatenate([speech, tone(2_000.0, 0.3)]))
    cosine = (alone * followed[:40]).sum(axis=1) / 64
    assert cosine.mean() > 0.8


def test_the_graph_is_what_the_service_calls_and_small() -> None:
    path = PRETRAINED / "model.onnx"
    graph = onnx.load(str(path)).graph
    assert [value.name for value in graph.input] == [tensor.name for tensor in ACOUSTIC.inputs]
    assert [value.name for value in graph.output] == [tensor.name for tensor in ACOUSTIC.outputs]
    assert path.stat().st_size < 5_000_000


def test_the_front_end_in_the_graph_is_torchaudios(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    transforms = pytest.importorskip("torchaudio.transforms", reason="torchaudio is not installed")
    model = onnx.load(str(PRETRAINED / "model.onnx"))
    weights = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    standardized = [node for node in model.graph.node if node.name.startswith("/encoder/front_end/")][-1]
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_tensor_value_info("frames", onnx.TensorProto.FLOAT, None))
    standardized.output[0] = "frames"
    used = [node for node in model.graph.node if "/front_end/" in node.name or node.name == "/Unsqueeze"]
    constants = [node for node in model.graph.node if node.op_type == "Constant"]
    del model.graph.node[:]
    model.graph.node.extend([*constants, *(node for node in used if node not in constants)])
    onnx.save(model, str(tmp_path / "model.onnx"))

    samples = np.random.default_rng(0).normal(0, 0.1, 20_000).astype(np.float32)
    samples += np.concatenate([tone(900.0), np.zeros(4_000, np.float32)])
    (found,) = AcousticEncoder(tmp_path).frames(samples)
    found = found * weights["encoder.front_end.scale"] + weights["encoder.front_end.mean"]

    # 13 frames of 0.1 s, each spectrum in the middle of its 10 ms.
    filled = np.pad(samples, (176, 13 * 1_600 - len(samples) + 176))
    power = transforms.MelSpectrogram(SAMPLE_RATE, n_fft=512, hop_length=160, n_mels=64, center=False)(
        torch.from_numpy(filled)
    )
    expected = power.clamp(min=1e-10).log10().numpy().T
    expected = np.maximum(expected, expected.max() - 8)
    assert found.shape == expected.shape == (130, 64)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def context(folder: Path) -> ExportContext:
    weights = WeightStore(ROOT / "training/weights/cpu.toml", folder)
    return ExportContext(weights, folder / "repository", console=Console(file=io.StringIO()))


def test_the_export_keeps_the_graph_and_its_identity(tmp_path: Path) -> None:
    export(context(tmp_path))
    folder = tmp_path / "repository/acoustic/1"
    assert (folder / "model.onnx").read_bytes() == (PRETRAINED / "model.onnx").read_bytes()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["model"], manifest["version"], manifest["width"]) == ("acoustic", 1, 64)
    assert manifest["parity"]["largest_difference"] < 0.02


@pytest.mark.parametrize(
    "change", [{"frame_seconds": 0.2}, {"width": 32}, {"reference_frames": [[0.0] * 64] * 10}]
)
def test_a_model_that_is_not_its_manifests_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    trained = tmp_path / "trained"
    shutil.copytree(PRETRAINED, trained)
    manifest = json.loads((trained / "manifest.json").read_text())
    (trained / "manifest.json").write_text(json.dumps(manifest | change))
    with pytest.raises(ValueError, match=r"training\.acoustic\.train"):
        export(context(tmp_path), trained)
    assert not (tmp_path / "repository/acoustic").exists()


def test_masks_hide_spans_of_time_and_bands() -> None:
    hidden = Masking(time_share=0.4, span=(10, 20), band_share=1.0).draw(
        (8, 300, 64), np.random.default_rng(0)
    )
    in_time = hidden.all(axis=2)
    assert (in_time.mean(axis=1) >= 0.4).all()
    assert in_time.mean() < 0.5
    assert (hidden.all(axis=1).sum(axis=1) >= 4).all()
    edges = np.diff(np.pad(in_time, ((0, 0), (1, 1))).astype(int), axis=1)
    for example in edges:
        spans = np.flatnonzero(example < 0) - np.flatnonzero(example > 0)
        assert spans.min() >= 10


def test_a_telephone_passes_speech_and_loses_what_is_above_it() -> None:
    low, high = telephone(tone(1_000.0)), telephone(tone(6_000.0))
    assert abs(len(low) - SAMPLE_RATE) <= 1
    assert loudest(low) == pytest.approx(1_000, abs=2)
    assert np.abs(high[1_000:-1_000]).max() < 0.02


def test_faster_is_shorter_and_higher() -> None:
    quick = faster(tone(1_000.0), 1.25)
    assert len(quick) == pytest.approx(SAMPLE_RATE / 1.25, abs=2)
    assert loudest(quick) == pytest.approx(1_250, abs=2)


def test_examples_are_of_one_speaker_and_the_same_for_the_same_seed() -> None:
    clips = [
        Clip("tones", name, "", 0, False, tone(hertz, 0.4))
        for name, hertz in [("low", 300.0), ("high", 3_000.0)]
    ]
    plain = Chances(telephone=0.0, speed=0.0, noise=0.0)
    one, two = (Examples(clips, plain, np.random.default_rng(7)) for _ in range(2))
    for _ in range(10):
        example = one.draw(1.6)
        np.testing.assert_array_equal(example, two.draw(1.6))
        assert len(example) == 1.6 * SAMPLE_RATE
        heard = np.abs(np.fft.rfft(example))
        bands = [heard[round(1.6 * (hertz - 50)) : round(1.6 * (hertz + 50))].max() for hertz in (300, 3_000)]
        assert max(bands) > 20 * min(bands)


def test_every_channel_gives_sound_in_range() -> None:
    clips = [Clip("tones", "one", "", 0, False, tone(500.0, seconds)) for seconds in (0.2, 3.0)]
    examples = Examples(clips, Chances(telephone=1.0, speed=1.0, noise=1.0), np.random.default_rng(0))
    for seconds in (0.5, 1.6, 2.0):
        example = examples.draw(seconds)
        assert len(example) == seconds * SAMPLE_RATE
        assert example.dtype == np.float32
        assert 0 < np.abs(example).max() <= 1.05


def test_digits_are_read_from_their_names(tmp_path: Path) -> None:
    for name in ("an4_speech", "aishell3_sample"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metadata.tsv").write_text("path\tspeaker\ttranscript\n")
    recordings = tmp_path / "fsdd/recordings"
    recordings.mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="fsdd"):
        read_clips(tmp_path)
    for name in ("7_theo_5", "3_lucas_14"):
        soundfile.write(recordings / f"{name}.wav", tone(440.0)[:8_000], 8_000)
    clips = read_clips(tmp_path)
    assert [(c.transcript, c.speaker, c.take, c.held_out) for c in clips] == [
        ("3", "lucas", 14, False),
        ("7", "theo", 5, True),
    ]
    assert [clip.seconds for clip in clips] == [1.0, 1.0]


def test_no_speaker_of_an4_is_heard_both_in_training_and_in_judging() -> None:
    folder = ROOT / os.environ.get("FRONTDESK_DATA", "../shared/data")
    if not (folder / "an4_speech").is_dir():
        pytest.skip(f"no data sets at {folder}: set FRONTDESK_DATA")
    clips = [clip for clip in read_clips(folder) if clip.data_set == "an4_speech"]
    kept = {clip.speaker for clip in clips if not clip.held_out}
    held_out = {clip.speaker for clip in clips if clip.held_out}
    assert len(clips) == 148
    assert len(held_out) == 15
    assert not kept & held_out
