"""Whether a WAV header tells the truth; libsndfile believes what it can and guesses the rest."""

import struct

from services.serving.errors import InvalidArgument

_PCM, _FLOAT, _EXTENSIBLE = 0x0001, 0x0003, 0xFFFE
_UNKNOWN_SIZE = 0xFFFFFFFF
"""What tools that write to a pipe put in place of a size: all that follows (ffmpeg, our own TtsService)."""


def check_wav(audio: bytes) -> None:
    """Check the sizes that the header announces against the bytes that came.

    Raises:
        InvalidArgument: AUDIO_TRUNCATED when more is announced than came, AUDIO_HEADER_WRONG when the
            header contradicts itself, AUDIO_EMPTY when it announces no samples.
    """
    announced = struct.unpack_from("<I", audio, 4)[0]
    end = len(audio) if announced == _UNKNOWN_SIZE else 8 + announced
    if end > len(audio):
        raise _truncated(f"the WAV header announces {end} bytes, {len(audio)} came")
    position = 12
    block = 0
    while position + 8 <= end:
        name, size = struct.unpack_from("<4sI", audio, position)
        position += 8
        if name == b"data" and size == _UNKNOWN_SIZE:
            size = end - position
        if position + size > end:
            raise _wrong(f"chunk {name!r} of {size} bytes reaches beyond the end of the WAV file")
        if name == b"fmt ":
            block = _block_bytes(audio[position : position + size])
        elif name == b"data":
            if not block:
                raise _wrong("the WAV file has no format chunk before its samples")
            if size == 0:
                raise InvalidArgument("AUDIO_EMPTY", "the WAV file has no samples", field="audio")
            if size % block:
                raise _wrong(f"{size} bytes of samples are no multiple of {block}, the bytes of a frame")
            return
        position += size + size % 2
    raise _wrong("the WAV file has no data chunk")


def _block_bytes(chunk: bytes) -> int:
    """Bytes of one frame, all channels, by a format chunk."""
    if len(chunk) < 16:
        raise _wrong("the WAV format chunk is shorter than 16 bytes")
    code, channels, _rate, _byte_rate, block, bits = struct.unpack_from("<HHIIHH", chunk)
    if code == _EXTENSIBLE and len(chunk) >= 26:
        code = struct.unpack_from("<H", chunk, 24)[0]
    if not channels or not block:
        raise _wrong(f"the WAV header says {channels} channels in frames of {block} bytes")
    if code in (_PCM, _FLOAT) and (block % channels or block // channels != (bits + 7) // 8):
        raise _wrong(f"the WAV header says {channels} channels of {bits} bits in frames of {block} bytes")
    return int(block)


def _truncated(what: str) -> InvalidArgument:
    return InvalidArgument("AUDIO_TRUNCATED", f"audio is cut off: {what}; send it whole", field="audio")


def _wrong(what: str) -> InvalidArgument:
    return InvalidArgument("AUDIO_HEADER_WRONG", f"{what}: write the file again", field="audio")
