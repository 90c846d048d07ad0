"""``frontdesk transcribe``, ``speak`` and ``voices``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from gateway.cli.context import CliContext
from gateway.cli.wave_file import save_wave
from gateway.client import FrontdeskApiError


def transcribe(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, help="WAV, FLAC, Ogg or MP3 files.")
    ],
    language: Annotated[str, typer.Option(help="en or zh. Default: detected.")] = "",
) -> None:
    """Write down what is said in recordings; a file that fails does not stop the others."""
    cli: CliContext = context.obj
    failed = False
    for file in files:
        try:
            heard = cli.client.transcribe(file.read_bytes(), language=language)
        except FrontdeskApiError as error:
            failed = True
            if cli.json:
                cli.print_json({"file": str(file), "error": error.message, "reason": error.reason})
            cli.error_console.print(f"[red]{escape(str(file))}: {escape(str(error))}[/]")
            continue
        if cli.json:
            words = [
                {
                    "word": word.word,
                    "start": round(word.start_offset.ToTimedelta().total_seconds(), 3),
                    "end": round(word.end_offset.ToTimedelta().total_seconds(), 3),
                    "confidence": round(word.confidence, 4),
                }
                for word in heard.words
            ]
            cli.print_json(
                {
                    "file": str(file),
                    "text": heard.transcript,
                    "language": heard.language_code,
                    "confidence": round(heard.confidence, 4),
                    "words": words,
                }
            )
        else:
            head = f"[bold]{escape(str(file))}[/] " if len(files) > 1 else ""
            said = escape(heard.transcript) if heard.transcript else "[dim](nobody speaks)[/]"
            cli.console.print(f"{head}{said} [dim]{heard.language_code} {heard.confidence:.2f}[/]")
    if failed:
        raise typer.Exit(1)


def speak(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="What to say.")],
    voice: Annotated[str, typer.Option(help="A voice's name. Default: the language's own.")] = "",
    language: Annotated[str, typer.Option(help="en or zh. Default: told from the text.")] = "",
    rate: Annotated[float, typer.Option(min=0.5, max=2.0, help="Pace; 1 is the voice's own.")] = 1.0,
    out: Annotated[Path, typer.Option(dir_okay=False, help="WAV file to write.")] = Path("speech.wav"),
) -> None:
    """Speak a text into a WAV file."""
    cli: CliContext = context.obj
    spoken = cli.client.synthesize(text, voice=voice, language=language, speaking_rate=rate)
    seconds = save_wave(out, spoken.audio, spoken.format.sample_rate_hertz)
    if cli.json:
        cli.print_json({"file": str(out), "voice": spoken.voice, "seconds": round(seconds, 3)})
    else:
        cli.console.print(f"{escape(str(out))} [dim]{seconds:.1f} s, voice {spoken.voice}[/]")


def voices(
    context: typer.Context,
    language: Annotated[str, typer.Option(help="en or zh. Default: both.")] = "",
) -> None:
    """List the voices."""
    cli: CliContext = context.obj
    found = cli.client.list_voices(language=language)
    if cli.json:
        for voice in found:
            cli.print_json({"name": voice.name, "language": voice.language_code, "default": voice.default})
        return
    table = Table("voice", "language", "default")
    for voice in found:
        table.add_row(voice.name, voice.language_code, "yes" if voice.default else "")
    cli.console.print(table)
