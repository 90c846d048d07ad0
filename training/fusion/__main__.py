"""``python -m training.fusion``: trains a domain's fusion model and picture heads."""

import os
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import onnx
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from services.dialogue.domain.loader import load_domain
from services.dialogue.fusion_client import manifest_entry
from services.dialogue.knowledge.words import WordSplitter
from services.dialogue.ports import FusionEmbeddingModels, FusionLabels
from training.fusion import cards, onnx_export
from training.fusion.arguments import FusionArguments
from training.fusion.calibrate import Calibration, calibrate
from training.fusion.exported import ExportedFusion
from training.fusion.sounds import ACOUSTIC_MODEL, read_an4
from training.fusion.sources import Encoders, Sources, gather
from training.fusion.train import train
from training.text.feature_cache import CachedTextFeatures
from training.text.passages import index_passages
from training.text.vector_cache import CachedTextEncoder
from training.vision import heads
from training.vision.features import CachedPictureFeatures
from training.vision.words import CachedWords

OTHERS = ("clothing_small/train", "grocerystore/train")
"""Photographs that show nothing of an electronics shop, in the data folder."""


def main(
    domain: Annotated[Path, typer.Option(help="The domain's folder.")] = Path("domains/shop"),
    repository: Annotated[Path, typer.Option(help="Exported encoders.")] = Path("build/model_repository"),
    data: Annotated[Path | None, typer.Option(help="Data sets; default FRONTDESK_DATA.")] = None,
    other: Annotated[
        list[str] | None,
        typer.Option(help="Folder of the data sets with photographs of other things; may be repeated."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where models go; default DOMAIN/models.")] = None,
    seed: Annotated[int, typer.Option(help="Decides everything random.")] = 0,
    steps: Annotated[int, typer.Option(help="Steps of training.")] = FusionArguments().steps,
    threads: Annotated[int, typer.Option(help="Cores to use.")] = FusionArguments().threads,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the trained models, and weigh their evidence anew.")
    ] = False,
) -> None:
    """Train, calibrate and write the fusion model and the picture heads of a domain."""
    console = Console()
    began = time.monotonic()
    arguments = replace(FusionArguments(), seed=seed, steps=steps, threads=threads)
    loaded = load_domain(domain)
    if not loaded.pictures:
        raise ValueError(f"{domain}: no pictures.yaml, so there is nothing to fuse: add pictures first")
    root = data or Path(os.environ.get("FRONTDESK_DATA", "../shared/data"))
    # A domain's own photographs show what it knows.
    named = other or [folder for folder in OTHERS if not folder.startswith(f"{loaded.name}/")]
    others = [root / folder for folder in named if (root / folder).is_dir()]
    folder = out or domain / "models"

    # Everything as the encoders see it; kept on disk, so that the second time is quick.
    with console.status("embedding texts and pictures"):
        features = CachedTextFeatures.beside(repository, threads)
        vectors = CachedTextEncoder.beside(repository)
        pictures = CachedPictureFeatures.beside(repository, threads)
        sounds = read_an4(root, features)
        words = CachedWords.beside(repository, threads) if (domain / "photos").is_dir() else None
        encoders = Encoders(features, vectors, pictures, words)
        sources = gather(loaded, domain, encoders, others, sounds, arguments)
    console.print(f"embedded after {time.monotonic() - began:.0f} s")

    command = f"python -m training.fusion --domain {shlex.quote(str(domain))} --seed {seed} --steps {steps}"
    command += "".join(f" --other {shlex.quote(folder)}" for folder in other or ())
    made = {"command": command, "domain": loaded.name, "trained_on": loaded.version}
    if keep:
        trained = cards.read_manifest(folder / "fusion")
        arguments = FusionArguments(**trained["report"]["arguments"])
        made |= {name: trained[name] for name in ("command", "trained_on")}
        facts = {name: trained["report"][name] for name in ("parameters", "parity")}
        references = trained["references"]
    else:
        facts, references = _train(sources, arguments, folder, made, console)

    # How far it can be trusted.
    splitter = WordSplitter()
    index = index_passages(loaded, vectors, sources.text_model, splitter)
    calibration = calibrate(ExportedFusion(folder / "fusion", threads), sources, index, splitter.split)
    entry = manifest_entry(
        FusionLabels(loaded.labels, loaded.product_labels, loaded.kind_labels, loaded.picture_labels),
        FusionEmbeddingModels(sources.text_model, sources.image_model, ACOUSTIC_MODEL if sounds else ""),
        calibration.ranking,
        calibration.ranking_without_text,
        calibration.thresholds,
    )
    report = {**facts, **_report(sources, arguments, calibration)}
    manifest = {**made, **entry, "report": report, "references": references}
    cards.write_manifest(folder / "fusion", manifest)
    cards.write_fusion_card(folder / "fusion", manifest)
    _show(console, "fusion, kept back", calibration.report)
    console.print({name: entry[name] for name in ("ranking", "ranking_without_text", "thresholds")})
    size = sum(file.stat().st_size for file in folder.rglob(cards.MODEL))
    console.print(f"{folder}: {size / 1e6:.1f} MB after {time.monotonic() - began:.0f} s")


def _train(
    sources: Sources, arguments: FusionArguments, folder: Path, made: Mapping[str, str], console: Console
) -> tuple[dict[str, Any], dict[str, list[list[float]]]]:
    """Write both models; give what is known of the fusion model, and what it says of reference turns."""
    # The picture heads.
    found = heads.train(sources)
    picture = _folder(folder / "picture")
    onnx.save(heads.build(found), str(picture / cards.MODEL))
    domain = sources.domain
    manifest = {
        **made,
        "labels": {"products": list(domain.product_labels), "kinds": list(domain.kind_labels)},
        "embedding_model": sources.image_model,
        "report": dict(found.report),
        "references": heads.references(found),
    }
    cards.write_manifest(picture, manifest)
    cards.write_picture_card(picture, manifest)
    _show(console, "picture heads, kept back", found.report)

    # The fusion model.
    with Progress(console=console) as bar:
        task = bar.add_task("training", total=arguments.steps)

        def progress(step: int, parts: Mapping[str, float]) -> None:
            bar.update(task, advance=1)
            if step % 50 == 0 or step == arguments.steps:
                told = " ".join(f"{name} {part:.3f}" for name, part in parts.items())
                bar.console.print(f"[dim]{step}[/] {told}", highlight=False, soft_wrap=True)

        model = train(sources, found, arguments, progress)
    difference = onnx_export.export(model, _folder(folder / "fusion") / cards.MODEL)
    facts = {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "parity": {"largest_difference": round(difference, 6)},
    }
    return facts, onnx_export.references(model)


def _report(sources: Sources, arguments: FusionArguments, calibration: Calibration) -> dict[str, Any]:
    return {
        "arguments": asdict(arguments),
        "utterances": len(sources.utterances),
        "showing": len(sources.training.showing),
        "pictures": sum(len(shown.variants) for shown in sources.training.pictures),
        "negatives": len(sources.training.negatives),
        "sounds": len(sources.sounds),
        "kept_back": dict(calibration.report),
    }


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _show(console: Console, title: str, figures: Mapping[str, float]) -> None:
    table = Table("", "", title=title)
    for name, figure in figures.items():
        table.add_row(name, f"{figure:g}")
    console.print(table)


if __name__ == "__main__":
    try:
        typer.run(main)
    except (OSError, ValueError) as error:
        print(f"training failed: {error}", file=sys.stderr)
        sys.exit(1)
