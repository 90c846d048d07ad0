"""Prints explanations and tests of them, for people or as JSON."""

import json
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from training.explain.deletion import DeletionTest
from training.explain.explanation import Explanation
from training.explain.pictures import as_grid

_BAR_CELLS = 24
_SHADES = "·░▒▓█"
_LITTLE = 0.005


def show(console: Console, found: Explanation) -> None:
    """Print words with bars in reading order, and regions as shades."""
    console.print(f"[bold]Predicted[/] {escape(found.label)} {found.probability:.2f}")
    if found.words is not None:
        largest = max(map(abs, found.words.contributions)) or 1.0
        table = Table(box=None, padding=(0, 2, 0, 0))
        for heading in ("word", "added", ""):
            table.add_column(heading, no_wrap=True)
        for word, value in zip(found.words.parts, found.words.contributions, strict=True):
            colour = "green" if value >= 0 else "red"
            bar = "█" * round(_BAR_CELLS * abs(value) / largest)
            table.add_row(escape(word), f"{value:+.3f}", f"[{colour}]{bar}[/]")
        console.print(table)
    if found.regions is not None:
        most = max(map(abs, found.regions.contributions)) or 1.0
        console.print(f"[bold]Regions[/] up to {most:.3f} each [dim](darker: added more; -: took away)[/]")
        if most < _LITTLE:
            console.print("[dim]No region alone matters: what is left without it says enough.[/]")
        for row in as_grid(found.regions.contributions):
            console.print(" ".join(_shade(value, most) for value in row))


def show_test(console: Console, found: DeletionTest) -> None:
    """Print what was lost without the named parts and without random ones."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("left out", "named", "at random", "difference, 95 %"):
        table.add_column(heading, no_wrap=True)
    for each in found.removed:
        apart = f"{each.named - each.random:+.3f}  {each.low:+.3f} to {each.high:+.3f}"
        table.add_row(str(each.count), f"{each.named:.3f}", f"{each.random:.3f}", apart)
    console.print(table)
    told = "[green]holds[/]" if found.holds else "[red]does not hold[/]"
    console.print(
        f"{told}: {found.mean:+.3f} ({found.low:+.3f} to {found.high:+.3f}) more of the probability is lost"
        f" without what is named, over {found.examples} examples ({found.skipped} too short)"
    )


def explanation_json(found: Explanation) -> dict[str, Any]:
    """Give an explanation as JSON."""
    return {
        "label": found.label,
        "probability": round(found.probability, 4),
        "words": None
        if found.words is None
        else [
            {"word": word, "added": round(value, 4)}
            for word, value in zip(found.words.parts, found.words.contributions, strict=True)
        ],
        "regions": None
        if found.regions is None
        else [[round(value, 4) for value in row] for row in as_grid(found.regions.contributions)],
    }


def test_json(found: DeletionTest, **told: Any) -> dict[str, Any]:
    """Give a test as JSON, with what else is ``told`` of it."""
    return {
        **told,
        "examples": found.examples,
        "skipped": found.skipped,
        "removed": [
            {
                "count": each.count,
                **{name: round(getattr(each, name), 4) for name in ("named", "random", "low", "high")},
            }
            for each in found.removed
        ],
        "difference": round(found.mean, 4),
        "interval": [round(found.low, 4), round(found.high, 4)],
        "holds": found.holds,
    }


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object on a line of its own."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def _shade(value: float, most: float) -> str:
    shade = _SHADES[min(round((len(_SHADES) - 1) * abs(value) / most), len(_SHADES) - 1)]
    return f"{'-' if value < 0 and shade != _SHADES[0] else ' '}{shade}"
