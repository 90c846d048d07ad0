"""What is kept of a call: both channels in one WAV file."""

from pathlib import Path

import numpy as np
import soundfile

from gateway.cli.call_player import PlayedCall


def save_recording(played: PlayedCall, path: Path) -> float:
    """Write a 16-bit stereo WAV, left the customer, right Frontdesk; return its seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        both = np.stack([played.customer, played.frontdesk], axis=1)
        soundfile.write(file, both, played.sample_rate_hertz, format="WAV", subtype="PCM_16")
    return len(played.customer) / played.sample_rate_hertz
