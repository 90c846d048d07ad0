"""Chooses among forms of one model: the fastest of those that cost little."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.export.backends.understanding.encoder import UnderstandingEncoder

MOST_LOST: Final = 0.3
"""Points of accuracy on validation data that a smaller form may cost."""
_TIMED: Final = 50

Predict = Callable[[Sequence[str]], NDArray[np.floating[Any]]]
"""Texts → probabilities ``[n, labels]``."""


@dataclass(frozen=True, slots=True)
class Form:
    """One form of a model: in full precision, in 8 bits, with fewer layers … ``file`` is its graph."""

    name: str
    file: Path
    predict: Predict

    @staticmethod
    def of(name: str, folder: Path, threads: int = 1) -> "Form":
        """The form in ``folder``, run by the code that serves it (see ``UnderstandingEncoder``)."""
        encoder = UnderstandingEncoder(folder, threads)
        return Form(name, folder / "model.onnx", lambda texts: encoder.understand(list(texts)).intents)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a form costs and gains.

    ``points`` of accuracy, 0 to 100; ``milliseconds`` of one text, the median; ``times_as_fast`` as the
    first form, the median over texts of times taken side by side; ``megabytes`` of the graph.
    """

    name: str
    points: float
    milliseconds: float
    times_as_fast: float
    megabytes: float


@dataclass(frozen=True, slots=True)
class Choice:
    """The form to serve, and what was measured of each; the first is the one compared with."""

    name: str
    measured: tuple[Measured, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"chosen": self.name, "forms": [asdict(each) for each in self.measured]}

    def table(self) -> str:
        """For Markdown."""
        rows = [
            "| form | accuracy | milliseconds a text | times as fast | megabytes |",
            "|---|---|---|---|---|",
        ]
        for each in self.measured:
            name = f"**{each.name}**" if each.name == self.name else each.name
            rows.append(
                f"| {name} | {each.points:.2f} | {each.milliseconds:.2f} | {each.times_as_fast:.2f}"
                f" | {each.megabytes:.1f} |"
            )
        return "\n".join(rows)


def accuracy(probabilities: NDArray[np.floating[Any]], targets: NDArray[np.int64]) -> float:
    """Share of rows whose most probable label is right."""
    return float((probabilities.argmax(axis=1) == targets).mean())


def choose(
    forms: Sequence[Form],
    texts: Sequence[str],
    targets: NDArray[Any],
    *,
    most_lost: float = MOST_LOST,
    score: Callable[[NDArray[np.floating[Any]], NDArray[Any]], float] = accuracy,
    clock: Callable[[], float] = time.perf_counter,
) -> Choice:
    """Choose the fastest form that loses at most ``most_lost`` points against the first, by validation texts.

    ``score`` gives 0 to 1; ``targets`` are what it compares with. Raises ``ValueError`` without forms or
    texts.
    """
    if not forms or not len(texts):
        raise ValueError("there is nothing to choose from: forms and validation texts are needed")
    points = [100 * score(np.asarray(form.predict(texts)), targets) for form in forms]
    seconds = _side_by_side(forms, texts[:: max(len(texts) // _TIMED, 1)], clock)
    measured = tuple(
        Measured(
            form.name,
            round(points[place], 2),
            round(1000 * float(np.median(seconds[place])), 3),
            round(float(np.median(seconds[0] / seconds[place])), 2),
            round(form.file.stat().st_size / 1e6, 1),
        )
        for place, form in enumerate(forms)
    )
    allowed = [place for place in range(len(forms)) if points[0] - points[place] <= most_lost + 1e-9]
    best = min(allowed, key=lambda place: -measured[place].times_as_fast)
    return Choice(forms[best].name, measured)


def _side_by_side(
    forms: Sequence[Form], texts: Sequence[str], clock: Callable[[], float]
) -> NDArray[np.float64]:
    """Seconds ``[forms, texts]``. Each text goes to all forms in turn: other work meets all alike."""
    seconds = np.empty((len(forms), len(texts)))
    for column, text in enumerate(texts):
        for row, form in enumerate(forms):
            form.predict([text])  # brings the weights back into the processor's cache
            began = clock()
            form.predict([text])
            seconds[row, column] = max(clock() - began, 1e-9)
    return seconds
