"""Holds the call that ``frontdesk call`` was asked for, and saves what came of it."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from frontdesk.gateway.v1 import conversation_pb2
from frontdesk.tts.v1 import tts_pb2

from gateway.cli.call_coding import CallFormat, Coding
from gateway.cli.call_microphone import Headset
from gateway.cli.call_player import (
    FRAME_SECONDS,
    Action,
    Keys,
    PlayedCall,
    ShownImage,
    TypedText,
    play_call,
)
from gateway.cli.call_recording import save_recording
from gateway.cli.call_screen import CallScreen
from gateway.cli.call_timeline import draw_timeline
from gateway.cli.call_timing import turn_timings
from gateway.cli.call_voice import CustomerVoice, Recording, read_recording
from gateway.cli.context import CliContext, UsageError
from gateway.cli.pictures import save_pictures


@dataclass(frozen=True, slots=True)
class CallPlan:
    """What a call is to be. Without ``file`` the customer speaks into the microphone.

    ``texts``, ``images`` (paths) and ``digits`` come with their seconds into the call.
    """

    file: Path | None
    encoding: str
    sample_rate_hertz: int
    language: str
    session_id: str
    voice: str
    complete_silence_seconds: float | None
    uninterruptible: bool
    texts: Sequence[tuple[str, float]]
    images: Sequence[tuple[str, float]]
    digits: Sequence[tuple[str, float]]
    out: Path

    def config(self) -> conversation_pb2.ConverseConfig:
        """Return what the call begins with."""
        config = conversation_pb2.ConverseConfig(
            session_id=self.session_id,
            encoding=Coding(self.encoding).on_the_wire,
            sample_rate_hertz=self.sample_rate_hertz,
            language_code=self.language,
        )
        if self.voice:
            config.voice.CopyFrom(tts_pb2.VoiceConfig(voice=self.voice))
        if self.uninterruptible:
            config.turn_taking.uninterruptible = True
        if self.complete_silence_seconds is not None:
            silence = round(self.complete_silence_seconds * 1e9)
            config.turn_taking.complete_silence.FromNanoseconds(silence)
        return config

    def actions(self) -> list[Action]:
        """Return what the customer does besides speaking; pictures are read from their files."""
        return [
            *(Action(seconds, TypedText(text)) for text, seconds in self.texts),
            *(Action(seconds, ShownImage(Path(file).read_bytes())) for file, seconds in self.images),
            *(Action(seconds, Keys(digits)) for digits, seconds in self.digits),
        ]


def hold(cli: CliContext, plan: CallPlan) -> None:
    """Hold the call and save it; one that fails is saved as far as it came.

    FrontdeskApiError where it failed. UsageError for a plan that cannot be.
    """
    try:
        call_format = CallFormat(Coding(plan.encoding), plan.sample_rate_hertz)
        voice = Recording(read_recording(plan.file, plan.sample_rate_hertz)) if plan.file else None
    except ValueError as error:
        raise UsageError(str(error)) from error
    actions = plan.actions()
    with CallScreen(cli) as screen:
        played = asyncio.run(_hold(cli, plan, call_format, voice, actions, screen))
    if played.events:
        save_recording(played, plan.out)
        turns = turn_timings(played)
        timeline = plan.out.with_suffix(".png")
        draw_timeline(played, turns, plan.file.name if plan.file else "call", timeline)
        pictures = [
            timed.event.answer_picture for timed in played.events if timed.event.HasField("answer_picture")
        ]
        screen.end(played, turns, plan.out, timeline, save_pictures(pictures, plan.out))
    if played.error:
        raise played.error


async def _hold(
    cli: CliContext,
    plan: CallPlan,
    call_format: CallFormat,
    recording: CustomerVoice | None,
    actions: list[Action],
    screen: CallScreen,
) -> PlayedCall:
    hang_up, loop = asyncio.Event(), asyncio.get_running_loop()

    def interrupted() -> None:
        hang_up.set()
        loop.remove_signal_handler(signal.SIGINT)  # the second Ctrl-C ends the program

    loop.add_signal_handler(signal.SIGINT, interrupted)
    with ExitStack() as devices:
        headset, voice = None, recording
        if voice is None:
            frame_length = round(plan.sample_rate_hertz * FRAME_SECONDS)
            voice = headset = devices.enter_context(Headset(plan.sample_rate_hertz, frame_length))
        async with cli.client.converse(plan.config()) as call:
            return await play_call(
                call,
                voice,
                call_format,
                actions=actions,
                on_event=screen.show,
                loudspeaker=headset,
                hang_up=hang_up,
            )
