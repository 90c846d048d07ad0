"""``python -m training.evaluate.ablation``: what each modality of a domain's fusion model is worth.

Asks the held-out pairs of ``evaluation.yaml``, in which neither the question nor the picture is
enough, by text only, by the picture only, by sound only, and by all together; then without each
of them, and with noise in its place. Runs the exported models, without servers and without torch.
Sound is speech of other people about other things, or noise: its frames carry how something is
said, so alone it is worth chance, and beside the others it must not disturb.
"""

import json
import sys
from collections.abc import Mapping, Sequence
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
from services.dialogue.fused import PictureFeatures, Rows
from training.acoustic.features import AcousticEncoder
from training.evaluate import sounds
from training.evaluate.fusion import Held, Turn, turns
from training.evaluate.machine import machine
from training.export.models import trained
from training.vision.features import CachedPictureFeatures

ALONE: Final = {
    "text_only": "the question alone",
    "picture_only": "the picture alone",
    "sound_only": "the sound alone",
    "all": "question, picture and sound",
}
MISSING: Final = {
    "without_text": "without the question",
    "without_picture": "without the picture",
    "without_sound": "without the sound",
}
DISTURBED: Final = {
    "noise_as_picture": "noise instead of the picture",
    "noise_as_sound": "noise instead of the sound",
}
_NOISES: Final = 16
_SOUND_SECONDS: Final = 2.0
_SOUND_DECIBELS: Final = -20.0

Look = tuple[PictureFeatures, str]


def ablation(
    held: Held,
    looks: Sequence[Look],
    noise: Sequence[PictureFeatures],
    heard: Sequence[Rows],
    noises: Sequence[Rows],
) -> dict[str, Any]:
    """Ask every turn of ``turns(held.domain)`` with and without each modality.

    Args:
        held: The domain's models.
        looks: What each turn shows, in the order of the turns, with the words in it.
        noise: Pictures of nothing; they take turns.
        heard: Frames of speech, float32[n, 64]; they take turns.
        noises: Frames of noise.

    Returns:
        For each condition of ``ALONE``, ``MISSING`` and ``DISTURBED`` the shares ``right`` (the
        best passage is the turn's), ``answered`` (surely enough), ``answered_wrongly`` (of all), and
        ``lost`` against all together.

    Raises:
        ValueError: the domain has no held-out pairs.
    """
    asked = turns(held.domain)
    if not asked:
        raise ValueError("evaluation.yaml has no pairs under `showing`: write some first")
    said, unsaid = [turn.question for turn in asked], [""] * len(asked)
    nothing: list[Look | None] = [None] * len(asked)
    shown: list[Look | None] = list(looks)
    noisy: list[Look | None] = [(noise[place % len(noise)], "") for place in range(len(asked))]
    speech = [heard[place % len(heard)] for place in range(len(asked))]
    hum = [noises[place % len(noises)] for place in range(len(asked))]
    conditions: dict[str, tuple[list[str], list[Look | None], list[Rows] | None]] = {
        "text_only": (said, nothing, None),
        "picture_only": (unsaid, shown, None),
        "sound_only": (unsaid, nothing, speech),
        "all": (said, shown, speech),
        "without_text": (unsaid, shown, speech),
        "without_picture": (said, nothing, speech),
        "without_sound": (said, shown, None),
        "noise_as_picture": (said, noisy, speech),
        "noise_as_sound": (said, shown, hum),
    }
    found = {name: _shares(held, asked, *given) for name, given in conditions.items()}
    best = found["all"]["right"]
    return {
        "turns": len(asked),
        "passages": len({passage.id for passage in held.domain.passages}),
        **{name: each | {"lost": round(best - each["right"], 4)} for name, each in found.items()},
    }


def _shares(
    held: Held,
    asked: Sequence[Turn],
    said: Sequence[str],
    shown: Sequence[Look | None],
    heard: Sequence[Rows] | None,
) -> dict[str, float]:
    answers = held.answer(said, [turn.language for turn in asked], shown, heard)
    right = np.array([a.passage == turn.passage for a, turn in zip(answers, asked, strict=True)])
    answered = np.array([answer.answered for answer in answers])
    return {
        "right": round(float(right.mean()), 4),
        "answered": round(float(answered.mean()), 4),
        "answered_wrongly": round(float((answered & ~right).mean()), 4),
    }


def noise_pictures(encoder: CachedPictureFeatures, seed: int, count: int = _NOISES) -> list[PictureFeatures]:
    """Give pictures of random patches of several sizes, as the vision encoder sees them."""
    found = []
    for number in range(count):
        grain = (4, 12, 32, 96)[number % 4]
        key = f"ablation noise {seed} {number} {grain}".encode()
        appearance = encoder(key, partial(_noise, seed, number, grain))
        found.append(
            PictureFeatures(appearance.pooled.astype(np.float32), appearance.regions.astype(np.float32))
        )
    return found


def _noise(seed: int, number: int, grain: int) -> Image.Image:
    rng = np.random.default_rng([seed, number])
    patches = rng.integers(0, 256, (192 // grain, 192 // grain, 3), np.uint8)
    return Image.fromarray(patches).resize((192, 192), Image.Resampling.NEAREST)


def noise_frames(encoder: AcousticEncoder, seed: int) -> list[NDArray[np.float32]]:
    """Give the frames of hum, hiss, music and the like: each sound once."""
    return [
        encoder.frames(sounds.make(name, seed, _SOUND_SECONDS, _SOUND_DECIBELS)) for name in sounds.SOUNDS
    ]


def speech_frames(encoder: AcousticEncoder, data: Path) -> list[NDArray[np.float32]]:
    """Give the frames of CMU AN4's test recordings (names, numbers, commands); none where it is absent."""
    import soundfile

    clips = sorted((data / "an4_speech").rglob("*.flac"))[::4]
    return [encoder.frames(soundfile.read(clip, dtype="float32")[0]) for clip in clips]


def table(found: Mapping[str, Any], title: str) -> Table:
    """Give an ablation for people, in percent."""
    shown = Table("", title=title, title_justify="left")
    for column in ("right", "answered", "answered wrongly"):
        shown.add_column(column, justify="right")
    for name, told in {**ALONE, **MISSING, **DISTURBED}.items():
        row = found[name]
        shown.add_row(told, *(f"{100 * row[key]:.1f}" for key in ("right", "answered", "answered_wrongly")))
    return shown


def main(
    domain: Annotated[Path, typer.Option(help="The domain's folder.")] = Path("domains/shop"),
    models: Annotated[Path | None, typer.Option(help="Trained models; default DOMAIN/models.")] = None,
    repository: Annotated[Path, typer.Option(help="Exported encoders.")] = Path("build/model_repository"),
    data: Annotated[
        Path, typer.Option(envvar="FRONTDESK_DATA", help="Data sets; an4_speech is heard.")
    ] = Path("../shared/data"),
    seed: Annotated[int, typer.Option(help="Draws the noise.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for JSON and a picture.")] = Path(
        "build/evaluation/ablation"
    ),
) -> None:
    """Tell what each modality of a domain's fusion model is worth."""
    from training.evaluate import plots

    loaded = load_domain(domain)
    held = Held(loaded, domain, models or domain / trained.MODELS, repository)
    pictures = CachedPictureFeatures.beside(repository)
    acoustic = AcousticEncoder()
    noises = noise_frames(acoustic, seed)
    speech = speech_frames(acoustic, data)
    looks = [held.look(turn.picture, turn.look, words=True) for turn in turns(loaded)]
    found = {
        "domain_version": loaded.version,
        "sound": "speech of CMU AN4" if speech else "noise: there is no an4_speech in the data folder",
        "seed": seed,
        **ablation(held, looks, noise_pictures(pictures, seed), speech or noises, noises),
        "machine": machine(),
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "ablation.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    conditions = {**ALONE, **MISSING, **DISTURBED}
    plots.bars(
        {
            told: {"right": found[name]["right"], "answered": found[name]["answered"]}
            for name, told in conditions.items()
        },
        f"{loaded.version}: what each modality is worth",
        out / "ablation.png",
        measure=f"of {found['turns']} held-out turns with a picture",
    )
    Console(width=120).print(
        table(found, f"{loaded.version}, {found['turns']} held-out turns with a picture")
    )


if __name__ == "__main__":
    try:
        typer.run(main)
    except (OSError, ValueError) as error:
        print(f"ablation failed: {error}", file=sys.stderr)
        sys.exit(1)
