"""All benchmarks, one after the other: ``python -m tests.load``; JSON goes to build/bench.

Each is a command of its own, too. Run them on a machine that does nothing else.
"""

import os
import subprocess
import sys

from rich.console import Console

from tests.harness.suite import ROOT

DATA = os.environ.get("FRONTDESK_DATA", "../shared/data")
BENCHMARKS = (
    ("tests.load.turns",),
    ("tests.load.memory",),
    ("tests.load.text_throughput",),
    ("tests.load.tts_latency",),
    ("tests.load.vision",),
    ("tests.load.pictured_turns",),
    ("tests.load.showing",),
    ("tests.load.turn_taking", "--data", DATA),
    ("training.evaluate.dialogue",),
    ("training.evaluate.asr", "--data", DATA),
    ("training.evaluate.pictures", "--variants", "1", "--out", "build/bench/pictures.json"),
)


def main() -> int:
    """Run each in a process of its own; go on after one that fails, and return how many did."""
    console = Console()
    failed = 0
    for command in BENCHMARKS:
        console.rule(" ".join(command))
        failed += subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=False).returncode != 0
    console.print(f"{len(BENCHMARKS) - failed} of {len(BENCHMARKS)} benchmarks done; figures in build/bench")
    return failed


if __name__ == "__main__":
    sys.exit(main())
