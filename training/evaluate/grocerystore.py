"""``python -m training.evaluate.grocerystore``: what is understood of real photographs of groceries.

Runs the exported models, without servers and without torch, on the validation
photographs and on wordings that no training saw. Each photograph is asked every
question whose answer the data set has for its product, in two wordings.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from services.dialogue.domain.loader import load_domain
from services.dialogue.domain.types import OTHER, Domain
from services.dialogue.fused import (
    PictureFeatures,
    TextFeatures,
)
from training.data.grocerystore.aspects import read_aspects, read_wording
from training.data.grocerystore.folder import LANGUAGE
from training.evaluate.grocerystore_models import Models, Photograph, alone
from training.export.models import trained
from training.fusion.sources import photograph_features, photographs_of
from training.text.feature_cache import CachedTextFeatures
from training.vision.features import Appearance, CachedPictureFeatures
from training.vision.words import CachedWords

GOALS: Final = {"fine": 0.88, "text_recall_at_1": 0.80, "fused_gain": 0.25, "noise_loss": 0.01}
PUBLISHED: Final = {"fine": 0.8604, "coarse": 0.9199}
"""On the official test, which is not the validation split: Klasson, Zhang and Kjellström, WACV 2019."""

_WORDINGS: Final = 2
_NOISES: Final = 64
_GRAINS: Final = (1, 4, 16, 48)
"""Sizes in pixels of the patches that noise is made of."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A question about what a photograph shows, and the passage that answers it."""

    question: str
    photograph: Photograph | None
    passage: str


def photographs(
    domain: Domain,
    folder: Path,
    encoder: CachedPictureFeatures,
    features: CachedTextFeatures,
    read: CachedWords,
) -> list[Photograph]:
    """Give every validation photograph.

    Raises:
        ValueError: there is none.
    """
    found = [
        (picture.id, path)
        for picture in domain.pictures
        for path in photographs_of(folder / "evaluation" / "photos", picture.id)
    ]
    if not found:
        raise ValueError(f"{folder}/evaluation/photos is empty: run `python -m training.data.grocerystore`")
    words = [read(path) for _, path in found]
    told = sorted({text for text in words if text})
    embedded = dict(zip(told, features(told), strict=True))
    return [
        Photograph(product, _features(photograph_features(encoder, path, 0), embedded.get(text)), text)
        for (product, path), text in zip(found, words, strict=True)
    ]


def noise_pictures(encoder: CachedPictureFeatures) -> list[Photograph]:
    """Give pictures of random patches, of several sizes; training has seen none of them."""
    return [
        Photograph(None, _features(encoder(f"noise {seed} {_GRAINS}".encode(), partial(_noise, seed))))
        for seed in range(_NOISES)
    ]


def _noise(seed: int) -> Image.Image:
    rng = np.random.default_rng([90, seed])
    grain = _GRAINS[seed % len(_GRAINS)]
    patches = rng.integers(0, 256, (192 // grain, 192 // grain, 3), np.uint8)
    return Image.fromarray(patches).resize((192, 192), Image.Resampling.NEAREST)


def turns(domain: Domain, shown: Sequence[Photograph]) -> Iterator[Turn]:
    """Ask each photograph what its product can be asked, the held-out wordings in turn."""
    passages = {passage.id for passage in domain.passages}
    for aspect in read_aspects():
        asked = 0
        for photograph in shown:
            answer = f"{photograph.product}-{aspect.id}"
            if answer in passages:
                for _ in range(_WORDINGS):
                    yield Turn(aspect.held_out[asked % len(aspect.held_out)], photograph, answer)
                    asked += 1


def named_turns(domain: Domain) -> Iterator[Turn]:
    """Ask for every passage by the name of its product: words are enough."""
    passages = {passage.id for passage in domain.passages}
    for aspect, templates in read_wording("named_templates").items():
        for product, names in domain.products.items():
            if f"{product}-{aspect}" in passages:
                for template in templates:
                    question = template.format(product=names[LANGUAGE])
                    yield Turn(question, None, f"{product}-{aspect}")


def figures(
    domain: Domain, models: Models, shown: Sequence[Photograph], noises: Sequence[Photograph]
) -> dict[str, Any]:
    """Measure everything; shares from 0 to 1."""
    return {
        "photographs": len(shown),
        "photo_alone": photo_alone(domain, models, shown),
        "photo_to_text": photo_to_text(models, shown),
        "photo_to_text_words_not_read": photo_to_text(models, [each.unread() for each in shown]),
        "photo_and_question": photo_and_question(models, list(turns(domain, shown)), noises),
        "words_are_enough": words_are_enough(models, list(named_turns(domain)), noises),
        "noise_taken_for_a_product": _share(
            label != OTHER
            for label in _labels(models.profile.labels.pictures, alone(models, noises).pictures)
        ),
    }


def photo_alone(domain: Domain, models: Models, shown: Sequence[Photograph]) -> dict[str, Any]:
    """Fine and coarse accuracy, by the fusion model and by the picture heads."""
    kind_of = {picture.id: picture.kind for picture in domain.pictures}
    fine = [photograph.product or OTHER for photograph in shown]
    coarse = [kind_of[product] for product in fine]
    fused = alone(models, shown)
    unread = alone(models, [photograph.unread() for photograph in shown])
    products, kinds = models.heads(shown)
    return {
        name: {
            "fine": _same(_labels(domain.product_labels, by_product), fine),
            "coarse": _same(_labels(domain.kind_labels, by_kind), coarse),
        }
        for name, by_product, by_kind in (
            ("fusion", fused.products, fused.kinds),
            ("fusion, words not read", unread.products, unread.kinds),
            ("picture heads", products, kinds),
        )
    }


def photo_to_text(models: Models, shown: Sequence[Photograph]) -> dict[str, Any]:
    """How high a photograph's product text stands among those of all products, by joint vectors alone."""
    places = [place for place, passage in enumerate(models.passages) if passage.endswith("-about")]
    owners = [models.passages[place].removesuffix("-about") for place in places]
    joint = alone(models, shown).joint
    order = np.argsort(-(joint @ models.joints[places].T), axis=1)
    ranks = [
        [owners[int(place)] for place in row].index(photograph.product or OTHER)
        for row, photograph in zip(order, shown, strict=True)
    ]
    return {"texts": len(places), **{f"recall_at_{k}": _share(rank < k for rank in ranks) for k in (1, 5)}}


def photo_and_question(models: Models, asked: Sequence[Turn], noises: Sequence[Photograph]) -> dict[str, Any]:
    """Share of turns whose best passage of all is the right one, where neither modality is enough."""
    right = [turn.passage for turn in asked]
    said = [turn.question for turn in asked]
    seen = [turn.photograph for turn in asked]
    nothing: list[Photograph | None] = [None] * len(asked)
    order = np.random.default_rng(0).permutation(len(asked))
    fused = models.best(said, seen)
    found = {
        "turns": len(asked),
        "fused": _same(fused, right),
        "fused_words_not_read": _same(models.best(said, _unread(seen)), right),
        "text_alone": _same(models.best(said, nothing), right),
        "photo_alone": _same(models.best([""] * len(asked), seen), right),
        "noise_instead_of_photo": _same(models.best(said, _cycled(noises, len(asked))), right),
        "photos_shuffled": _same(models.best(said, [seen[int(place)] for place in order]), right),
        "fused_right_product": _same([_product(p) for p in fused], [_product(p) for p in right]),
        "fused_right_aspect": _same([_aspect(p) for p in fused], [_aspect(p) for p in right]),
    }
    found["gain_over_better_single"] = round(
        found["fused"] - max(found["text_alone"], found["photo_alone"]), 4
    )
    return found


def words_are_enough(models: Models, asked: Sequence[Turn], noises: Sequence[Photograph]) -> dict[str, Any]:
    """Questions that name their product: a picture of nothing must not disturb."""
    right = [turn.passage for turn in asked]
    said = [turn.question for turn in asked]
    found = {
        "turns": len(asked),
        "text_alone": _same(models.best(said, [None] * len(asked)), right),
        "noise_instead_of_photo": _same(models.best(said, _cycled(noises, len(asked))), right),
    }
    found["lost_by_noise"] = round(found["text_alone"] - found["noise_instead_of_photo"], 4)
    return found


def _features(appearance: Appearance, words: TextFeatures | None = None) -> PictureFeatures:
    return PictureFeatures(appearance.pooled.astype(np.float32), appearance.regions.astype(np.float32), words)


def _unread(shown: Sequence[Photograph | None]) -> list[Photograph | None]:
    different = {id(each): each.unread() for each in shown if each is not None}
    return [None if each is None else different[id(each)] for each in shown]


def _cycled(pictures: Sequence[Photograph], count: int) -> list[Photograph | None]:
    return [pictures[at % len(pictures)] for at in range(count)]


def _labels(labels: Sequence[str], probabilities: NDArray[np.float32]) -> list[str]:
    return [labels[int(best)] for best in probabilities.argmax(axis=1)]


def _product(passage: str) -> str:
    return passage.rpartition("-")[0]


def _aspect(passage: str) -> str:
    return passage.rpartition("-")[2]


def _same(found: Sequence[str], right: Sequence[str]) -> float:
    return _share(one == other for one, other in zip(found, right, strict=True))


def _share(values: Iterable[bool]) -> float:
    return round(float(np.mean(list(values))), 4)


def _table(found: Mapping[str, Any]) -> Table:
    alone, text = found["photo_alone"], found["photo_to_text"]
    both, enough = found["photo_and_question"], found["words_are_enough"]
    lost = both["text_alone"] - both["noise_instead_of_photo"]
    table = Table("", "measured", "goal", "published", title=f"{found['domain_version']}, validation split")
    for name, by_model in alone.items():
        goal = f"{GOALS['fine']:.0%}"
        table.add_row(
            f"photo alone, fine ({name})", f"{by_model['fine']:.2%}", goal, f"{PUBLISHED['fine']:.2%}"
        )
        table.add_row(
            f"photo alone, coarse ({name})", f"{by_model['coarse']:.2%}", "", f"{PUBLISHED['coarse']:.2%}"
        )
    goal = f"{GOALS['text_recall_at_1']:.0%}"
    table.add_row(f"photo to text among {text['texts']}, recall@1", f"{text['recall_at_1']:.2%}", goal, "")
    for name in ("fused", "fused_words_not_read", "text_alone", "photo_alone", "photos_shuffled"):
        table.add_row(f"photo and question, {name}", f"{both[name]:.2%}", "", "")
    goal = f"{GOALS['fused_gain']:.0%}"
    table.add_row("gain over the better single", f"{both['gain_over_better_single']:.2%}", goal, "")
    goal = f"within {GOALS['noise_loss']:.0%}"
    table.add_row("lost by noise, words not enough", f"{lost:.2%}", goal, "")
    table.add_row("lost by noise, words enough", f"{enough['lost_by_noise']:.2%}", goal, "")
    return table


def main(
    domain: Annotated[Path, typer.Option(help="The domain's folder.")] = Path("build/domains/grocerystore"),
    models: Annotated[Path | None, typer.Option(help="Trained models; default DOMAIN/models.")] = None,
    repository: Annotated[Path, typer.Option(help="Exported encoders.")] = Path("build/model_repository"),
    out: Annotated[Path, typer.Option(help="Where the figures go.")] = Path("build/bench/grocerystore.json"),
) -> None:
    """Measure a domain of photographs on its validation split."""
    loaded = load_domain(domain)
    encoder = CachedPictureFeatures.beside(repository)
    trained_models = Models(loaded, models or domain / trained.MODELS, repository)
    read = CachedWords.beside(repository)
    shown = photographs(loaded, domain, encoder, trained_models.features, read)
    found = {
        "domain_version": loaded.version,
        "trained_on": trained_models.trained_on,
        "trained_by": trained_models.command,
        "goals": GOALS,
        "published_on_the_official_test": PUBLISHED,
        **figures(loaded, trained_models, shown, noise_pictures(encoder)),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=2), encoding="utf-8")
    Console().print(_table(found))


if __name__ == "__main__":
    try:
        typer.run(main)
    except ValueError as error:
        print(f"evaluation failed: {error}", file=sys.stderr)
        sys.exit(1)
