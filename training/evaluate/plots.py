"""Pictures of an evaluation: what is confused, how far probabilities can be believed, bars.

Labels and figures alone are drawn, never a text.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from training.evaluate.calibration import Bin

_MOST_LABELS: Final = 24
"""Labels that are still readable beside a matrix; of more, those that are confused most are drawn."""

_RIGHT, _WRONG, _INK, _FAINT, _GRID = "#0f9d94", "#d9603b", "#1f2933", "#9aa5b1", "#e4e7eb"
_SERIES: Final = (_RIGHT, "#3e5c9a", _WRONG, "#c9a227", "#7b5ea7", _FAINT)
_LONGEST_LABEL: Final = 34


def confusion(labels: Sequence[str], matrix: NDArray[np.int64], title: str, out: Path) -> None:
    """Draw what is taken for what: rows are right, columns predicted, shares are of the row.

    Of more than 24 labels those are drawn that take part in the most confusions, and the
    title says how many of all confusions lie among them.
    """
    shown = _confused_most(matrix)
    part = matrix[np.ix_(shown, shown)]
    rows = np.maximum(matrix[shown].sum(axis=1, keepdims=True), 1)
    shares = part / rows
    wrong = matrix.sum() - np.trace(matrix)
    inside = part.sum() - np.trace(part)
    names = [_short(labels[place]) for place in shown]
    count = len(shown)
    # Square cells, with room for the labels beside and below.
    cell = 0.36 if count > 12 else 0.5
    room = 0.085 * max(map(len, names)) + 0.6
    size = (max(count * cell + room + 1.1, 5.6), count * cell + room + 1.0)
    figure = Figure(figsize=size, dpi=130, layout="constrained")
    axes = figure.subplots()
    colours = LinearSegmentedColormap.from_list("wrong", ["#ffffff", _WRONG])
    off_diagonal = shares.copy()
    np.fill_diagonal(off_diagonal, 0.0)
    most = max(float(off_diagonal.max()), 0.01)
    image = axes.imshow(off_diagonal, cmap=colours, vmin=0.0, vmax=most, aspect="equal")
    for row in range(count):
        for column in range(count):
            if part[row, column]:
                own = row == column
                dark = not own and off_diagonal[row, column] > 0.6 * most
                axes.text(
                    column,
                    row,
                    str(part[row, column]),
                    ha="center",
                    va="center",
                    fontsize=7 if part.max() < 1000 else 6,
                    color="white" if dark else (_FAINT if own else _INK),
                )
    axes.set_xticks(range(count), names, rotation=90, fontsize=8)
    axes.set_yticks(range(count), names, fontsize=8)
    axes.set_xlabel("predicted", color=_INK)
    axes.set_ylabel("right", color=_INK)
    axes.tick_params(length=0, colors=_INK)
    axes.spines[:].set_color(_GRID)
    axes.set_xticks(np.arange(-0.5, count), minor=True)
    axes.set_yticks(np.arange(-0.5, count), minor=True)
    axes.grid(which="minor", color=_GRID, linewidth=0.6)
    axes.tick_params(which="minor", length=0)
    bar = figure.colorbar(image, ax=axes, shrink=min(0.8, 3.0 / size[1]), format=PercentFormatter(1.0, 0))
    bar.set_label("of the row that is wrong so", fontsize=8, color=_INK)
    bar.ax.tick_params(labelsize=8, colors=_INK)
    bar.outline.set_visible(False)
    few = "" if count == len(labels) else f"the {count} of {len(labels)} labels that are confused most\n"
    told = f"{wrong} of {matrix.sum()} wrong" + (f", {inside} of them here" if few else "")
    _title(figure, title, f"{few}{told}; the diagonal, in grey, is right")
    figure.savefig(out)


def reliability(curves: Mapping[str, Sequence[Bin]], title: str, out: Path) -> None:
    """Draw confidence against the share that is right, and below how many predictions are how sure."""
    figure = Figure(figsize=(5.6, 6.4), dpi=130, layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=[3, 1], sharex=True)
    upper.plot([0, 1], [0, 1], color=_FAINT, linewidth=1, linestyle="--", label="as sure as right")
    width = 0.8 / max(len(curves), 1)
    for number, (name, curve) in enumerate(curves.items()):
        colour = _SERIES[number % len(_SERIES)]
        # A bin of a handful says little: it is drawn small.
        sizes = [12 + 160 * each.mass**0.5 for each in curve]
        upper.plot(
            [e.confidence for e in curve], [e.right for e in curve], color=colour, linewidth=1.4, label=name
        )
        upper.scatter(
            [e.confidence for e in curve], [e.right for e in curve], s=sizes, color=colour, alpha=0.6
        )
        for each in curve:
            span = each.high - each.low
            begin = each.low + span * (0.1 + width * number)
            lower.bar(begin, each.mass, span * width, align="edge", color=colour, alpha=0.85)
    upper.set_ylabel("share right", color=_INK)
    lower.set_ylabel("of all", color=_INK)
    lower.set_xlabel("confidence; points are the larger the more predictions they stand for", color=_INK)
    for axes in (upper, lower):
        axes.set_xlim(0, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, 0))
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, 0))
        _plain(axes)
        axes.grid(color=_GRID, linewidth=0.6)
        axes.set_axisbelow(True)
    upper.set_ylim(0, 1.04)
    upper.legend(frameon=False, loc="upper left", fontsize=9)
    _title(figure, title, "")
    figure.savefig(out)


def bars(
    groups: Mapping[str, Mapping[str, float]], title: str, out: Path, *, measure: str, note: str = ""
) -> None:
    """Draw shares from 0 to 1 as horizontal bars: a group for each condition, in it a bar for each model."""
    series = list(dict.fromkeys(name for group in groups.values() for name in group))
    thickness = 0.8 / len(series)
    height = max(0.34 * len(series) * len(groups) + 0.3 * len(groups) + 1.3, 2.4)
    figure = Figure(figsize=(7.4, height), dpi=130, layout="constrained")
    axes = figure.subplots()
    for number, name in enumerate(series):
        places = [place for place, group in enumerate(groups.values()) if name in group]
        values = [group[name] for group in groups.values() if name in group]
        drawn = axes.barh(
            [place - 0.4 + thickness * (number + 0.5) for place in places],
            values,
            thickness * 0.9,
            color=_SERIES[number % len(_SERIES)],
            label=name,
        )
        axes.bar_label(drawn, [f"{100 * value:.1f}" for value in values], padding=3, fontsize=9, color=_INK)
    axes.set_yticks(range(len(groups)), list(groups), fontsize=9)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_xlim(0, 1.08)
    axes.set_xticks(np.arange(0, 1.01, 0.2))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, 0, symbol=" %"))
    axes.set_xlabel(measure, color=_INK)
    _plain(axes)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    if len(series) > 1:
        figure.legend(loc="outside lower center", ncols=min(len(series), 3), frameon=False, fontsize=9)
    _title(figure, title, note)
    figure.savefig(out)


def _confused_most(matrix: NDArray[np.int64]) -> list[int]:
    """Give the labels to draw, those confused with each other side by side."""
    if len(matrix) <= _MOST_LABELS:
        return list(range(len(matrix)))
    # Between counts and shares: neither large labels nor labels of one example come first for that alone.
    wrong = matrix / np.sqrt(np.maximum(matrix.sum(axis=1, keepdims=True), 1))
    np.fill_diagonal(wrong, 0)
    pairs = wrong + wrong.T
    chosen: list[int] = []
    # The strongest pairs first, so that a label stands beside the one that it is taken for.
    for flat in np.argsort(-np.triu(pairs), axis=None, kind="stable"):
        row, column = divmod(int(flat), len(pairs))
        new = [place for place in (row, column) if place not in chosen]
        if pairs[row, column] == 0 or len(chosen) + len(new) > _MOST_LABELS:
            break
        chosen += new
    return chosen or list(range(_MOST_LABELS))


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "…"


def _title(figure: Figure, title: str, note: str) -> None:
    text = f"{title}\n{note}" if note else title
    figure.suptitle(text, x=0.02, ha="left", fontsize=11, color=_INK)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_FAINT)
    axes.tick_params(colors=_INK)
