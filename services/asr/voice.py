"""Voice activity frame by frame → whether somebody speaks, for how long, and since when not. Pure."""

from services.asr.speech import Span, SpeechRules


class Voice:
    """One stream's voice, by the rules that ``find_speech`` applies to a whole recording.

    A run of speech begins at a frame at or above the threshold, and ends when the probability stays
    below the release for ``rules.silence``. It counts as speech (``confirmed``) once it has lasted
    ``rules.least`` and reached ``rules.peak``. All times are seconds of the stream.
    """

    def __init__(self, frame_seconds: float, rules: SpeechRules) -> None:
        self._frame_seconds = frame_seconds
        self._rules = rules
        self._frames = 0
        self._begin: int | None = None  # of the run that goes on
        self._last = 0  # the last frame that counted as voice
        self._voiced = 0  # frames at or above the threshold, of the run that goes on or ended last
        self._peak = 0.0

    def hear(self, probability: float) -> None:
        """Take the next frame's probability of speech, 0 to 1."""
        frame = self._frames
        self._frames += 1
        if self._begin is None:
            if probability < self._rules.threshold:
                return
            self._begin, self._voiced, self._peak = frame, 0, 0.0
        if probability >= self._rules.release:
            self._last = frame
            self._voiced += probability >= self._rules.threshold
            self._peak = max(self._peak, probability)
        elif (frame - self._last) * self._frame_seconds >= self._rules.silence:
            self._begin = None

    def end_run(self) -> None:
        """What is spoken from now on is another run."""
        self._begin = None

    @property
    def now(self) -> float:
        """End of the last frame."""
        return self._frames * self._frame_seconds

    @property
    def run(self) -> Span | None:
        """The run that goes on, from its first to its last frame of voice; None when none does."""
        if self._begin is None:
            return None
        return Span(self._begin * self._frame_seconds, (self._last + 1) * self._frame_seconds)

    @property
    def confirmed(self) -> bool:
        """Whether the run that goes on is speech: long and sure enough."""
        return (
            self._begin is not None
            and self._voiced * self._frame_seconds >= self._rules.least
            and self._peak >= self._rules.peak
        )

    @property
    def speaking(self) -> bool:
        """Whether the last frame counts as voice."""
        return self._begin is not None and self._last == self._frames - 1

    @property
    def voiced(self) -> float:
        """Speech of the run that goes on or ended last, pauses not counted."""
        return self._voiced * self._frame_seconds

    @property
    def silence(self) -> float:
        """Since the last frame of voice; 0 while somebody speaks."""
        return (self._frames - 1 - self._last) * self._frame_seconds if self._frames else 0.0
