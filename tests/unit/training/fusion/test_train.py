"""The whole training, on what is small."""

from collections.abc import Mapping

import numpy as np
import pytest

pytest.importorskip("torch", reason="training is not installed: pip install -e '.[training]'")

import torch

from services.dialogue.fused import PictureFeatures, fusion_inputs, fusion_row, passage_row
from tests.unit.training.fusion.small import PASSAGES, sources
from training.fusion.arguments import FusionArguments
from training.fusion.model import Fused, FusionModel
from training.fusion.train import train
from training.vision import heads

ARGUMENTS = FusionArguments(
    steps=25,
    width=32,
    heads=2,
    feedforward=32,
    utterances_per_step=12,
    showings_per_step=12,
    sounds_per_step=2,
)


def trained(told: dict[int, float]) -> FusionModel:
    source = sources()

    def progress(step: int, parts: Mapping[str, float]) -> None:
        told[step] = sum(parts.values())

    return train(source, heads.train(source), ARGUMENTS, progress)


def fused(model: FusionModel, picture: int) -> Fused:
    look = sources().checks.pictures[picture].variants[0]
    features = PictureFeatures(look.pooled.astype(np.float32), look.regions.astype(np.float32))
    with torch.no_grad():
        inputs = fusion_inputs([fusion_row(None, [features], None)])
        found: Fused = model({name: torch.from_numpy(array) for name, array in inputs.items()})
    return found


def test_it_learns_and_does_so_alike_each_time() -> None:
    first: dict[int, float] = {}
    again: dict[int, float] = {}
    model = trained(first)
    assert list(first) == list(range(1, ARGUMENTS.steps + 1))
    assert np.mean([first[step] for step in range(21, 26)]) < 0.8 * first[1]

    # A picture is known, and finds its passage.
    domain = sources().domain
    inputs = fusion_inputs([passage_row(vector) for vector in sources().passage_vectors])
    with torch.no_grad():
        passages = model({name: torch.from_numpy(array) for name, array in inputs.items()}).joint
    for place, passage in enumerate(PASSAGES.values()):
        found = fused(model, place)
        assert int(found.pictures.argmax()) == place
        nearest = domain.passages[int((passages @ found.joint[0]).argmax())]
        assert nearest.id == passage

    same = trained(again)
    assert again == first
    for one, other in zip(model.parameters(), same.parameters(), strict=True):
        assert torch.equal(one, other)
