"""Draws a call by the clock: both voices, what was said, and how long each stage took."""

import textwrap
import warnings
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gateway.cli.call_coding import Samples
from gateway.cli.call_player import PlayedCall
from gateway.cli.call_timing import StageSpan, TurnTiming

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CUSTOMER, _FRONTDESK, _STOP, _INK, _FAINT = "#3567b0", "#0f9d94", "#d9603b", "#1f2933", "#9aa5b1"
_END_OF_TURN = "END OF TURN"
_STAGES = (_END_OF_TURN, "ASR", "VISION", "TEXT", "DIALOGUE", "TTS", "STORE")
_CJK_FONTS = ("Noto Sans CJK SC", "Noto Sans SC", "WenQuanYi Micro Hei", "PingFang SC", "Microsoft YaHei")
_INCHES_A_SECOND, _LEAST_INCHES, _MOST_INCHES = 0.7, 9.0, 60.0
_POINTS = 4000  # of a wave, on the whole width


def draw_timeline(played: PlayedCall, turns: Sequence[TurnTiming], title: str, out: Path) -> None:
    """Write the picture in the format that the file's name ends with.

    Above the customer, below Frontdesk. A dashed line is where a turn was taken to
    be over, a red one where an answer was interrupted; an arrow spans from a
    customer's last sound to the answer's first.
    """
    from matplotlib.figure import Figure
    from matplotlib.font_manager import get_font_names

    seconds = max(len(played.customer) / played.sample_rate_hertz, 1.0)
    width = min(max(seconds * _INCHES_A_SECOND, _LEAST_INCHES), _MOST_INCHES)
    figure = Figure(figsize=(width, 6.2), dpi=120, layout="constrained")
    figure.suptitle(title, x=0.02, ha="left", fontsize=12, fontweight="bold", color=_INK)
    customer, frontdesk, stages = figure.subplots(3, 1, sharex=True, height_ratios=[3, 3, 2.4])
    _draw_wave(customer, "customer", played.customer, played.sample_rate_hertz, _CUSTOMER)
    _draw_wave(frontdesk, "Frontdesk", played.frontdesk, played.sample_rate_hertz, _FRONTDESK)
    fonts = ["DejaVu Sans", *(font for font in _CJK_FONTS if font in get_font_names())]
    for turn, following in zip_longest(turns, turns[1:]):
        until = following.spoken_until if following and following.spoken_until else seconds
        _draw_words(customer, turn.said, _said_at(turn), until, width / seconds, fonts)
        _draw_words(frontdesk, turn.answered, turn.audible_from, until, width / seconds, fonts)
        _draw_first_audio(frontdesk, turn)
        for axes in (customer, frontdesk, stages):
            _draw_moment(axes, turn.ended, _INK, "--")
            _draw_moment(axes, turn.stopped, _STOP, "-")
    _draw_stages(stages, turns)
    stages.set_xlim(0, seconds)
    stages.set_xlabel("seconds", color=_INK)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # words that no font here can write
        figure.savefig(out)


def _draw_wave(axes: "Axes", name: str, channel: Samples, rate: int, colour: str) -> None:
    length = max(len(channel) // _POINTS, 1)
    level = np.abs(channel[: len(channel) // length * length].astype(np.float64)).reshape(-1, length)
    peaks = level.max(axis=1) / 32768 if level.size else np.zeros(0)
    peaks = peaks / max(peaks.max(initial=0.0), 1e-3)
    times = np.arange(len(peaks)) * length / rate
    axes.fill_between(times, -peaks, peaks, color=colour, linewidth=0)
    axes.set_ylim(-1.1, 2.1)  # room for words
    axes.set_ylabel(name, color=colour, fontweight="bold")
    axes.set_yticks([])
    axes.spines[["top", "right", "left"]].set_visible(False)


def _said_at(turn: TurnTiming) -> float | None:
    # The words stand before the end of what they write down.
    return None if turn.spoken_until is None else max(turn.spoken_until - 0.05 * len(turn.said), 0.0)


def _draw_words(
    axes: "Axes", words: str, at: float | None, until: float, inches_a_second: float, fonts: list[str]
) -> None:
    if at is None or not words:
        return
    letters = max(int((until - at) * inches_a_second * 12), 16)
    lines = textwrap.wrap(words, letters, max_lines=3, placeholder=" …")
    axes.text(at, 2.05, "\n".join(lines), va="top", fontsize=8, color=_INK, fontfamily=fonts)


def _draw_first_audio(axes: "Axes", turn: TurnTiming) -> None:
    if turn.first_audio_seconds is None or turn.spoken_until is None or turn.audible_from is None:
        return
    arrow = {"arrowstyle": "<->", "color": _INK, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (turn.spoken_until, -0.55), (turn.audible_from, -0.55), arrowprops=arrow)
    axes.annotate(
        f"{turn.first_audio_seconds * 1000:.0f} ms",
        (turn.spoken_until, -0.6),
        xytext=(-4, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        fontsize=9,
        fontweight="bold",
        color=_INK,
    )


def _draw_moment(axes: "Axes", at: float | None, colour: str, style: str) -> None:
    if at is not None:
        axes.axvline(at, color=colour, linestyle=style, linewidth=1.5)


def _draw_stages(axes: "Axes", turns: Sequence[TurnTiming]) -> None:
    spans = [span for turn in turns for span in _spans(turn)]
    ran = {span.stage for span in spans}
    rows = [stage for stage in _STAGES if stage in ran]
    for span in spans:
        row = rows.index(span.stage)
        axes.barh(row, span.end - span.start, left=span.start, height=0.6, color=_FAINT)
        axes.annotate(
            f"{(span.end - span.start) * 1000:.0f} ms",
            (span.end, row),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
            color=_INK,
        )
    axes.set_yticks(range(len(rows)), [stage.lower() for stage in rows])
    axes.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _spans(turn: TurnTiming) -> list[StageSpan]:
    """The turn's stages, and how long it took to be sure that the customer had finished."""
    sure = []
    if turn.spoken_until is not None and turn.ended is not None:
        sure = [StageSpan(_END_OF_TURN, turn.spoken_until, turn.ended)]
    return [*sure, *(span for span in turn.stages if span.stage in _STAGES)]
