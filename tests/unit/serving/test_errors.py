import pytest

from services.serving.errors import FieldViolation, InvalidArgument


def test_field_is_short_for_one_violation() -> None:
    error = InvalidArgument("AUDIO_EMPTY", "audio is empty: send at least one sample", field="audio")
    assert error.violations == (FieldViolation("audio", "audio is empty: send at least one sample"),)
    assert str(error) == error.message == "audio is empty: send at least one sample"


@pytest.mark.parametrize("reason", ["", "A", "lower", "WITH SPACE", "_LEADING", "TRAILING_", "A" * 64])
def test_reason_is_upper_snake(reason: str) -> None:
    with pytest.raises(ValueError, match="UPPER_SNAKE"):
        InvalidArgument(reason, "message")


def test_field_and_violations_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="not both"):
        InvalidArgument("BAD_FIELD", "message", field="a", violations=[FieldViolation("b", "bad")])


def test_metadata_cannot_be_changed_afterwards() -> None:
    given = {"limit": "3"}
    error = InvalidArgument("BAD_FIELD", "message", metadata=given)
    given["limit"] = "4"
    assert dict(error.metadata) == {"limit": "3"}
