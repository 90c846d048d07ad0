"""``python -m training.weights [NAME…]``: fetch and verify pretrained weights."""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from training.weights.manifest import WeightsError
from training.weights.store import WeightStore


def main() -> int:
    """Fetch the named models (all of the manifest where none is named); 1 where one cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m training.weights", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="models of the manifest; default: all")
    parser.add_argument("--manifest", type=Path, default=Path(__file__).with_name("cpu.toml"))
    parser.add_argument("--cache", type=Path, default=Path("build/weights"))
    arguments = parser.parse_args()
    console = Console(stderr=True)
    try:
        store = WeightStore(arguments.manifest, arguments.cache)
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console) as progress:
            names = arguments.names or list(store.models)
            tasks = {
                name: progress.add_task(name, total=store.models[name].bytes)
                for name in names
                if name in store.models
            }
            store.fetch_all(names, lambda name, count: progress.update(tasks[name], completed=count))
    except WeightsError as error:
        console.print(f"weights: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
