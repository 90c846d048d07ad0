"""Tells how a training goes: a progress bar, TensorBoard, Weights & Biases. See ``train.Tracker``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

RUNS: Final = Path("build/runs")
_SMOOTHED: Final = 0.9
_LINES: Final = 20
"""Lines of a training where there is no terminal to draw on."""


class Tracker(Protocol):
    """As ``train.Tracker``."""

    def start(self, steps: int, arguments: Mapping[str, Any], done: int = 0) -> None: ...  # noqa: D102

    def log(self, step: int, figures: Mapping[str, float]) -> None: ...  # noqa: D102

    def end(self) -> None: ...  # noqa: D102


class ProgressBar:
    """Draws loss, learning rate, validation and the time left; prints lines where there is no terminal."""

    def __init__(self, name: str, console: Console | None = None) -> None:
        self._name = name
        self._console = console or Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._task: Any = None
        self._steps = 0
        self._loss: float | None = None
        self._rate = 0.0
        self._validation = ""

    def start(self, steps: int, arguments: Mapping[str, Any], done: int = 0) -> None:
        """Begin the bar, at ``done`` of ``steps`` where a training goes on."""
        self._steps = steps
        self._task = self._progress.add_task(self._name, total=steps, completed=done, figures="")
        if self._console.is_terminal:
            self._progress.start()

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Move on; the loss that is shown is smoothed. Of what comes before the loop all is shown."""
        if not ("loss" in figures or "validation" in figures):
            before = " ".join(f"{name} {value:.4f}" for name, value in figures.items())
            self._progress.update(self._task, figures=f"step {step} of {before}")
            return
        if "loss" in figures:
            loss = figures["loss"]
            self._loss = loss if self._loss is None else _SMOOTHED * self._loss + (1 - _SMOOTHED) * loss
        self._rate = figures.get("learning_rate", self._rate)
        if "validation" in figures:
            self._validation = f" validation {figures['validation']:.4f}"
        shown = f"loss {self._loss or 0.0:.4f} rate {self._rate:.2g}{self._validation}"
        self._progress.update(self._task, completed=step, figures=shown)
        if not self._console.is_terminal and (
            "validation" in figures or step % max(1, self._steps // _LINES) == 0
        ):
            self._console.print(f"{self._name}: step {step} of {self._steps}, {shown}", highlight=False)

    def end(self) -> None:
        """Leave the bar as it is; more than once does no harm."""
        self._progress.stop()


class TensorBoard:
    """Writes an event file into ``folder``: ``tensorboard --logdir build/runs``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None

    def start(self, steps: int, arguments: Mapping[str, Any], done: int = 0) -> None:
        """Begin; what a killed training wrote after ``done`` is not shown any more."""
        from torch.utils.tensorboard import SummaryWriter  # slow to import

        self._writer = SummaryWriter(str(self._folder), purge_step=done + 1 if done else None)
        rows = [f"| {name} | {value} |" for name, value in arguments.items()]
        self._writer.add_text("arguments", "\n".join(["| argument | value |", "|---|---|", *rows]), done)

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Write figures."""
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)

    def end(self) -> None:
        """Close the file; more than once does no harm."""
        if self._writer is not None:
            self._writer.close()


class WeightsAndBiases:
    """Sends figures to Weights & Biases, which is not among the dependencies.

    The library reads its own environment (``WANDB_API_KEY``, ``WANDB_MODE=offline``).
    """

    def __init__(self, project: str, name: str, folder: Path = RUNS) -> None:
        """Raise ``ValueError`` where the library is not installed."""
        try:
            from wandb import init  # a folder of runs may have the library's name
        except ImportError as error:
            raise ValueError(
                "Weights & Biases is not installed: pip install wandb, or train without --track wandb"
            ) from error
        self._init: Any = init
        self._project, self._name, self._folder = project, name, folder
        self._run: Any = None

    def start(self, steps: int, arguments: Mapping[str, Any], done: int = 0) -> None:
        """Begin a run, or go on with that of the same name where ``done`` is above 0."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._run = self._init(
            project=self._project,
            name=self._name,
            id=self._name if done else None,
            resume="allow" if done else None,
            dir=str(self._folder),
            config={"steps": steps, **arguments},
        )
        # What comes before the loop counts steps of its own, and the library wants them to rise.
        self._run.define_metric("*", step_metric="training_step")

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Send figures."""
        self._run.log({**figures, "training_step": step})

    def end(self) -> None:
        """End the run; more than once does no harm."""
        if self._run is not None:
            self._run.finish()
            self._run = None


class Several:
    """Tells several trackers the same."""

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self._trackers = tuple(trackers)

    def start(self, steps: int, arguments: Mapping[str, Any], done: int = 0) -> None:
        """Tell all of them."""
        for tracker in self._trackers:
            tracker.start(steps, arguments, done)

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Tell all of them."""
        for tracker in self._trackers:
            tracker.log(step, figures)

    def end(self) -> None:
        """Tell all of them."""
        for tracker in self._trackers:
            tracker.end()


def trackers(names: Sequence[str], run: str, folder: Path = RUNS) -> Several:
    """Give those of ``progress``, ``tensorboard`` and ``wandb`` that are named, for a run of that name.

    Raises ``ValueError`` for another name, and for a library that is not installed.
    """
    made: list[Tracker] = []
    for name in names:
        if name == "progress":
            made.append(ProgressBar(run))
        elif name == "tensorboard":
            made.append(TensorBoard(folder / run))
        elif name == "wandb":
            made.append(WeightsAndBiases("frontdesk", run, folder))
        else:
            raise ValueError(f"there is no tracker {name!r}: name progress, tensorboard or wandb")
    return Several(made)
