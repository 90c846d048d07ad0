"""``frontdesk see``, and pictures as the program shows and saves them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from frontdesk.dialogue.v1 import dialogue_pb2
from frontdesk.gateway.v1 import conversation_pb2
from frontdesk.vision.v1 import vision_pb2
from rich.console import Console
from rich.markup import escape

from gateway.cli.context import CliContext
from gateway.client import FrontdeskApiError

_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}
_LABELS_SHOWN = 3


Seen = conversation_pb2.ImageSeen | vision_pb2.ImageFeatures
"""What was seen in a picture."""


def see(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, help="JPEG, PNG or WebP files.")
    ],
    domain: Annotated[
        str, typer.Option(help="Domain whose products and kinds are told too, like shop. Default: none.")
    ] = "",
) -> None:
    """Tell what pictures show, and read the words in them; a file that fails does not stop the others."""
    cli: CliContext = context.obj
    failed = False
    for file in files:
        try:
            seen = cli.client.annotate_image(file.read_bytes(), domain=domain)
        except FrontdeskApiError as error:
            failed = True
            if cli.json:
                cli.print_json({"file": str(file), "error": error.message, "reason": error.reason})
            cli.error_console.print(f"[red]{escape(str(file))}: {escape(str(error))}[/]")
            continue
        if cli.json:
            cli.print_json({"file": str(file), **seen_as_dict(seen)})
        else:
            if len(files) > 1:
                cli.console.print(f"[bold]{escape(str(file))}[/]")
            show_seen(cli.console, seen)
    if failed:
        raise typer.Exit(1)


def show_seen(console: Console, seen: Seen) -> None:
    """Print all that was seen in one picture."""
    for name, labels in (("Kind", seen.kinds), ("Product", seen.products), ("Object", seen.labels)):
        if labels:
            best = ", ".join(_label(label) for label in labels[:_LABELS_SHOWN])
            console.print(f"[bold]{name:<7}[/] {best}")
    name = "Words"
    for line in seen.lines:
        console.print(f"[bold]{name:<7}[/] {escape(line.text)}")
        name = ""


def show_seen_in_turn(console: Console, seen: conversation_pb2.ImageSeen) -> None:
    """Print the most likely kind and product, and the words, of one picture of a turn."""
    told = [found[0] for found in (seen.kinds, seen.products) if found] or seen.labels[:1]
    shown = " · ".join(_label(label) for label in told) or "[dim](nothing known)[/]"
    console.print(f"[bold]Saw[/]     {shown} [dim]picture {seen.image_index + 1}[/]")
    if seen.lines:
        console.print(f"[bold]Read[/]    {escape(' / '.join(line.text for line in seen.lines))}")


def seen_as_dict(seen: Seen) -> dict[str, Any]:
    """Return what was seen in one picture, for ``--json``; boxes in fractions of the picture's sides."""
    return {
        "text": "\n".join(line.text for line in seen.lines),
        "lines": [
            {
                "text": line.text,
                "confidence": round(line.confidence, 4),
                "box": [round(v, 4) for v in (line.box.left, line.box.top, line.box.width, line.box.height)],
            }
            for line in seen.lines
        ],
        **{
            name: [{"label": label.label, "score": round(label.score, 4)} for label in found]
            for name, found in (("kinds", seen.kinds), ("products", seen.products), ("labels", seen.labels))
        },
    }


def save_pictures(pictures: Sequence[dialogue_pb2.AnswerPicture], beside: Path) -> list[Path]:
    """Write an answer's pictures next to its speech: ``answer.wav``, ``answer-router-red.webp``."""
    saved = []
    for picture in pictures:
        name = re.sub(r"[^A-Za-z0-9._-]", "_", picture.picture_id)
        path = beside.with_name(f"{beside.stem}-{name}{_SUFFIXES.get(picture.media_type, '')}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture.content)
        saved.append(path)
    return saved


def _label(label: vision_pb2.ImageLabel) -> str:
    return f"{escape(label.label)} [dim]{label.score:.2f}[/]"
