"""The encoder of pictures: its checkpoint, its graph, and timm's network as what both must equal."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from training.export.models import vision
from training.export.models.efficientnet_graph import build_encoder
from training.export.models.efficientnet_weights import read_efficientnet

CHECKPOINT = Path("build/weights/vision_encoder/efficientnet-lite0.pth")
REFERENCE = Path(vision.__file__).with_name("vision_encoder_reference.json")


def checkpoint() -> Path:
    if not CHECKPOINT.is_file():
        pytest.skip(f"{CHECKPOINT} is not there: make weights")
    return CHECKPOINT


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("ran",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\3\4" + bytes(100),
        pickle.dumps(7),
        pickle.dumps(0x1950A86A20F9469CFC6C) + pickle.dumps(1001) + pickle.dumps({}) + pickle.dumps(Evil()),
        pickle.dumps(0x1950A86A20F9469CFC6C)
        + pickle.dumps(1001)
        + pickle.dumps({})
        + pickle.dumps({})
        + pickle.dumps([]),
    ],
)
def test_another_file_is_refused_and_nothing_in_it_runs(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "lite0.pth"
    file.write_bytes(content)

    with pytest.raises(ValueError, match="not EfficientNet-Lite0's checkpoint"):
        read_efficientnet(file)
    assert not capsys.readouterr().out


def test_a_cut_checkpoint_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "lite0.pth"
    file.write_bytes(checkpoint().read_bytes()[:-1000])

    with pytest.raises(ValueError, match="not EfficientNet-Lite0's checkpoint"):
        read_efficientnet(file)


def test_labels_are_imagenets() -> None:
    labels = vision.imagenet_labels()

    assert (len(labels), labels[0], labels[954], labels[-1]) == (1000, "tench", "banana", "toilet tissue")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_graph_and_the_stored_reference_are_timms_network() -> None:
    torch = pytest.importorskip("torch", reason="needs the training extra")
    timm = pytest.importorskip("timm", reason="needs the training extra")
    network = timm.create_model("tf_efficientnet_lite0").eval()
    tensors = torch.load(checkpoint(), weights_only=True).values()
    network.load_state_dict(dict(zip(network.state_dict(), tensors, strict=True)))
    random = np.random.default_rng(1).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    pixels = np.concatenate([vision.reference_pixels(), random])
    with torch.no_grad():
        features = network.forward_features(torch.tensor(pixels).permute(0, 3, 1, 2) / 127.5 - 1)
        expected: dict[str, NDArray[np.float32]] = {
            "pooled": features.mean((2, 3)).numpy(),
            "regions": features.flatten(2).transpose(1, 2).numpy(),
            "logits": network.forward_head(features).numpy(),
        }

    session = onnxruntime.InferenceSession(
        build_encoder(read_efficientnet(checkpoint())).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found = dict(zip(expected, session.run(list(expected), {"pixels": pixels}), strict=True))

    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, atol=2e-4, err_msg=name)
    stored = json.loads(REFERENCE.read_text(encoding="utf-8"))
    for name, array in vision.sampled(expected).items():
        # Made anew by json.dumps of these, rounded to 5 places.
        np.testing.assert_allclose(array, stored[name], atol=2e-4, err_msg=name)
