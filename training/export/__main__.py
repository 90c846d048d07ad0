"""``python -m training.export``: makes the model repository that Triton serves."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from training.export.config import PROFILES
from training.export.context import ExportContext
from training.export.repository import EXPORTERS, export_repository
from training.export.roll_back import roll_back
from training.weights.manifest import WeightsError
from training.weights.store import WeightStore


def main() -> int:
    """Export, printing each model's parity with its source; 1 on an error that the user can mend."""
    parser = argparse.ArgumentParser(prog="python -m training.export", description=__doc__)
    parser.add_argument("--manifest", type=Path, default=Path("training/weights/cpu.toml"))
    parser.add_argument("--weights", type=Path, default=Path("build/weights"), help="cache of weights")
    parser.add_argument("--repository", type=Path, default=Path("build/model_repository"))
    parser.add_argument("--domain", type=Path, help="company's folder, as domains/shop")
    parser.add_argument("--reranker", type=Path, help="a trained one; default: build/reranker, if there")
    parser.add_argument("--only", nargs="+", default=(), metavar="NAME", help=", ".join(EXPORTERS))
    parser.add_argument("--profile", choices=PROFILES, default="cpu", help="what Triton runs the models on")
    parser.add_argument("--roll-back", metavar="MODEL", help="serve its previous version; export nothing")
    parser.add_argument("--to", type=int, metavar="VERSION", help="with --roll-back: that version")
    arguments = parser.parse_args()
    console = Console()
    try:
        if arguments.roll_back:
            changed = roll_back(arguments.repository, arguments.roll_back, arguments.to)
            for model, version in changed.items():
                console.print(f"{model}: version {version} is served from Triton's next start on")
            return 0
        if arguments.to is not None:
            parser.error("--to goes with --roll-back")
        context = ExportContext(
            weights=WeightStore(arguments.manifest, arguments.weights),
            repository=arguments.repository,
            domain=arguments.domain,
            console=console,
            profile=arguments.profile,
            reranker=arguments.reranker,
        )
        export_repository(context, arguments.only)
    except (OSError, ValueError, WeightsError) as error:
        print(f"export failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
