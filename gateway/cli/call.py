"""``frontdesk call``: a live call, by a recording or by the microphone."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from gateway.cli.context import CliContext, UsageError

_AT = "repeatable; SECONDS into the call, 0 without"
_USUAL_RATES = {"linear16": 16000, "mulaw": 8000, "alaw": 8000, "opus": 48000}


def call(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(exists=True, dir_okay=False, help="What the customer says: WAV, FLAC, Ogg, MP3."),
    ] = None,
    mic: Annotated[bool, typer.Option("--mic", help="Speak yourself; Ctrl-C hangs up.")] = False,
    encoding: Annotated[
        Literal["linear16", "mulaw", "alaw", "opus"], typer.Option(help="Coding of the audio, both ways.")
    ] = "linear16",
    rate: Annotated[
        int, typer.Option(help="Samples per second: 8000, 16000, 24000 or 48000. 0: usual for the coding.")
    ] = 0,
    language: Annotated[str, typer.Option(help="en or zh. Default: detected in each turn.")] = "",
    session: Annotated[str, typer.Option(help="Session to continue. Default: a new one.")] = "",
    voice: Annotated[str, typer.Option(help="Voice of the answers, see `frontdesk voices`.")] = "",
    text: Annotated[
        list[str] | None, typer.Option(metavar="TEXT@SECONDS", help=f"What the customer types; {_AT}.")
    ] = None,
    image: Annotated[
        list[str] | None, typer.Option(metavar="FILE@SECONDS", help=f"What the customer shows; {_AT}.")
    ] = None,
    dtmf: Annotated[
        list[str] | None, typer.Option(metavar="KEYS@SECONDS", help=f"Keys the customer presses; {_AT}.")
    ] = None,
    pause: Annotated[
        float | None, typer.Option(help="Silence in seconds after a complete sentence that ends a turn.")
    ] = None,
    uninterruptible: Annotated[
        bool, typer.Option("--uninterruptible", help="Answers go on while the customer speaks.")
    ] = False,
    out: Annotated[
        Path,
        typer.Option(
            dir_okay=False,
            help="WAV file for the call: left the customer, right Frontdesk. The timeline is a PNG beside.",
        ),
    ] = Path("call.wav"),
) -> None:
    """Hold a live call: play a recording in real time (or speak), and see what happens when."""
    cli: CliContext = context.obj
    if (file is None) is not mic:
        raise UsageError("Give a recording or --mic, one of the two.")
    try:
        from gateway.cli.call_holding import CallPlan, hold
    except ModuleNotFoundError as error:
        raise UsageError(
            f"Calls need {error.name}: install Frontdesk's extra `call`, in a clone by pip install '.[call]'."
        ) from error
    plan = CallPlan(
        file=file,
        encoding=encoding,
        sample_rate_hertz=rate or _USUAL_RATES[encoding],
        language=language,
        session_id=session,
        voice=voice,
        complete_silence_seconds=pause,
        uninterruptible=uninterruptible,
        texts=[_timed(each) for each in text or ()],
        images=[_timed(each) for each in image or ()],
        digits=[_timed(each) for each in dtmf or ()],
        out=out,
    )
    hold(cli, plan)


def _timed(value: str) -> tuple[str, float]:
    what, at, seconds = value.rpartition("@")
    if not at:
        return value, 0.0
    try:
        when = float(seconds)
    except ValueError:
        return value, 0.0  # an @ of its own, as in an address
    if not 0.0 <= when < float("inf"):
        raise UsageError(f"{value}: what stands behind the @ are seconds into the call, 0 or more.")
    return what, when
