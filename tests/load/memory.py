"""What turns cost in memory: ``python -m tests.load.memory``; writes build/bench/memory.json.

Takes 500 turns one after the other: every fifth is spoken and answered in
speech, every fiftieth typed in English or Mandarin and answered in speech, the
others typed. Each process is measured at rest, when everything was used once,
and at the end.
"""

from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import yaml

from services.local.suite import LocalSuite
from tests.harness.suite import ROOT, connect, running_suite
from tests.load.report import write_report
from tests.load.turns import take, utterances

TURNS = 500
WARM_AFTER = 50
"""Turns after which every model and cache was used."""


def memory_mebibytes(suite: LocalSuite) -> dict[str, float]:
    """Resident memory of each process with its children."""
    memory = {}
    for state in suite.supervisor.states():
        process = psutil.Process(state.pid)
        tree = [process, *process.children(recursive=True)]
        memory[state.name] = round(sum(member.memory_info().rss for member in tree) / 2**20, 1)
    return memory


def main() -> None:
    """Measure and write the report."""
    questions = yaml.safe_load((ROOT / "domains/shop/evaluation.yaml").read_text())["questions"]
    texts = [row["question"] for row in questions if row.get("passage")]
    english = [row["question"] for row in questions if row["language"] == "en" and row.get("passage")]
    with TemporaryDirectory() as folder, running_suite(Path(folder)) as suite, connect(suite) as client:
        measured = {"rest": memory_mebibytes(suite)}
        spoken = utterances(client, english, 10)
        for number, text in enumerate(islice(cycle(texts), TURNS), 1):
            if number % 5 == 0:
                take(client, audio=spoken[number % len(spoken)], speak=True)
            else:
                take(client, text, speak=number % 50 == 1)
            if number == WARM_AFTER:
                measured["warm"] = memory_mebibytes(suite)
        measured["end"] = memory_mebibytes(suite)
    processes = {
        name: {
            **{moment: figures[name] for moment, figures in measured.items()},
            "growth_since_warm": round(measured["end"][name] - measured["warm"][name], 1),
        }
        for name in measured["end"]
    }
    write_report(
        "memory",
        {"unit": "MiB resident, children included", "turns": TURNS, "processes": processes},
    )


if __name__ == "__main__":
    main()
