"""``python -m services.triton``: runs the wheel's Triton in the foreground, for a supervisor."""

import argparse
import signal
import sys
import time
from pathlib import Path

from services.triton.installation import TritonError
from services.triton.local_server import LocalTriton

_POLL_SECONDS = 0.1


def main() -> int:
    """Serve until SIGTERM or SIGINT (0), or until Triton ends by itself or does not start (1)."""
    parser = argparse.ArgumentParser(prog="python -m services.triton", description=__doc__)
    parser.add_argument("--repository", type=Path, default=Path("build/model_repository"))
    parser.add_argument("--grpc-port", type=int, default=8001)
    parser.add_argument("--http-port", type=int, default=8000)
    parser.add_argument("--metrics-port", type=int, default=8002)
    parser.add_argument("--models", nargs="+", default=["*"], metavar="NAME", help="default: all")
    arguments = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        with LocalTriton(
            arguments.repository,
            grpc_port=arguments.grpc_port,
            http_port=arguments.http_port,
            metrics_port=arguments.metrics_port,
            models=arguments.models,
        ) as triton:
            # From here on a signal leaves word and raises nothing: it may come in the middle of anything.
            told: list[int] = []
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda number, _: told.append(number))
            print(f"Triton is ready on {triton.url}", file=sys.stderr, flush=True)
            while triton.status() is None:
                if told:
                    return 0
                time.sleep(_POLL_SECONDS)
            print(f"Triton ended with status {triton.status()}", file=sys.stderr)
    except TritonError as error:
        print(f"Triton does not run: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
