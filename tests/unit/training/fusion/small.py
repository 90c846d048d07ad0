"""Small sources with features by chance: two pictures, a question about both, one about neither."""

from collections.abc import Mapping

import numpy as np

from services.dialogue.domain.loader import load_files
from services.dialogue.domain.types import OUT_OF_SCOPE, Picture
from services.dialogue.fused import TextFeatures
from tests.fakes.domain_folder import domain_files
from training.fusion.sources import Showing, Shown, Sound, Sources, Split, Utterance
from training.vision.features import Appearance

PASSAGES = {"first": "order-cancel", "second": "order-address"}


def sources(seed: int = 0, sounds: int = 2) -> Sources:
    """Make them; the same seed gives the same."""
    rng = np.random.default_rng(seed)

    def text() -> TextFeatures:
        sentence = rng.standard_normal(384).astype(np.float32)
        tokens = rng.standard_normal((4, 384)).astype(np.float32)
        return TextFeatures(sentence / np.linalg.norm(sentence), tokens)

    def looks(count: int) -> tuple[Appearance, ...]:
        made = []
        for _ in range(count):
            regions = np.abs(rng.standard_normal((49, 1280))).astype(np.float16)
            made.append(Appearance(regions.mean(axis=0).astype(np.float16), regions))
        return tuple(made)

    domain = load_files(domain_files())
    object.__setattr__(domain, "products", {"lamp": {"en": "Lamp", "zh": "灯"}})
    object.__setattr__(domain, "kinds", {"panel": {"en": "Panel", "zh": "面板"}})
    pictures = tuple(
        Picture(name, "", "", b"", "lamp" if name == "first" else None, "panel", (passage,), {}, {}, ("E-1",))
        for name, passage in PASSAGES.items()
    )
    object.__setattr__(domain, "pictures", pictures)
    answers: Mapping[int, str] = dict(enumerate(PASSAGES.values()))
    showing = tuple(Showing("what is it", text(), language, answers) for language in ("en", "zh"))
    vectors = rng.standard_normal((len(domain.passages), 384)).astype(np.float32)
    order = domain.labels.index("order_change")
    utterances = [
        Utterance(text(), language, intent, passages)
        for language in ("en", "zh")
        for intent, passages in (
            (order, ("order-cancel", "order-address")),
            (domain.labels.index(OUT_OF_SCOPE), ()),
        )
        for _ in range(3)
    ]
    split = Split(
        showing,
        tuple(Shown(picture, looks(3), (("E-1", text()),)) for picture in pictures),
        looks(5),
    )
    frames = rng.standard_normal((60, 64)).astype(np.float32)
    return Sources(
        domain=domain,
        utterances=tuple(utterances),
        passage_vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        training=split,
        checks=split,
        sounds=tuple(Sound(text(), frames) for _ in range(sounds)),
        text_model="text@1",
        image_model="image@1",
    )
