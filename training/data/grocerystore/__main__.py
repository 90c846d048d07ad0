"""``python -m training.data.grocerystore``: the domain folder of real photographs."""

import os
from pathlib import Path
from typing import Annotated

import typer

from services.dialogue.domain.loader import load_domain
from training.data.grocerystore.folder import build
from training.data.grocerystore.products import GroceryDataError

_DATA = Path(os.environ.get("FRONTDESK_DATA", "../shared/data")) / "grocerystore"


def main(
    data: Annotated[Path, typer.Option(help="Folder of the data set GroceryStore.")] = _DATA,
    out: Annotated[Path, typer.Option(help="The domain folder to write.")] = Path(
        "build/domains/grocerystore"
    ),
) -> None:
    """Build the domain folder and check it."""
    try:
        build(data, out)
    except GroceryDataError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    domain = load_domain(out)
    typer.echo(
        f"{domain.version}: {len(domain.products)} products of {len(domain.kinds)} kinds, "
        f"{len(domain.passages)} passages, {len(domain.showing)} questions about pictures"
    )


if __name__ == "__main__":
    typer.run(main)
