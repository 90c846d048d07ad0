"""``frontdesk explain``: why a turn was decided as it was."""

from pathlib import Path
from typing import Annotated, Any

import typer
from frontdesk.gateway.v1 import conversation_pb2
from google.protobuf.json_format import MessageToDict
from rich.markup import escape
from rich.table import Table

from gateway.cli.context import CliContext, UsageError
from gateway.cli.drawing import FORMATS, draw, signed
from gateway.client import FrontdeskClient

_BAR_CELLS = 16
_SHADES = "·░▒▓█"
_PARTS = {
    conversation_pb2.MODALITY_SPEECH: "what was said",
    conversation_pb2.MODALITY_ACOUSTIC: "how it sounded",
    conversation_pb2.MODALITY_TEXT: "what was typed",
    conversation_pb2.MODALITY_IMAGE: "look of picture",
    conversation_pb2.MODALITY_IMAGE_TEXT: "words in picture",
}
_OF_PICTURES = (conversation_pb2.MODALITY_IMAGE, conversation_pb2.MODALITY_IMAGE_TEXT)


def explain(
    context: typer.Context,
    session: Annotated[str, typer.Argument(help="The session.")],
    turn: Annotated[str, typer.Argument(help="The turn. Default: the session's latest.")] = "",
    regions: Annotated[
        bool, typer.Option("--regions", help="Also say which regions of each picture mattered.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Draw it into this file: PNG, SVG or PDF.")
    ] = None,
    image: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True, dir_okay=False, help="The turn's pictures in order, to draw over; repeatable."
        ),
    ] = None,
) -> None:
    """Show how much each part of a stored turn moved its decision: what is lost when it is left out."""
    cli: CliContext = context.obj
    if out and out.suffix.lower() not in FORMATS:
        raise UsageError(f"{out} cannot be drawn: name a file that ends with {', '.join(FORMATS)}.")
    if image and not out:
        raise UsageError("--image is for the drawing: name a file for it by --out.")
    turn = turn or _latest_turn(cli.client, session)
    explained = cli.client.explain_turn(session, turn, include_regions=regions)
    if cli.json:
        cli.print_json(explanation_as_dict(explained))
    else:
        show_explanation(cli, explained)
    if out:
        draw_explanation(explained, [path.read_bytes() for path in image or ()], out)
        cli.console.print(f"[bold]Drawing[/] {escape(str(out))}")


def explanation_as_dict(explained: conversation_pb2.ExplainTurnResponse) -> dict[str, Any]:
    """Return the response's fields, with modalities as in ``"SPEECH"``."""
    fields: dict[str, Any] = MessageToDict(
        explained, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    for part in fields["contributions"]:
        part["modality"] = part["modality"].removeprefix("MODALITY_")
    return fields


def show_explanation(cli: CliContext, explained: conversation_pb2.ExplainTurnResponse) -> None:
    """Print the contributions with bars, and each picture's regions as shades."""
    cli.console.print(f"[bold]Explained[/] {escape(_explained(explained))}")
    if not explained.contributions:
        cli.console.print("Nothing was said, typed or shown.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("part", "added", "", "without", "best without"):
        table.add_column(heading, no_wrap=True)
    largest = max(abs(part.contribution) for part in explained.contributions) or 1.0
    for part in explained.contributions:
        colour = "green" if part.contribution >= 0 else "red"
        bar = "█" * round(_BAR_CELLS * abs(part.contribution) / largest)
        table.add_row(
            _name(part),
            signed(part.contribution),
            f"[{colour}]{bar}[/]",
            f"{part.probability_without:.2f}",
            escape(part.passage_id_without),
        )
    cli.console.print(table)
    for grid in explained.regions:
        cli.console.print(
            f"[bold]Regions of picture {grid.image_index + 1}[/] [dim](darker: added more; -: took away)[/]"
        )
        for line in _shades(grid):
            cli.console.print(line)


def draw_explanation(explained: conversation_pb2.ExplainTurnResponse, images: list[bytes], out: Path) -> None:
    """Draw the contributions and regions into a file; ``images`` are the turn's pictures, as far as known.

    UsageError where the library for it is missing or an image cannot be read.
    """
    draw(
        _explained(explained),
        [(_name(part), part.contribution) for part in explained.contributions],
        {grid.image_index: _rows(grid) for grid in explained.regions},
        images,
        out,
    )


def _latest_turn(client: FrontdeskClient, session: str) -> str:
    token, latest = "", ""
    while True:
        page = client.get_conversation(session, page_size=200, page_token=token)
        latest = page.turns[-1].turn_id if page.turns else latest
        token = page.next_page_token
        if not token:
            break
    if not latest:
        raise UsageError(f"Session {session} has no turns yet.")
    return latest


def _explained(explained: conversation_pb2.ExplainTurnResponse) -> str:
    what = f"passage {explained.passage_id}" if explained.passage_id else f"intent {explained.intent}"
    return f"{what}, probability {explained.probability:.2f}"


def _name(part: conversation_pb2.ModalityContribution) -> str:
    name = _PARTS.get(part.modality, "part of a kind that this version does not know")
    return f"{name} {part.image_index + 1}" if part.modality in _OF_PICTURES else name


def _rows(grid: conversation_pb2.RegionContributions) -> list[list[float]]:
    values = list(grid.contributions)
    return [values[start : start + grid.columns] for start in range(0, len(values), grid.columns)]


def _shades(grid: conversation_pb2.RegionContributions) -> list[str]:
    largest = max(map(abs, grid.contributions), default=0.0) or 1.0

    def cell(value: float) -> str:
        step = round((len(_SHADES) - 1) * abs(value) / largest)
        shade = _SHADES[step]
        return f"[green]{shade * 2}[/]" if value >= 0 or not step else f"[red]{shade}-[/]"

    return ["  " + "".join(map(cell, row)) for row in _rows(grid)]
