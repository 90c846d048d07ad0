"""Opus packets as an Ogg file (RFC 7845), so that what was sent in a call can be heard later."""

import io
from collections.abc import Sequence
from fractions import Fraction

import av

from gateway.call.coding import opus_seconds

_RATE = 48_000


def pack_opus(packets: Sequence[bytes]) -> bytes:
    """Return a mono Ogg Opus file of the packets, which are not coded anew."""
    file = io.BytesIO()
    with av.open(file, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=_RATE, layout="mono")
        stream.codec_context.open()  # writes the header that the container begins with
        # The header says how much a player drops at the start (RFC 7845, section 5.1): times begin before it.
        head = stream.codec_context.extradata or b""
        time = -int.from_bytes(head[10:12], "little")
        for content in packets:
            packet = av.Packet(content)
            packet.stream = stream
            packet.time_base = Fraction(1, _RATE)
            packet.pts = packet.dts = time
            packet.duration = round(opus_seconds(content) * _RATE)
            time += packet.duration
            container.mux(packet)
    return file.getvalue()
