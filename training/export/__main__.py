"""``python -m training.export``: makes the model repository that Triton serves."""

import argparse
import sys
from pathlib import Path

from training.export.context import ExportContext
from training.export.repository import EXPORTERS, export_repository
from training.weights.manifest import WeightsError
from training.weights.store import WeightStore


def main() -> int:
    """Export, printing each model's parity with its source; 1 on an error that the user can mend."""
    parser = argparse.ArgumentParser(prog="python -m training.export", description=__doc__)
    parser.add_argument("--manifest", type=Path, default=Path("training/weights/cpu.toml"))
    parser.add_argument("--weights", type=Path, default=Path("build/weights"), help="cache of weights")
    parser.add_argument("--repository", type=Path, default=Path("build/model_repository"))
    parser.add_argument("--domain", type=Path, help="company's folder, as domains/shop")
    parser.add_argument("--only", nargs="+", default=(), metavar="NAME", help=", ".join(EXPORTERS))
    arguments = parser.parse_args()
    try:
        context = ExportContext(
            weights=WeightStore(arguments.manifest, arguments.weights),
            repository=arguments.repository,
            domain=arguments.domain,
        )
        export_repository(context, arguments.only)
    except (OSError, ValueError, WeightsError) as error:
        print(f"export failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
