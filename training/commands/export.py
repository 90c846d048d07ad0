"""``frontdesk export``: makes the model repository that Triton serves. Needs no torch."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from training.commands.errors import CommandError, need_folder, told

app = typer.Typer(subcommand_metavar="")


@app.callback(invoke_without_command=True)
def export(
    context: typer.Context,
    domain: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Company's folder, as domains/shop.")
    ] = None,
    repository: Annotated[Path, typer.Option(help="The repository.")] = Path("build/model_repository"),
    weights: Annotated[Path, typer.Option(help="Cache of pretrained weights.")] = Path("build/weights"),
    manifest: Annotated[Path, typer.Option(help="Where the weights come from.")] = Path(
        "training/weights/cpu.toml"
    ),
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this exporter; may be repeated.")
    ] = None,
    profile: Annotated[Literal["cpu", "gpu"], typer.Option(help="What Triton runs the models on.")] = "cpu",
    roll_back: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Serve its previous version; export nothing.")
    ] = None,
    to: Annotated[
        int | None, typer.Option(metavar="VERSION", help="With --roll-back: serve that version.")
    ] = None,
) -> None:
    """Export what all companies share, and a company's own models where --domain names it.

    Each model's parity with what it was made from is printed. What is in the repository
    already and has not changed is left as it is. The repository changes as a whole, when all
    models are made; those that were trained keep three versions, and --roll-back serves an earlier one.
    """
    with told(context):
        if to is not None and roll_back is None:
            raise CommandError("--to goes with --roll-back MODEL", 2)
        if roll_back is not None:
            _roll_back(context, repository, roll_back, to)
            return
        if domain is not None:
            need_folder(domain, "domain", "name the folder that holds domain.yaml")
        from training.export.context import ExportContext
        from training.export.repository import export_repository
        from training.weights.store import WeightStore

        export_repository(
            ExportContext(
                weights=WeightStore(manifest, weights),
                repository=repository,
                domain=domain,
                console=context.obj.console,
                profile=profile,
            ),
            only or (),
        )
        if context.obj.json:
            context.obj.print_json({"repository": str(repository), "models": _models(repository)})


def _roll_back(context: typer.Context, repository: Path, model: str, to: int | None) -> None:
    from training.export.roll_back import roll_back

    changed = roll_back(repository, model, to)
    if context.obj.json:
        context.obj.print_json({"repository": str(repository), "served": changed})
        return
    for name, version in changed.items():
        context.obj.console.print(f"{name}: version {version} is served from Triton's next start on")


def _models(repository: Path) -> list[str]:
    return sorted(folder.name for folder in repository.iterdir() if (folder / "config.pbtxt").is_file())
