"""``frontdesk turn``: one turn of a customer."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Annotated

import typer
from frontdesk.dialogue.v1 import dialogue_pb2
from frontdesk.gateway.v1 import conversation_pb2
from rich.markup import escape

from gateway.cli.context import CliContext, UsageError
from gateway.cli.events import event_as_dict
from gateway.cli.pictures import save_pictures, show_seen_in_turn
from gateway.cli.wave_file import save_wave
from gateway.client import TurnResult, collect_turn


def turn(
    context: typer.Context,
    text: Annotated[str, typer.Option(help="What the customer typed.")] = "",
    audio: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="What the customer said: WAV, FLAC, Ogg, MP3."),
    ] = None,
    image: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="What the customer showed: JPEG, PNG, WebP; repeatable, up to 8.",
        ),
    ] = None,
    language: Annotated[str, typer.Option(help="en or zh. Default: detected.")] = "",
    session: Annotated[str, typer.Option(help="Session to continue. Default: a new one.")] = "",
    turn_id: Annotated[str, typer.Option(help="Id of the turn; the same again replays it.")] = "",
    voice: Annotated[str, typer.Option(help="Voice of the answer, see `frontdesk voices`.")] = "",
    out: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Save the answer's speech as WAV, and its pictures next to it."),
    ] = None,
) -> None:
    """Take one turn: say, type or show something, and see the answer come."""
    cli: CliContext = context.obj
    if not (text or audio or image):
        raise UsageError("Nothing to send: give at least one of --text, --audio and --image.")
    if voice and not out:
        raise UsageError("--voice is for the answer's speech: name a file for it by --out.")
    answer_audio = conversation_pb2.AnswerAudioConfig()
    answer_audio.voice.voice = voice
    events = cli.client.handle_turn(
        text=text,
        audio=audio.read_bytes() if audio else None,
        images=[path.read_bytes() for path in image or ()],
        language=language,
        session_id=session,
        turn_id=turn_id,
        answer_audio=answer_audio if out else False,
    )
    result = collect_turn(show_events(cli, events))
    saved = 0.0
    if out and result.audio_format:
        saved = save_wave(out, result.audio, result.audio_format.sample_rate_hertz)
    pictures = save_pictures(result.pictures, out) if out else []
    if not cli.json:
        show_end(cli, result, out, saved, pictures)


def show_events(
    cli: CliContext, events: Iterator[conversation_pb2.HandleTurnResponse]
) -> Iterator[conversation_pb2.HandleTurnResponse]:
    """Print each event when it comes, and pass it on."""
    answering = False
    for event in events:
        kind = event.WhichOneof("event")
        if cli.json:
            cli.print_json(event_as_dict(event))
        elif kind == "transcript":
            heard = event.transcript
            words = escape(heard.text) if heard.text else "[dim](nobody spoke)[/]"
            cli.console.print(
                f"[bold]Heard[/]   {words} [dim]{heard.language_code} {heard.confidence:.2f}[/]"
            )
        elif kind == "image_seen":
            show_seen_in_turn(cli.console, event.image_seen)
        elif kind == "understood":
            _show_understood(cli, event.understood)
        elif kind == "answer_text":
            cli.console.print("" if answering else "[bold]Answer[/]  ", end="")
            cli.console.print(escape(event.answer_text.delta), end="")
            answering = True
        yield event


def show_end(
    cli: CliContext, result: TurnResult, out: Path | None, seconds: float, pictures: Sequence[Path] = ()
) -> None:
    """Print what is known only at the end: sources, handoff, notices, speech, session and times.

    ``pictures`` are the files of the answer's pictures; without them only their captions are shown.
    """
    cli.console.print()
    for citation in result.citations:
        cli.console.print(f"[bold]Source[/]  {escape(citation.title)} [dim]{escape(citation.passage_id)}[/]")
    for picture, file in zip_longest(result.pictures, pictures):
        where = f"in {file}" if file else "(save it with --out)"
        cli.console.print(f"[bold]Picture[/] {escape(picture.caption)} [dim]{escape(where)}[/]")
    if result.handoff:
        reason = (
            dialogue_pb2.HandoffReason.Name(result.handoff.reason).removeprefix("HANDOFF_REASON_").lower()
        )
        cli.console.print(f"[bold]Handoff[/] to a person [dim]({reason.replace('_', ' ')})[/]")
    for notice in result.notices:
        cli.console.print(f"[bold]Note[/]    [yellow]{escape(notice.message)}[/]")
    if seconds:
        cli.console.print(f"[bold]Speech[/]  {escape(str(out))} [dim]{seconds:.1f} s[/]")
    cli.console.print(f"[bold]Session[/] {result.session_id} [dim](continue with --session)[/]")
    times = {
        "first text": result.first_text_seconds,
        "first audio": result.first_audio_seconds,
        "done": result.total_seconds,
    }
    shown = [f"{what} {seconds * 1000:.0f} ms" for what, seconds in times.items() if seconds is not None]
    cli.console.print(f"[dim]{' · '.join(shown)}{' · replayed' if result.replayed else ''}[/]")


def _show_understood(cli: CliContext, understood: dialogue_pb2.Understanding) -> None:
    for seen in understood.seen:
        if seen.picture_id:
            cli.console.print(
                f"[bold]Shows[/]   {escape(seen.picture_id)} [dim]{seen.probability:.2f} "
                f"picture {seen.image_index + 1}[/]"
            )
    if understood.intents:
        best = understood.intents[0]
        cli.console.print(
            f"[bold]Intent[/]  {best.intent} {best.probability:.2f} "
            f"[dim]confidence {understood.confidence:.2f}[/]"
        )
