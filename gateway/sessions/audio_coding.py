"""How the customer's audio is to be read, kept with the turn as JSON. Pure."""

import json
from dataclasses import asdict

from gateway.turn.types import AudioEncoding, AudioInput


def coding_to_json(audio: AudioInput | None) -> str | None:
    """Write everything but the bytes; None without audio."""
    if audio is None:
        return None
    return json.dumps({name: value for name, value in asdict(audio).items() if name != "content"})


def coding_from_json(coding: str | None) -> AudioInput | None:
    """Read what ``coding_to_json`` wrote, with no bytes."""
    if coding is None:
        return None
    fields = json.loads(coding)
    encoding = AudioEncoding(fields["encoding"]) if fields["encoding"] else None
    return AudioInput(**{**fields, "content": b"", "encoding": encoding})
