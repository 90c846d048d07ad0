"""Speech is kept from the second time on, within its bounds, for the tenant that had it spoken."""

import numpy as np
import pytest

from services.tts.speech_cache import Chunks, SpeechCache, SpeechKey

SPEECH: Chunks = (np.ones(100, np.float32), np.zeros(150, np.float32))
BYTES = 1_000


def key(text: str = "Hello.", tenant: str = "demo", voice: str = "heart", speed: float = 1.0) -> SpeechKey:
    return SpeechKey(tenant, voice, speed, text)


def say(cache: SpeechCache, asked: SpeechKey) -> bool:
    """Ask as a synthesizer does; whether the speech was there."""
    if cache.ask(asked) is not None:
        return True
    if cache.wants(asked):
        cache.keep(asked, SPEECH)
    return False


def test_the_third_time_it_is_there() -> None:
    cache = SpeechCache(max_bytes=10 * BYTES, max_characters=20)
    assert [say(cache, key()) for _ in range(4)] == [False, False, True, True]
    assert cache.ask(key()) == SPEECH
    assert (cache.hits, cache.misses, cache.bytes) == (3, 2, BYTES)


@pytest.mark.parametrize(
    "other", [key("Hello"), key(tenant="other"), key(voice="am_michael"), key(speed=1.1)]
)
def test_other_speech_is_not_given(other: SpeechKey) -> None:
    cache = SpeechCache(max_bytes=10 * BYTES, max_characters=20)
    say(cache, key())
    say(cache, key())
    assert not say(cache, other)
    assert say(cache, key())


def test_what_was_not_asked_for_the_longest_time_goes_first() -> None:
    cache = SpeechCache(max_bytes=2 * BYTES, max_characters=20)
    for text in ("one", "two"):
        say(cache, key(text))
        say(cache, key(text))
    assert say(cache, key("one"))
    say(cache, key("three"))
    say(cache, key("three"))
    assert cache.bytes == 2 * BYTES
    assert say(cache, key("one"))
    assert say(cache, key("three"))
    assert not say(cache, key("two"))


@pytest.mark.parametrize(("max_bytes", "max_characters"), [(0, 20), (BYTES - 1, 20), (BYTES, 5)])
def test_what_is_out_of_bounds_is_not_kept(max_bytes: int, max_characters: int) -> None:
    cache = SpeechCache(max_bytes=max_bytes, max_characters=max_characters)
    assert [say(cache, key()) for _ in range(4)] == [False] * 4
    assert cache.bytes == 0


def test_memory_stays_bounded_however_much_is_said() -> None:
    cache = SpeechCache(max_bytes=50 * BYTES, max_characters=20)
    for number in range(20_000):
        asked = key(str(number))
        say(cache, asked)
        say(cache, asked)
    assert cache.bytes == 50 * BYTES
    for number in range(20_000):
        say(cache, key(f"once {number}"))
    assert not cache.wants(key("once 0"))
    assert cache.wants(key("once 19999"))
