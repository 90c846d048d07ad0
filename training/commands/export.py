"""``frontdesk export``: makes the model repository that Triton serves. Needs no torch."""

from pathlib import Path
from typing import Annotated

import typer

from training.commands.errors import need_folder, told

app = typer.Typer()


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
) -> None:
    """Export what all companies share, and a company's own models where --domain names it.

    Each model's parity with what it was made from is printed. What is in the repository
    already and has not changed is left as it is.
    """
    with told(context):
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
            ),
            only or (),
        )
        if context.obj.json:
            context.obj.print_json({"repository": str(repository), "models": _models(repository)})


def _models(repository: Path) -> list[str]:
    return sorted(folder.name for folder in repository.iterdir() if (folder / "config.pbtxt").is_file())
