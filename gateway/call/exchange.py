"""The turns of one call: gathered, ended, answered, interrupted. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from gateway.call.anticipation import Anticipation
from gateway.call.begun_answer import BegunAnswer
from gateway.call.coding import AudioCoding
from gateway.call.gathering import Gathering, Question
from gateway.call.hearing_feed import HearingFeed
from gateway.call.ports import CallPorts, CallSession
from gateway.call.recording import CustomerRecording
from gateway.call.spoken_turn import SpokenTurn
from gateway.call.types import (
    CallConfig,
    CallEvent,
    CallInput,
    CallLimits,
    EndOfTurn,
    Goodbye,
    GoodbyeReason,
    HungUp,
    NoInput,
    PlaybackReport,
    Pressed,
    Shown,
    SpeechStarted,
    Typed,
)
from gateway.turn.barge_in import BargeIn
from gateway.turn.hearing import (
    CustomerAudio,
    FinalHeard,
    Heard,
    PartialHeard,
    UtteranceStarted,
    VoiceEvidence,
)
from gateway.turn.turn_end import (
    AnswerAsked,
    AudioEnded,
    EndOfTurnReason,
    KeysPressed,
    TextTyped,
    TurnEnd,
    TurnEndDecision,
)
from gateway.turn.types import AudioEncoding, AudioInput, CustomerTurn, DialogueState
from services.serving.errors import Unavailable

_LEAST_WAIT_SECONDS = 0.001
"""Sums of times are not exact: what is due in less may still not be due then."""


@dataclass(frozen=True, slots=True)
class HearingEnded:
    """The recognizer has said all."""


ExchangeInput = CallInput | Heard | AudioEnded | HearingEnded


class Exchange:
    """Decides; never waits. Feed it by ``on``, then ``advance`` it, at the latest after ``next_in`` seconds.

    Events go out by ``emit``, with their turn's id. ``changed`` is called when
    something that runs beside it has come further.
    """

    def __init__(
        self,
        config: CallConfig,
        ports: CallPorts,
        limits: CallLimits,
        session: CallSession,
        feed: HearingFeed,
        emit: Callable[[str, CallEvent], None],
        changed: Callable[[], None],
        renew_credential: Callable[[], None],
    ) -> None:
        self._config = config
        self._ports = ports
        self._limits = limits
        self._session = session
        self._feed = feed
        self._emit = emit
        self._changed = changed
        self._renew_credential = renew_credential
        stream = config.stream_format
        self._coding = AudioCoding(stream.encoding, stream.sample_rate_hertz)
        self.recording = CustomerRecording(self._coding, limits.audio_bytes)
        self._turn_end = TurnEnd(config.turn_taking)
        self._barge_in = BargeIn(config.turn_taking)
        self._anticipation = Anticipation(self._begin_answer, ports.metrics)
        self._state: DialogueState | None = session.state
        self._gathering = Gathering()
        self._decision: TurnEndDecision | None = None
        self._decided_at = 0.0
        self._end_told = False
        self._answering: SpokenTurn | None = None
        self._closing: list[SpokenTurn] = []
        self._quiet_since = ports.clock.monotonic()
        self._silences = 0
        self._hearing_ended = False
        self._ending: GoodbyeReason | None = None
        self.over = False
        """Whether goodbye was said."""

    def on(self, item: ExchangeInput, now: float) -> None:
        """Take in what happened. Raises ResourceExhausted for more than a turn may hold."""
        if isinstance(item, PlaybackReport):
            if self._answering is not None and self._answering.turn_id == item.turn_id:
                self._answering.playback.report(item.position.total_seconds(), now)
        elif isinstance(item, HungUp):
            self.end(GoodbyeReason.HANG_UP, now)
        elif self._ending is None:
            self._quiet_since = now if isinstance(item, CallInput) else self._quiet_since
            self._on_turn(item, now)

    def end(self, reason: GoodbyeReason, now: float) -> None:
        """End the call: what the customer is saying is dropped; by hanging up, the answer ends, too."""
        self._ending = self._ending or reason
        self._gathering, self._decision = Gathering(), None
        self._anticipation.drop()
        if reason is GoodbyeReason.HANG_UP and self._answering is not None:
            self._answering.interrupt(now)

    def advance(self, now: float) -> None:
        """Do all that can be done now. Raises what ends the call."""
        if not self._gathering.in_utterance or self._decision is None:
            self._decide(self._turn_end.check(now), now)
        elif now - self._decided_at > self._limits.final_seconds:
            raise Unavailable("ASR_UNAVAILABLE", "what was said did not become words in time: call again")
        self._answer_if_over(now)
        self._speak(now)
        self._answer_if_over(now)  # what was said while an answer could not be interrupted
        self._close(now)
        self._notice_silence(now)
        if self._hearing_ended and self._decision is None and self._answering is None:
            self._ending = self._ending or GoodbyeReason.HALF_CLOSE
        if self._ending and not self._answering and not self._closing and not self.over:
            self.over = True
            self._emit("", Goodbye(self._ending))

    def next_in(self, now: float) -> float | None:
        """Seconds until ``advance`` may do something although nothing happens; None: never."""
        times = [self._turn_end.next_check(now)]
        if self._answering is not None:
            times.append(self._answering.playback.next_in(now))
        if self._waits_for_input():
            times.append(self._quiet_since + self._config.turn_taking.no_input_timeout.total_seconds() - now)
        if self._decision is not None and self._gathering.in_utterance:
            times.append(self._decided_at + self._limits.final_seconds - now)
        known = [time for time in times if time is not None]
        return max(min(known), _LEAST_WAIT_SECONDS) if known else None

    async def close(self, now: float) -> None:
        """End at once: an answer under way is stored as far as it was heard, and nothing runs on."""
        if self._answering is not None:
            self._answering.interrupt(now)
            self._closing.append(self._answering)
        for turn in self._closing:
            await turn.ended()
        await self._anticipation.end()

    def _on_turn(self, item: ExchangeInput, now: float) -> None:
        gathering = self._gathering
        match item:
            case CustomerAudio() | HungUp() | PlaybackReport():
                pass
            case Typed(text=text):
                self._act(now)
                gathering.type(text, self._limits)
                self._decide(self._turn_end.on(TextTyped(), now), now)
            case Pressed(digits=digits):
                self._act(now)
                gathering.press(digits, self._limits)
                self._decide(self._turn_end.on(KeysPressed(digits), now), now)
            case Shown(image=image):
                gathering.show(image, self._limits)
            case AudioEnded():
                self._feed.end()
                self._decide(self._turn_end.on(item, now), now)
            case HearingEnded():
                self._hearing_ended, gathering.in_utterance = True, False
                if not gathering.empty:
                    self._decide(TurnEndDecision(EndOfTurnReason.HALF_CLOSE, timedelta()), now)
            case _:
                self._on_heard(item, now)

    def _on_heard(self, heard: Heard, now: float) -> None:
        gathering = self._gathering
        match heard:
            case UtteranceStarted(start=start):
                gathering.in_utterance, gathering.partial = True, None
                self._decision = None  # he goes on while an answer cannot be interrupted
                gathering.start = gathering.start or start
                self.recording.keep_from(start)
                self._emit(gathering.turn_id, SpeechStarted(start))
            case PartialHeard():
                gathering.partial = heard
                self._emit(gathering.turn_id, gathering.partial_transcript(heard))
        decision = self._turn_end.on(heard, now)
        if isinstance(heard, FinalHeard):
            self._barge_in.interrupts(heard)
            self._on_final(heard, now)
        else:
            self._hear_interruption(heard, now)
            if isinstance(heard, PartialHeard) and self._answering is None:
                self._anticipation.on_partial(heard, gathering, now)
            self._decide(decision, now)

    def _hear_interruption(self, heard: Heard, now: float) -> None:
        """Stop the answer when the customer speaks; end it once he says more than "uh-huh"."""
        interrupts = self._barge_in.interrupts(heard)
        turn, partial = self._answering, self._gathering.partial
        if turn is None or turn.handed_off:
            return
        if interrupts and not turn.playback.stopped and (stop := turn.stop(now)):
            self._emit(turn.turn_id, stop)
        if not turn.playback.stopped:
            return
        if partial is not None and not self._resumes(partial.text, turn, now):
            self._interrupt(turn, now)
        elif isinstance(heard, VoiceEvidence) and not heard.speaking and not self._gathering.in_utterance:
            turn.playback.resume(now)  # it was too short for speech

    def _on_final(self, final: FinalHeard, now: float) -> None:
        gathering, turn = self._gathering, self._answering
        gathering.in_utterance, gathering.partial = False, None
        if self._decision is not None:
            self._ports.metrics.final_heard(now - self._decided_at)
        if turn is not None and self._resumes(final.transcript.text, turn, now):
            turn.playback.resume(now)
            self._decision = None
        elif final.transcript.text:
            gathering.utterances.append(final)
            if turn is not None and not self._config.turn_taking.uninterruptible and not turn.handed_off:
                self._act(now)
            if self._decision is None:
                self._decide(TurnEndDecision(EndOfTurnReason.SILENCE, timedelta()), now)
        if gathering.empty:
            self._anticipation.drop()
            self._decision = None
            self._keep_recording()

    def _resumes(self, text: str, turn: SpokenTurn, now: float) -> bool:
        return self._barge_in.resumes(text, heard_of_answer=turn.heard_so_far(now))

    def _act(self, now: float) -> None:
        """The customer does something that an answer under way ends with."""
        turn = self._answering
        if turn is None or turn.handed_off:
            return
        if not turn.playback.stopped and (stop := turn.stop(now)):
            self._emit(turn.turn_id, stop)
        self._interrupt(turn, now)

    def _interrupt(self, turn: SpokenTurn, now: float) -> None:
        turn.interrupt(now)
        self._ports.metrics.answer_interrupted()
        if turn.playback.position(now) <= 0:  # he had not finished, then
            self._gathering.follow(turn.gathering)
        self._end_answer(turn, now)

    def _decide(self, decision: TurnEndDecision | None, now: float) -> None:
        if decision is None or self._decision is not None:
            return
        self._decision, self._decided_at, self._end_told = decision, now, False
        gathering = self._gathering
        if not gathering.in_utterance:
            return
        self._feed.end_utterance()
        partial = gathering.partial
        if partial is not None and partial.settled and partial.text and self._answering is None:
            self._tell_end(gathering.question(partial))  # the final has these very words

    def _tell_end(self, question: Question) -> None:
        decision = self._decision
        if decision is not None and not self._end_told:
            self._end_told = True
            anticipated = self._anticipation.fits(question, self._decided_at)
            end = EndOfTurn(decision.reason, decision.silence, anticipated)
            self._emit(self._gathering.turn_id, end)

    def _answer_if_over(self, now: float) -> None:
        gathering = self._gathering
        if self._decision is None or gathering.in_utterance or self._answering is not None:
            return
        if gathering.empty:
            self._decision = None
            return
        question = gathering.question()
        self._tell_end(question)
        answer = self._anticipation.take(question, self._decided_at) or self._begin_answer(question)
        self._answering = SpokenTurn(
            self._customer_turn(gathering),
            gathering,
            answer,
            self._session,
            self._coding,
            self._limits.lead_seconds,
            self._ports.pack,
            self._changed,
        )
        self._gathering, self._decision, self._silences = Gathering(), None, 0

    def _begin_answer(self, question: Question) -> BegunAnswer:
        return BegunAnswer(
            question,
            self._state,
            self._config,
            self._ports,
            self._limits,
            self._changed,
            self._renew_credential,
        )

    def _customer_turn(self, gathering: Gathering) -> CustomerTurn:
        config = self._config
        return CustomerTurn(
            tenant=config.tenant,
            domain=config.domain,
            session_id=config.session_id,
            turn_id=gathering.turn_id,
            text=gathering.typed_text,
            audio=self._audio(gathering),
            images=tuple(gathering.images),
            language_code=config.stream_format.language_code,
            speech=config.speech,
        )

    def _audio(self, gathering: Gathering) -> AudioInput | None:
        span = gathering.span()
        pieces = self.recording.pieces(*span) if span else []
        if not pieces:
            return None
        coding, language = self._coding, self._config.stream_format.language_code
        if coding.is_packets:
            packed = self._ports.pack(pieces)
            return AudioInput(packed, AudioEncoding.OGG_OPUS, language_code=language)
        return AudioInput(b"".join(pieces), coding.encoding, coding.sample_rate_hertz, 1, language)

    def _speak(self, now: float) -> None:
        turn = self._answering
        if turn is None:
            return
        for event in turn.advance(now):
            self._emit(turn.turn_id, event)
        for frame in turn.playback.sounding(now):
            self._feed.play(frame)
        if turn.playback.begun or turn.over:
            self._keep_recording()
        if turn.over:
            self._end_answer(turn, now)

    def _end_answer(self, turn: SpokenTurn, now: float) -> None:
        self._answering = None
        self._closing.append(turn)
        self._state = turn.state or self._state
        self._quiet_since = now
        self._turn_end.on(AnswerAsked(turn.heard), now)
        if turn.handed_off:
            self.end(GoodbyeReason.HANDOFF, now)

    def _keep_recording(self) -> None:
        """Keep of the customer's audio what the turn under way needs."""
        self.recording.release()
        if self._gathering.start is not None:
            self.recording.keep_from(self._gathering.start)

    def _close(self, now: float) -> None:
        for turn in list(self._closing):
            for event in turn.advance(now):
                self._emit(turn.turn_id, event)
            if turn.closed:
                self._closing.remove(turn)
                if last := turn.last():
                    self._emit(turn.turn_id, last)

    def _waits_for_input(self) -> bool:
        gathering = self._gathering
        quiet = not gathering.in_utterance and self._decision is None and self._answering is None
        return quiet and self._ending is None and not self._hearing_ended

    def _notice_silence(self, now: float) -> None:
        timeout = self._config.turn_taking.no_input_timeout.total_seconds()
        if not self._waits_for_input():
            self._quiet_since = now
        elif now - self._quiet_since >= timeout:
            self._silences += 1
            self._quiet_since = now
            self._emit("", NoInput(self._silences))
