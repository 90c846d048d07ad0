"""Shows a call's events as they come, for people or as JSON."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from frontdesk.dialogue.v1 import dialogue_pb2
from frontdesk.gateway.v1 import conversation_pb2
from rich.live import Live
from rich.markup import escape

from gateway.cli.call_player import PlayedCall, TimedEvent
from gateway.cli.call_timing import TurnTiming
from gateway.cli.context import CliContext
from gateway.cli.events import event_as_dict
from gateway.cli.pictures import show_seen_in_turn

_ENDS = {
    conversation_pb2.END_OF_TURN_REASON_COMPLETE: "all is said",
    conversation_pb2.END_OF_TURN_REASON_SILENCE: "a long pause",
    conversation_pb2.END_OF_TURN_REASON_TEXT: "typed",
    conversation_pb2.END_OF_TURN_REASON_DTMF: "keys pressed",
    conversation_pb2.END_OF_TURN_REASON_HALF_CLOSE: "no more audio",
}


class CallScreen:
    """Prints a call. On a terminal the words so far change in their place. A context manager."""

    def __init__(self, cli: CliContext) -> None:
        self._cli = cli
        self._live = Live(console=cli.console, transient=True, auto_refresh=False)
        self._speaking = ""

    def __enter__(self) -> "CallScreen":
        if not self._cli.json:
            self._live.start()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, timed: TimedEvent) -> None:
        """Print one event."""
        if self._cli.json:
            told = event_as_dict(timed.event)
            self._cli.print_json({"call_ms": round(timed.seconds * 1000, 1), **told})
            return
        event = timed.event
        kind = event.WhichOneof("event")
        if kind == "partial_transcript" and self._cli.console.is_terminal:
            self._live.update(_line(timed, "…", f"[dim]{escape(event.partial_transcript.text)}[/]"))
            self._live.refresh()
        elif kind == "image_seen":
            show_seen_in_turn(self._cli.console, event.image_seen)
        elif kind == "answer_audio":
            if self._speaking != event.turn_id:
                self._speaking = event.turn_id
                self._print(timed, "Speaks", "[dim]the answer's first audio[/]")
        elif kind in _SHOWN:
            if kind in ("final_transcript", "end_of_turn"):
                self._live.update("", refresh=True)
            name, tell = _SHOWN[kind]
            self._print(timed, name, tell(event))

    def end(
        self,
        played: PlayedCall,
        turns: Sequence[TurnTiming],
        recording: Path,
        timeline: Path,
        pictures: Sequence[Path],
    ) -> None:
        """Print what is known only at the end: what was saved, and how quick the answers were."""
        seconds = len(played.customer) / played.sample_rate_hertz
        first_audio = [turn.first_audio_seconds for turn in turns if turn.first_audio_seconds is not None]
        if self._cli.json:
            self._cli.print_json(
                {
                    "type": "recording",
                    "session_id": played.session_id,
                    "file": str(recording),
                    "timeline": str(timeline),
                    "pictures": [str(path) for path in pictures],
                    "seconds": round(seconds, 3),
                    "first_audio_ms": [round(each * 1000, 1) for each in first_audio],
                    "lateness_ms": round(played.lateness_seconds * 1000, 1),
                }
            )
            return
        console = self._cli.console
        for path in pictures:
            console.print(f"[bold]Picture[/]  {escape(str(path))}")
        console.print(f"[bold]Saved[/]    {escape(str(recording))} [dim]{seconds:.1f} s[/]")
        console.print(f"[bold]Timeline[/] {escape(str(timeline))}")
        console.print(f"[bold]Session[/]  {played.session_id} [dim](continue with --session)[/]")
        if first_audio:
            times = ", ".join(f"{each * 1000:.0f} ms" for each in first_audio)
            console.print(f"[dim]first audio after the customer's last sound: {times}[/]")
        if played.lateness_seconds > 0.1:
            late = f"{played.lateness_seconds * 1000:.0f} ms"
            console.print(f"[yellow]Audio left up to {late} late: this machine or the server is busy.[/]")

    def _print(self, timed: TimedEvent, name: str, text: str) -> None:
        self._cli.console.print(_line(timed, name, text))


def _line(timed: TimedEvent, name: str, text: str) -> str:
    return f"[dim]{timed.seconds:7.2f}[/]  [bold]{name:8}[/] {text}"


def _end_of_turn(event: conversation_pb2.ConverseResponse) -> str:
    end = event.end_of_turn
    why = _ENDS.get(end.reason, "")
    silence = end.silence.ToTimedelta().total_seconds()
    begun = " · answer begun before" if end.anticipated else ""
    return f"[dim]{why} · {silence * 1000:.0f} ms of silence{begun}[/]"


def _final(event: conversation_pb2.ConverseResponse) -> str:
    heard = event.final_transcript
    words = escape(heard.text) if heard.text else "[dim](no words)[/]"
    return f"{words} [dim]{heard.language_code} {heard.confidence:.2f}[/]"


def _understood(event: conversation_pb2.ConverseResponse) -> str:
    understood = event.understood
    best = understood.intents[0] if understood.intents else None
    intent = f"{best.intent} {best.probability:.2f} " if best else ""
    return f"{intent}[dim]confidence {understood.confidence:.2f}[/]"


def _completed(event: conversation_pb2.ConverseResponse) -> str:
    completed = event.turn_completed
    decision = dialogue_pb2.Decision.Name(completed.decision).removeprefix("DECISION_").lower()
    interrupted = " · interrupted" if completed.interrupted else ""
    stages = [
        f"{conversation_pb2.Stage.Name(timing.stage).removeprefix('STAGE_').lower()} "
        f"{timing.duration.ToTimedelta().total_seconds() * 1000:.0f} ms"
        for timing in completed.timings
    ]
    return f"[dim]{' · '.join([decision.replace('_', ' ') + interrupted, *stages])}[/]"


def _handoff(event: conversation_pb2.ConverseResponse) -> str:
    reason = dialogue_pb2.HandoffReason.Name(event.handoff.reason).removeprefix("HANDOFF_REASON_")
    return f"to a person [dim]({reason.lower().replace('_', ' ')})[/]"


def _goodbye(event: conversation_pb2.ConverseResponse) -> str:
    reason = conversation_pb2.GoodbyeReason.Name(event.goodbye.reason).removeprefix("GOODBYE_REASON_")
    return f"[dim]{reason.lower().replace('_', ' ')}[/]"


def _stopped(event: conversation_pb2.ConverseResponse) -> str:
    heard = event.playback_stop.position.ToTimedelta().total_seconds()
    return f"[dim]the customer interrupts, {heard:.2f} s of the answer were heard[/]"


_SHOWN: dict[str, tuple[str, Callable[[conversation_pb2.ConverseResponse], str]]] = {
    "call_started": ("Call", lambda event: escape(event.session_id)),
    "speech_started": ("Customer", lambda event: "[dim]begins to speak[/]"),
    "partial_transcript": ("…", lambda event: f"[dim]{escape(event.partial_transcript.text)}[/]"),
    "end_of_turn": ("Turn", _end_of_turn),
    "final_transcript": ("Heard", _final),
    "understood": ("Intent", _understood),
    "answer_text": ("Answer", lambda event: escape(event.answer_text.delta.strip())),
    "citation": (
        "Source",
        lambda event: f"{escape(event.citation.title)} [dim]{escape(event.citation.passage_id)}[/]",
    ),
    "answer_picture": ("Picture", lambda event: escape(event.answer_picture.caption)),
    "playback_stop": ("Stop", _stopped),
    "no_input": ("Silence", lambda event: f"[dim]nobody speaks, time {event.no_input.count}[/]"),
    "handoff": ("Handoff", _handoff),
    "notice": ("Note", lambda event: f"[yellow]{escape(event.notice.message)}[/]"),
    "turn_completed": ("Done", _completed),
    "goodbye": ("Goodbye", _goodbye),
}
