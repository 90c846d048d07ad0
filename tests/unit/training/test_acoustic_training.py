"""The acoustic encoder is trained on a folder of recordings, and exported as it was trained."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from training.acoustic.features import AcousticEncoder, reference_sound

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("torchaudio", reason="torchaudio is not installed")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of two "speakers" of each data set, each a voice of some harmonics."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("an4_speech", "aishell3_sample"):
        (folder / name).mkdir()
        rows = ["path\tspeaker\ttranscript"]
        for number, speaker in enumerate(("a", "b", "c")):
            rows.append(f"{speaker}.wav\t{speaker}\tYES")
            soundfile.write(folder / name / f"{speaker}.wav", voice(90 + 40 * number, 16_000), 16_000)
        (folder / name / "metadata.tsv").write_text("\n".join(rows) + "\n")
    (folder / "fsdd/recordings").mkdir(parents=True)
    for take in (5, 7):
        path = folder / f"fsdd/recordings/1_theo_{take}.wav"
        soundfile.write(path, voice(100 + take, 8_000), 8_000)
    return folder


def voice(pitch: float, rate: int) -> Any:
    time = np.arange(rate) / rate
    harmonics = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 20))
    return 0.2 * harmonics * np.clip(np.sin(2 * np.pi * 3 * time), 0, None)


def trained(data: Path, steps: int) -> tuple[Any, dict[str, float]]:
    from training.acoustic.encoder import Sizes
    from training.acoustic.train import AcousticArguments, train

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        sizes = Sizes(width=32, layers=1, heads=2, feed_forward=32)
        arguments = AcousticArguments(
            seed=3, steps=steps, batch_seconds=6.4, lengths=(1.6,), learning_rate=5e-3, sizes=sizes
        )
        return train(data, arguments)
    finally:
        torch.set_num_threads(threads)


def test_training_learns_to_tell_what_is_hidden_and_is_the_same_twice(data: Path) -> None:
    encoder, figures = trained(data, 1)
    again, same = trained(data, 1)
    assert figures == same
    for one, other in zip(encoder.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
    assert trained(data, 40)[1]["hidden_loss"] < 0.9 * figures["hidden_loss"]


def test_whitening_makes_all_that_varies_equally_strong() -> None:
    from training.acoustic.encoder import Encoder, Sizes

    encoder = Encoder(Sizes(width=32, layers=1, heads=2, feed_forward=32))
    random = torch.Generator().manual_seed(0)
    mixed = torch.randn(64, 64, generator=random) * torch.logspace(0, -1, 64)[:, None]
    frames = torch.randn(5_000, 64, generator=random) @ mixed + 3.0
    with torch.no_grad():
        encoder.whiten(frames)
    white = (frames - encoder.centre) @ encoder.whitening
    strengths = torch.linalg.eigvalsh(torch.cov(white.T))
    assert white.mean(dim=0).abs().max() < 1e-3
    # All but the weakest, which stay weaker than the rest.
    assert 0.9 < strengths[-50:].min() < strengths.max() < 1.1


def test_the_exported_encoder_gives_the_trained_ones_frames(data: Path, tmp_path: Path) -> None:
    from training.acoustic.export import export

    encoder, figures = trained(data, 2)
    manifest = export(encoder, tmp_path, {"held_out": figures})
    assert json.loads((tmp_path / "manifest.json").read_text()) == manifest
    exported = AcousticEncoder(tmp_path)
    for samples in (reference_sound(), reference_sound()[:1_601]):
        with torch.no_grad():
            expected = encoder.eval()(torch.from_numpy(samples)[None])[0].numpy()
        np.testing.assert_allclose(exported.frames(samples), expected, atol=1e-2)
    np.testing.assert_allclose(exported.frames(reference_sound()), manifest["reference_frames"], atol=1e-2)
