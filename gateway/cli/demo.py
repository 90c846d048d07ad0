"""``frontdesk demo``: the main job shown on a running suite.

Customers with other voices than Frontdesk's ask over a noisy telephone line, type,
and show pictures, as ``demo/demo.yaml`` of the domain's folder says. The answers come
as text with sources and pictures, and as speech; the last turn with a picture is explained.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from frontdesk.gateway.v1 import conversation_pb2
from frontdesk.tts.v1 import tts_pb2

from gateway.cli.context import CliContext
from gateway.cli.demo_record import TakenTurn, write_record
from gateway.cli.demo_script import DemoTurn, read_script
from gateway.cli.events import event_as_dict
from gateway.cli.explain import draw_explanation, show_explanation
from gateway.cli.pictures import save_pictures
from gateway.cli.telephone import SAMPLE_RATE_HERTZ, over_the_telephone
from gateway.cli.turn import show_end, show_events
from gateway.cli.wave_file import save_wave
from gateway.client import collect_turn

app = typer.Typer(help="Show the main job on a running suite.", subcommand_metavar="")


@app.callback(invoke_without_command=True)
def demo(
    context: typer.Context,
    domain: Annotated[
        Path, typer.Option(file_okay=False, help="Folder of the published domain, with its demo.")
    ] = Path("domains/shop"),
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder for what comes of it.")] = Path(
        "build/demo"
    ),
    audio: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="Your own recording instead of the first spoken question."
        ),
    ] = None,
) -> None:
    """Take the domain's demo turns; leave speech, pictures, a transcript and report.json in the folder."""
    cli: CliContext = context.obj
    script = read_script(domain)
    out.mkdir(parents=True, exist_ok=True)
    own = next((turn for turn in script if turn.say), None) if audio else None
    taken = [_take(cli, out, turn, audio if turn is own else None) for turn in script]
    showing = [one for one in taken if one.result.images_seen]
    if showing:
        _explain(cli, out, showing[-1])
    write_record(out, taken)
    files = sorted(path.name for path in out.iterdir() if path.is_file())
    cli.console.print(f"\nListen, look and read in {out}: {', '.join(files)}")


def _take(cli: CliContext, out: Path, turn: DemoTurn, recording: Path | None) -> TakenTurn:
    cli.console.print(f"\n[bold reverse] {turn.name} [/]")
    if recording:
        turn = replace(turn, say="")  # other words are said
    for asked in (turn.say, turn.type):
        if asked:
            cli.console.print(f"[bold]Customer[/] {asked}")
    shown = [Path(shutil.copyfile(file, out / f"{turn.name}-{file.name}")) for file in turn.show]
    for file in shown:
        cli.console.print(f"[bold]Customer[/] shows {file}")
    audio = recording.read_bytes() if recording else _telephoned(cli, out, turn) if turn.say else None
    events: list[dict[str, Any]] = []
    coming = cli.client.handle_turn(
        text=turn.type, audio=audio, images=[file.read_bytes() for file in shown], answer_audio=True
    )
    result = collect_turn(_recorded(show_events(cli, coming), events))
    speech, seconds = out / f"{turn.name}.wav", 0.0
    if result.audio_format:
        seconds = save_wave(speech, result.audio, result.audio_format.sample_rate_hertz)
    pictures = save_pictures(result.pictures, speech)
    show_end(cli, result, speech, seconds, pictures)
    stages = [f"{stage.lower()} {spent * 1000:.0f} ms" for stage, spent in result.timings.items()]
    cli.console.print(f"[dim]{' · '.join(stages)}[/]")
    return TakenTurn(turn, result, events, shown, speech if seconds else None, seconds, pictures)


def _telephoned(cli: CliContext, out: Path, turn: DemoTurn) -> bytes:
    said = cli.client.synthesize(
        turn.say,
        voice=turn.voice,
        audio_format=tts_pb2.OutputFormat(sample_rate_hertz=SAMPLE_RATE_HERTZ),
    )
    line = over_the_telephone(said.audio)
    (out / f"{turn.name}-customer.wav").write_bytes(line)
    return line


def _recorded(
    responses: Iterator[conversation_pb2.HandleTurnResponse], events: list[dict[str, Any]]
) -> Iterator[conversation_pb2.HandleTurnResponse]:
    for response in responses:
        events.append(event_as_dict(response))
        yield response


def _explain(cli: CliContext, out: Path, taken: TakenTurn) -> None:
    cli.console.print(f"\n[bold reverse] why {taken.turn.name} was answered so [/]")
    taken.explanation = cli.client.explain_turn(
        taken.result.session_id, taken.result.turn_id, include_regions=True
    )
    show_explanation(cli, taken.explanation)
    taken.drawing = out / f"{taken.turn.name}-why.png"
    draw_explanation(taken.explanation, [file.read_bytes() for file in taken.shown], taken.drawing)
    cli.console.print(f"[bold]Drawing[/] {taken.drawing}")
