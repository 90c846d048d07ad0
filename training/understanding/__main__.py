"""``python -m training.understanding``: fine-tunes an encoder on a set, in one process or in several.

    python -m training.understanding --set banking77 --data DIR
    accelerate launch --cpu --num_processes 2 -m training.understanding --set banking77 --data DIR
    accelerate launch --multi_gpu -m training.understanding --set banking77 --data DIR

A training that was killed goes on when the same command is given again.
"""

import argparse
import os
import sys
from pathlib import Path

from training.understanding import command
from training.understanding.tracking import trackers
from training.understanding.train import train


def main() -> int:
    """Train, printing where the model lies; 1 on an error that the user can mend."""
    parser = argparse.ArgumentParser(
        prog="python -m training.understanding",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_choices(parser)
    given = parser.parse_args()
    try:
        examples = command.examples_of(given)
        folder = given.folder or Path("build/training") / examples.name
        tracker = trackers(given.track, examples.name)
        trained = train(examples, command.arguments_of(given), folder, tracker=tracker)
    except (OSError, ValueError, FloatingPointError) as error:
        print(f"training failed: {error}", file=sys.stderr)
        return 1
    report = trained.report
    if int(os.environ.get("RANK", "0")) == 0:
        print(f"{folder}: {report['steps']} steps in {report['seconds']:.0f} s on {report['device']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
