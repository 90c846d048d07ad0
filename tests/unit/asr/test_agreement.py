"""Words become stable when two decodings agree, and then never change."""

from hypothesis import given
from hypothesis import strategies as st

from services.asr.agreement import HOLD_BACK_SECONDS, LocalAgreement
from services.asr.transcriber import Word


def words(text: str, begin: float = 0.0) -> list[Word]:
    """Half a second each."""
    return [Word(w, begin + i / 2, begin + i / 2 + 0.5, 0.9) for i, w in enumerate(text.split())]


def texts(some: tuple[Word, ...]) -> str:
    return " ".join(word.text for word in some)


def after(*decodings: str, until: float = 100.0) -> LocalAgreement:
    agreement = LocalAgreement()
    for decoding in decodings:
        agreement.take(words(decoding), until)
    return agreement


def test_one_decoding_makes_nothing_stable() -> None:
    agreement = after("can I return")
    assert (texts(agreement.stable), texts(agreement.words)) == ("", "can I return")


def test_what_two_agree_on_is_stable() -> None:
    agreement = after("can I return", "can I rent a bike")
    assert (texts(agreement.stable), texts(agreement.words)) == ("can I", "can I rent a bike")


def test_two_in_succession_must_agree() -> None:
    assert texts(after("a b", "x y", "a b").stable) == ""


def test_words_at_the_end_of_the_audio_may_be_cut_and_wait() -> None:
    agreement = after("can I return", "can I return", until=1.0 + HOLD_BACK_SECONDS)
    assert texts(agreement.stable) == "can I"
    agreement.take(words("can I return shoes"), 1.5 + HOLD_BACK_SECONDS)
    assert texts(agreement.stable) == "can I return"


def test_stable_words_stay_however_they_are_decoded_later() -> None:
    agreement = after("my name is Bob", "my name is Bob", "mine aims is Bob Smith")
    assert texts(agreement.words) == "my name is Bob Smith"


def test_words_that_a_later_decoding_joins_or_parts_are_told_once() -> None:
    assert texts(after("a b c d", "a b c d", "a bc d e f").words) == "a b c d e f"
    assert texts(after("ab c", "ab c", "a b c d").words) == "ab c d"


def test_an_empty_decoding_leaves_the_stable_words() -> None:
    agreement = after("yes please", "yes please")
    agreement.take((), 100.0)
    assert texts(agreement.words) == "yes please"


def test_words_that_are_cut_out_are_not_told_again_and_bound_the_next() -> None:
    agreement = after("a b c d", "a b c d")
    assert texts(agreement.cut(2)) == "a b"
    assert texts(agreement.words) == "c d"
    agreement.take(words("c d e", begin=0.9), 100.0)
    assert texts(agreement.words) == "c d e"
    assert agreement.cut(99)
    agreement.take(words("f", begin=0.0), 100.0)
    assert agreement.words[0].begin >= 2.0


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=6), max_size=8))
def test_stable_words_never_change_and_times_never_run_backwards(decodings: list[list[str]]) -> None:
    agreement = LocalAgreement()
    stable: tuple[Word, ...] = ()
    for decoding in decodings:
        agreement.take(words(" ".join(decoding)), 100.0)
        assert agreement.stable[: len(stable)] == stable
        assert agreement.words[: len(agreement.stable)] == agreement.stable
        times = [time for word in agreement.words for time in (word.begin, word.end)]
        assert times == sorted(times)
        stable = agreement.stable
