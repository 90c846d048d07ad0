"""What a picture adds to a spoken turn: ``python -m tests.load.pictured_turns``.

Takes each of three turns in turn: 3 to 5 s of speech, a picture, and both together,
and compares the time to the first audio. Writes build/bench/pictured_turns.json.
"""

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from services.dialogue.domain.loader import load_domain
from tests.harness.showing import held_out_turns
from tests.harness.suite import ROOT, connect, running_suite
from tests.load.report import percentiles, write_report
from tests.load.turns import take, utterances

OPENING = "Hello, I have just taken a picture of it for you."
ROUNDS = 20


def main() -> None:
    """Measure and write the report."""
    domain = load_domain(ROOT / "domains" / "shop")
    shown = [turn for turn in held_out_turns(domain) if turn.language == "en"]
    times: dict[str, list[float]] = {"speech": [], "picture": [], "both": []}
    with TemporaryDirectory() as folder, running_suite(Path(folder)) as suite, connect(suite) as client:
        questions = [f"{OPENING} {turn.question}" for turn in shown]
        spoken = utterances(client, questions, ROUNDS)
        for number, audio in enumerate([*spoken[:3], *spoken]):
            image = shown[number % len(shown)].image
            for name, part in (
                ("speech", take(client, audio=audio, speak=True, language="en")),
                ("picture", take(client, images=[image], speak=True, language="en")),
                ("both", take(client, audio=audio, images=[image], speak=True, language="en")),
            ):
                if number >= 3 and part.first_audio is not None:  # the first three warm up
                    times[name].append(part.first_audio)
    slower = max(median(times["speech"]), median(times["picture"]))
    report = {name: percentiles(seconds) for name, seconds in times.items()}
    write_report(
        "pictured_turns",
        {"first_audio": report, "both_over_slower": round(median(times["both"]) / slower, 2)},
    )


if __name__ == "__main__":
    main()
