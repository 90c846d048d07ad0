"""Figures of a benchmark: JSON under build/bench, and a table."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).resolve().parents[2] / "build" / "bench"


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50 and p95 in milliseconds, with the number of measurements."""
    p50, p95 = np.percentile(np.asarray(seconds) * 1000, (50, 95))
    return {"p50_ms": round(float(p50), 1), "p95_ms": round(float(p95), 1), "n": len(seconds)}


def write_report(name: str, figures: Mapping[str, Any]) -> Path:
    """Write ``build/bench/<name>.json`` with the machine beside the figures, and print them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.json"
    machine = {"cpus": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    path.write_text(json.dumps({"machine": machine, **figures}, indent=2, ensure_ascii=False))
    table = Table("figure", "value", title=name, title_justify="left")
    for key, value in _flat(figures):
        table.add_row(key, str(value))
    Console().print(table)
    return path


def _flat(figures: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in figures.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{key}.")
        else:
            rows.append((f"{prefix}{key}", value))
    return rows
