"""Error rates count what was heard wrong, and the sounds are what they are called."""

import numpy as np
import pytest

from training.evaluate import sounds
from training.evaluate.spoken import english_tokens, mandarin_characters


@pytest.mark.parametrize(
    ("reference", "heard"),
    [
        ("ERASE C K C W FOURTEEN EIGHTY FIVE", "Erase CK-CW 1485."),
        ("G C D O FOUR", "GCD-04"),
        ("OCTOBER TWENTY FOURTH NINETEEN SEVENTY", "October 24th, 1970."),
        ("FIFTY ONE FIFTY SIX", "51, 56."),
        ("F I F T H", "FIFTH."),
        ("YES", "Yes."),
        ("TWENTY", "20"),
        ("TWENTY ELEVEN", "20 11"),
    ],
)
def test_the_same_said_is_the_same(reference: str, heard: str) -> None:
    assert english_tokens(reference, capitals_spell=False) == english_tokens(heard)


def test_what_was_heard_wrong_stays_wrong() -> None:
    assert english_tokens("FIFTY ONE", capitals_spell=False) != english_tokens("15 1")
    assert english_tokens("S T E V E N", capitals_spell=False) != english_tokens("STEPHEN")
    assert mandarin_characters("我的订单") != mandarin_characters("我的定单")


def test_mandarin_is_compared_by_character() -> None:
    assert mandarin_characters("九月一日, OK 吗") == mandarin_characters("9月1日，ok吗？")


@pytest.mark.parametrize("name", sounds.SOUNDS)
def test_sounds_have_their_length_and_level_and_depend_on_the_seed_alone(name: str) -> None:
    made = sounds.make(name, 1, 3.0, -20.0)
    assert made.shape == (48_000,)
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made, sounds.make(name, 1, 3.0, -20.0))
    if name != "silence":
        assert np.abs(made).max() == pytest.approx(0.1, rel=1e-3)
        assert not np.array_equal(made, sounds.make(name, 2, 3.0, -20.0))
