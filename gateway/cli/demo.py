"""``frontdesk demo``: the main job shown on a running suite.

A customer with another voice than Frontdesk's asks over a noisy telephone line
in English, and another one types in Mandarin. The answers come as text with
sources and as speech.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from frontdesk.gateway.v1 import conversation_pb2
from frontdesk.tts.v1 import tts_pb2

from gateway.cli.context import CliContext
from gateway.cli.events import event_as_dict
from gateway.cli.telephone import SAMPLE_RATE_HERTZ, over_the_telephone
from gateway.cli.turn import show_end, show_events
from gateway.cli.wave_file import save_wave
from gateway.client import TurnResult, collect_turn

app = typer.Typer(help="Show the main job on a running suite.", subcommand_metavar="")

CUSTOMER_VOICE = "am_michael"
SPOKEN_QUESTION = (
    "Hello, my parcel should have been here on Tuesday, and it still has not come. What can I do?"
)
TYPED_QUESTION = "充电宝的电池鼓起来了，怎么办？"


@dataclass(frozen=True, slots=True)
class DemoTurn:
    """What a customer does in the demo."""

    name: str
    text: str = ""
    audio: bytes | None = None
    asked: str = ""
    """The words, for the transcript; empty where only the recording knows them."""


@app.callback(invoke_without_command=True)
def demo(
    context: typer.Context,
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder for what comes of it.")] = Path(
        "build/demo"
    ),
    audio: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Your own recording instead of the demo's customer."),
    ] = None,
) -> None:
    """Take a spoken and a typed turn; leave the speech, a transcript and report.json in the folder."""
    cli: CliContext = context.obj
    out.mkdir(parents=True, exist_ok=True)
    spoken = audio.read_bytes() if audio else _telephoned(cli, out)
    turns = [
        DemoTurn("spoken-english", audio=spoken, asked="" if audio else SPOKEN_QUESTION),
        DemoTurn("typed-mandarin", text=TYPED_QUESTION, asked=TYPED_QUESTION),
    ]
    report, transcript = [], ["# Frontdesk demo\n"]
    for turn in turns:
        cli.console.print(f"\n[bold reverse] {turn.name} [/]")
        if turn.asked:
            cli.console.print(f"[bold]Customer[/] {turn.asked}")
        events: list[dict[str, Any]] = []
        result = collect_turn(_recorded(show_events(cli, _take(cli, turn)), events))
        file = out / f"{turn.name}.wav"
        seconds = 0.0
        if result.audio_format:
            seconds = save_wave(file, result.audio, result.audio_format.sample_rate_hertz)
        show_end(cli, result, file, seconds)
        report.append(
            {
                "name": turn.name,
                "events": events,
                "answer": result.answer,
                "citations": [
                    {"passage_id": citation.passage_id, "title": citation.title, "quote": citation.quote}
                    for citation in result.citations
                ],
                "audio": file.name if seconds else None,
            }
        )
        transcript.append(_as_markdown(turn, result, file, seconds))
    (out / "report.json").write_text(json.dumps({"turns": report}, ensure_ascii=False, indent=2))
    (out / "transcript.md").write_text("\n".join(transcript))
    cli.console.print(f"\nListen and read in {out}: {', '.join(sorted(p.name for p in out.glob('*.*')))}")


def _telephoned(cli: CliContext, out: Path) -> bytes:
    said = cli.client.synthesize(
        SPOKEN_QUESTION,
        voice=CUSTOMER_VOICE,
        audio_format=tts_pb2.OutputFormat(sample_rate_hertz=SAMPLE_RATE_HERTZ),
    )
    line = over_the_telephone(said.audio)
    (out / "customer.wav").write_bytes(line)
    return line


def _take(cli: CliContext, turn: DemoTurn) -> Any:
    return cli.client.handle_turn(text=turn.text, audio=turn.audio, answer_audio=True)


def _recorded(responses: Any, events: list[dict[str, Any]]) -> Any:
    response: conversation_pb2.HandleTurnResponse
    for response in responses:
        events.append(event_as_dict(response))
        yield response


def _as_markdown(turn: DemoTurn, result: TurnResult, file: Path, seconds: float) -> str:
    lines = [f"## {turn.name}\n"]
    if turn.asked:
        lines.append(f"**Customer:** {turn.asked}\n")
    if result.transcript:
        lines.append(f"**Heard** ({result.transcript.language_code}): {result.transcript.text}\n")
    lines.append(f"**Frontdesk:** {result.answer}\n")
    lines += [
        f"> {citation.title} (`{citation.passage_id}`): {citation.quote}\n" for citation in result.citations
    ]
    if seconds:
        lines.append(f"Speech: [{file.name}]({file.name}), {seconds:.1f} s\n")
    return "\n".join(lines)
