"""How long coded audio lasts, and how it is cut. Pure."""

from collections.abc import Iterator

from gateway.turn.types import AudioEncoding

_FRAME_SECONDS = 0.06
_SAMPLE_BYTES = {AudioEncoding.LINEAR16: 2, AudioEncoding.MULAW: 1, AudioEncoding.ALAW: 1}
_SILK_SECONDS = (0.01, 0.02, 0.04, 0.06)
_HYBRID_SECONDS = (0.01, 0.02)
_CELT_SECONDS = (0.0025, 0.005, 0.01, 0.02)


class AudioCoding:
    """One channel of LINEAR16, MULAW, ALAW, or of Opus packets."""

    def __init__(self, encoding: AudioEncoding, sample_rate_hertz: int) -> None:
        self.encoding = encoding
        self.sample_rate_hertz = sample_rate_hertz

    @property
    def is_packets(self) -> bool:
        """Whether the audio comes in packets that cannot be cut or joined."""
        return self.encoding is AudioEncoding.OPUS

    def seconds(self, audio: bytes) -> float:
        """How long a piece lasts; for Opus, a packet."""
        if self.is_packets:
            return opus_seconds(audio)
        return len(audio) / (_SAMPLE_BYTES[self.encoding] * self.sample_rate_hertz)

    def frames(self, audio: bytes) -> Iterator[bytes]:
        """Cut a piece into frames of up to 60 ms; an Opus packet is one."""
        if self.is_packets:
            yield audio
            return
        size = _SAMPLE_BYTES[self.encoding] * round(self.sample_rate_hertz * _FRAME_SECONDS)
        for start in range(0, len(audio), size):
            yield audio[start : start + size]


def opus_seconds(packet: bytes) -> float:
    """How long an Opus packet lasts, by its first bytes (RFC 6716, section 3.1); 0 where it is none."""
    if not packet:
        return 0.0
    configuration, code = packet[0] >> 3, packet[0] & 3
    if configuration < 12:
        frame = _SILK_SECONDS[configuration % 4]
    elif configuration < 16:
        frame = _HYBRID_SECONDS[configuration % 2]
    else:
        frame = _CELT_SECONDS[configuration % 4]
    if code < 3:
        return frame * (1 if code == 0 else 2)
    return frame * (packet[1] & 0x3F) if len(packet) > 1 else 0.0
