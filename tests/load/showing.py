"""What a picture decides: ``python -m tests.load.showing``.

Takes the held-out pairs of ``domains/shop/evaluation.yaml`` (one question, two
pictures, two passages) as turns through a suite of its own, as they are and with a
part of what is seen taken away, and writes build/bench/showing.json.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from services.dialogue.domain.loader import load_domain
from tests.harness.altered_vision import Alteration, AlteredVision, altered_vision
from tests.harness.second_gateway import second_gateway
from tests.harness.showing import figures, held_out_turns, in_each_others_place, take
from tests.harness.suite import ROOT, running_suite
from tests.load.report import write_report


def main() -> None:
    """Measure and write the figures."""
    domain = load_domain(ROOT / "domains" / "shop")
    turns = held_out_turns(domain)
    wordless = held_out_turns(domain, wordless=True)
    console = Console()
    report = {}
    with TemporaryDirectory() as folder, running_suite(Path(folder)) as suite:
        servicer = AlteredVision(f"127.0.0.1:{suite.ports.vision}", in_each_others_place(turns))
        with (
            altered_vision(servicer) as target,
            second_gateway(
                suite, Path(folder) / "second", {"FRONTDESK_GATEWAY_VISION_TARGET": target}
            ) as client,
        ):
            for alteration in Alteration:
                servicer.alteration = alteration
                shown = wordless if alteration is Alteration.WITHOUT_WORDS else turns
                answered = take(client, shown)
                report[str(alteration)] = figures(answered)
                for item in answered:
                    if not item.right and alteration in (Alteration.NONE, Alteration.WITHOUT_WORDS):
                        console.print(
                            f"{alteration}: {item.shown.picture}: {item.shown.passage} wanted,"
                            f" {item.cited or 'none'} cited",
                            highlight=False,
                        )
    write_report("showing", report)


if __name__ == "__main__":
    main()
