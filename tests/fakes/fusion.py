"""A domain with pictures, and its fusion model: what a picture shows stands in its vectors by place."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.dialogue.customer_input import ShownPicture
from services.dialogue.domain.types import OTHER, Domain
from services.dialogue.fused import FusionThresholds, RankingWeights, softmax
from services.dialogue.fusion_client import manifest_entry
from services.dialogue.model import JOINT_WIDTH, REGION_WIDTH
from services.dialogue.passage_vectors import passage_text, passage_vectors
from services.dialogue.ports import FusionEmbeddingModels, FusionLabels
from services.inference.port import Tensors
from tests.fakes.domain_folder import domain_files

IMAGE_MODEL = "places@1"
ACOUSTIC_MODEL = "sounds@1"
FUSION_THRESHOLDS = FusionThresholds(answer_at=0.7, ask_at=0.5, seen_at=0.8)
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40

_PRODUCTS_AT = 100
"""Where a picture's vectors tell the product; the picture itself stands at the beginning."""

_HEADER = """\
products: {lamp: {en: glow lamp, zh: 夜灯}, fan: {en: desk fan, zh: 风扇}}
kinds: {panel: {en: Panel, zh: 面板}, slip: {en: Slip, zh: 单据}}
"""
_PICTURES = """\
pictures:
  - id: lamp-red
    file: pictures/lamp-red.png
    product: lamp
    kind: panel
    passages: [warranty, order-cancel]
    seen: {en: I can see a red light., zh: 我看到红灯亮着。}
    caption: {en: A red light, zh: 红灯}
  - id: slip-late
    file: pictures/slip-late.png
    kind: slip
    passages: [order-address]
    seen: {en: I can see a late parcel., zh: 我看到包裹晚到了。}
    caption: {en: A late parcel, zh: 晚到的包裹}
    words: [LATE]
  - id: slip-paid
    file: pictures/slip-paid.png
    kind: slip
    passages: []
    seen: {en: I can see a paid bill., zh: 我看到账单已付。}
    caption: {en: A paid bill, zh: 已付账单}
"""
_TEMPLATES = """
seen_product: {en: ["I see your {product}."], zh: ["我看到了您的{product}。"]}
picture_unclear: {en: ["What is in your picture?"], zh: ["您的图片里是什么？"]}
"""


def pictured_files() -> dict[str, bytes]:
    """Give the files of the fakes' domain with three pictures."""
    files = domain_files()
    return {
        **files,
        "domain.yaml": files["domain.yaml"] + _HEADER.encode(),
        "templates.yaml": files["templates.yaml"] + _TEMPLATES.encode(),
        "pictures.yaml": _PICTURES.encode(),
        **{f"pictures/{name}.png": PNG for name in ("lamp-red", "slip-late", "slip-paid")},
    }


def shown(
    domain: Domain, picture_id: str = "", sure: float = 1.0, product: str = "", words: str = ""
) -> ShownPicture:
    """Give the features of a photograph; ``sure`` 0.5 is as likely as not the domain's picture."""
    row = np.zeros(REGION_WIDTH, np.float32)
    if picture_id:
        row[domain.picture_labels.index(picture_id)] = sure
    if product:
        row[_PRODUCTS_AT + domain.product_labels.index(product)] = sure
    return ShownPicture(row, np.tile(row, (49, 1)), IMAGE_MODEL, words)


def fusion_manifest(domain: Domain, embedding_model: str = "letters@1") -> dict[str, Any]:
    """Give the manifest of the fake model."""
    return {
        "version": 1,
        **manifest_entry(
            FusionLabels(domain.labels, domain.product_labels, domain.kind_labels, domain.picture_labels),
            FusionEmbeddingModels(embedding_model, IMAGE_MODEL, ACOUSTIC_MODEL),
            RankingWeights(joint=10.0, cosine=1.0, bm25=2.0),
            RankingWeights(joint=10.0, cosine=0.0, bm25=2.0),
            FUSION_THRESHOLDS,
        ),
    }


def fusion_parameters(domain: Domain, embedding_model: str = "letters@1") -> Mapping[str, str]:
    """Give the configuration of the fake model on Triton."""
    return {"manifest": json.dumps(fusion_manifest(domain, embedding_model))}


def fusion_model(
    domain: Domain, embedded: Callable[[str], NDArray[np.float32]]
) -> Callable[[Tensors], Tensors]:
    """Give the fake model: a turn lies near the passages of what it shows, and near its words."""
    pictures = {picture.id: picture for picture in domain.pictures}

    def target(picture_id: str) -> NDArray[np.float32]:
        best = pictures[picture_id].passages[:1]
        texts = [p for p in domain.passages if p.id in best]
        if not texts:
            return np.zeros(JOINT_WIDTH, np.float32)
        vectors = passage_vectors(
            np.stack([embedded(passage_text(p.title, p.text)) for p in texts]),
            np.stack([embedded(p.title) for p in texts]),
        )
        joint: NDArray[np.float32] = vectors[:, :JOINT_WIDTH].sum(axis=0)
        return joint

    targets = np.stack([target(label) for label in domain.picture_labels if label != OTHER])
    anything = np.stack([embedded(passage_text(p.title, p.text)) for p in domain.passages])[:, :JOINT_WIDTH]

    def one(inputs: Tensors, row: int) -> dict[str, NDArray[np.float32]]:
        looks = _mean(inputs["regions"][row], inputs["region_mask"][row])
        sees = looks[: len(targets)]
        likely = softmax(np.append(12.0 * sees, 6.0).astype(np.float64))
        made = looks[_PRODUCTS_AT : _PRODUCTS_AT + len(domain.products)]
        kinds = [
            sum(
                float(p)
                for p, label in zip(likely, domain.picture_labels, strict=True)
                if (label == OTHER and kind == OTHER) or (label != OTHER and pictures[label].kind == kind)
            )
            for kind in domain.kind_labels
        ]
        said = _mean(inputs["text_tokens"][row], inputs["text_mask"][row])[:JOINT_WIDTH]
        read = _mean(inputs["word_tokens"][row], inputs["word_mask"][row])[:JOINT_WIDTH]
        if inputs["is_passage"][row, 0]:
            joint = inputs["text_tokens"][row, 0, :JOINT_WIDTH]
        else:
            joint = likely[:-1].astype(np.float32) @ targets + 0.3 * said + 0.3 * read
            # Of what nothing is known lies between all passages.
            joint = joint + np.float32(likely[-1]) * anything.mean(axis=0)
        return {
            "intents": np.full(len(domain.labels), 1.0 / len(domain.labels)),
            "products": softmax(np.append(12.0 * made, 6.0).astype(np.float64)),
            "kinds": np.array(kinds),
            "pictures": likely,
            "joint": joint / max(float(np.linalg.norm(joint)), 1e-9),
        }

    def compute(inputs: Tensors) -> Tensors:
        rows = [one(inputs, row) for row in range(len(inputs["is_passage"]))]
        return {name: np.stack([row[name] for row in rows]).astype(np.float32) for name in rows[0]}

    return compute


def _mean(rows: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    mean: NDArray[np.float32] = (rows * mask[:, None]).sum(axis=0) / max(float(mask.sum()), 1.0)
    return mean
