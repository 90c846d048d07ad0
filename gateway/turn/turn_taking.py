"""Settings of turn-taking: when a customer's turn is over, and what interrupts an answer. Pure."""

from dataclasses import dataclass
from datetime import timedelta

_RANGES = {
    "complete_silence": (0.1, 3.0),
    "incomplete_silence": (0.2, 10.0),
    "spelling_silence": (0.2, 10.0),
    "interruption_speech": (0.1, 2.0),
    "no_input_timeout": (1.0, 60.0),
}


@dataclass(frozen=True, slots=True)
class TurnTaking:
    """Settings of one call. A field outside its range is a ValueError that names it.

    The three silences are how long a customer is waited for: ``complete_silence``
    (0.1 to 3 s) after what surely is the end, ``incomplete_silence`` (0.2 to 10 s)
    after what seems unfinished, ``spelling_silence`` (0.2 to 10 s) while a number, an
    address or an e-mail address is spelled; in between by how sure the end is.
    """

    complete_silence: timedelta = timedelta(seconds=0.45)
    incomplete_silence: timedelta = timedelta(seconds=1.2)
    spelling_silence: timedelta = timedelta(seconds=1.8)
    interruption_speech: timedelta = timedelta(seconds=0.12)
    """Speech that interrupts an answer, 0.1 to 2 s."""
    uninterruptible: bool = False
    """An answer is never interrupted."""
    no_input_timeout: timedelta = timedelta(seconds=8.0)
    """Silence after which the customer is said to have given no input, 1 to 60 s."""

    def __post_init__(self) -> None:
        """Refuse what lies outside its range."""
        for name, (least, most) in _RANGES.items():
            seconds = getattr(self, name).total_seconds()
            if not least <= seconds <= most:
                raise ValueError(f"{name} lies between {least:g} and {most:g} s, not at {seconds:g} s")
