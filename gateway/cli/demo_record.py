"""What is kept of the demo: ``report.json`` for programs, ``transcript.md`` for people."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frontdesk.gateway.v1 import conversation_pb2

from gateway.cli.demo_script import DemoTurn
from gateway.cli.explain import explanation_as_dict
from gateway.cli.pictures import seen_as_dict
from gateway.client import TurnResult


@dataclass(slots=True)
class TakenTurn:
    """A turn of the demo and what came of it; files lie in the demo's folder."""

    turn: DemoTurn
    result: TurnResult
    events: Sequence[dict[str, Any]]
    shown: Sequence[Path] = ()
    speech: Path | None = None
    speech_seconds: float = 0.0
    pictures: Sequence[Path] = ()
    explanation: conversation_pb2.ExplainTurnResponse | None = None
    drawing: Path | None = None


def write_record(out: Path, turns: Sequence[TakenTurn]) -> None:
    """Write both files."""
    report = {"turns": [_as_dict(turn) for turn in turns]}
    (out / "report.json").write_text(json.dumps(report, ensure_ascii=False, indent=2))
    (out / "transcript.md").write_text("\n".join(["# Frontdesk demo\n", *map(_as_markdown, turns)]))


def _as_dict(taken: TakenTurn) -> dict[str, Any]:
    result = taken.result
    return {
        "name": taken.turn.name,
        "session_id": result.session_id,
        "turn_id": result.turn_id,
        "said": taken.turn.say,
        "typed": taken.turn.type,
        "shown": [file.name for file in taken.shown],
        "heard": result.transcript.text if result.transcript else None,
        "seen": [{"image_index": seen.image_index, **seen_as_dict(seen)} for seen in result.images_seen],
        "decision": result.decision,
        "answer": result.answer,
        "citations": [
            {"passage_id": citation.passage_id, "title": citation.title, "quote": citation.quote}
            for citation in result.citations
        ],
        "pictures": [
            {"picture_id": picture.picture_id, "caption": picture.caption, "file": file.name}
            for picture, file in zip(result.pictures, taken.pictures, strict=True)
        ],
        "audio": taken.speech.name if taken.speech else None,
        "stage_seconds": {stage: round(seconds, 4) for stage, seconds in result.timings.items()},
        "events": list(taken.events),
        "explanation": explanation_as_dict(taken.explanation) if taken.explanation else None,
    }


def _as_markdown(taken: TakenTurn) -> str:
    turn, result = taken.turn, taken.result
    lines = [f"## {turn.name}\n"]
    if turn.say:
        lines.append(f"**Customer says:** {turn.say}\n")
    if turn.type:
        lines.append(f"**Customer types:** {turn.type}\n")
    lines += [f"**Customer shows:** ![what the customer shows]({file.name})\n" for file in taken.shown]
    if result.transcript:
        lines.append(f"**Heard** ({result.transcript.language_code}): {result.transcript.text}\n")
    for seen in result.images_seen:
        best = [
            found[0].label for found in (seen.kinds, seen.products) if found and found[0].label != "other"
        ]
        words = " / ".join(line.text for line in seen.lines)
        lines.append(f"**Seen** ({', '.join(best) or 'nothing known'}): {words or 'no words'}\n")
    lines.append(f"**Frontdesk:** {result.answer}\n")
    lines += [
        f"> {citation.title} (`{citation.passage_id}`): {citation.quote}\n" for citation in result.citations
    ]
    lines += [
        f"![{picture.caption}]({file.name})\n"
        for picture, file in zip(result.pictures, taken.pictures, strict=True)
    ]
    if taken.speech:
        lines.append(f"Speech: [{taken.speech.name}]({taken.speech.name}), {taken.speech_seconds:.1f} s\n")
    if taken.drawing:
        lines.append(f"**Why:** ![what each part of the turn added]({taken.drawing.name})\n")
    return "\n".join(lines)
