"""``python -m training.understanding``: fine-tunes an encoder on a set, in one process or in several.

    python -m training.understanding --set banking77 --data DIR
    torchrun --nproc_per_node 2 -m training.understanding --set banking77 --data DIR
    accelerate launch --multi_gpu -m training.understanding --set banking77 --data DIR

``accelerate launch --cpu`` starts one process only; torchrun starts several with or without GPUs.

A training that was killed goes on when the same command is given again.
"""

import argparse
import os
import sys

from training.commands import models
from training.commands.errors import CommandError
from training.understanding import command


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
        arguments = command.arguments_of(given, examples)
        folder = command.folder_of(given, examples, arguments)
        trained = models.trained_model(examples, arguments, folder, command.trackers_of(given))
    except (CommandError, OSError, ValueError, FloatingPointError) as error:
        print(f"training failed: {error}", file=sys.stderr)
        return 1
    if int(os.environ.get("RANK", "0")) == 0:
        report = trained.report
        print(
            f"{folder}: {report['steps']} steps in {report['seconds']:.0f} s,"
            f" {report['processes']} process(es) on {report['device']}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
