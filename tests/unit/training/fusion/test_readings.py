from training.fusion.readings import reading

LINES = ("Lumen & Wire", "Checkout", "PAY-402", "Try again")


def test_the_first_reading_is_right() -> None:
    assert reading(LINES, 0) == "\n".join(LINES)


def test_readings_differ_and_are_repeatable() -> None:
    readings = [reading(LINES, seed) for seed in range(1, 40)]
    assert readings == [reading(LINES, seed) for seed in range(1, 40)]
    assert len(set(readings)) > 20
    assert any("PAY-402" not in each for each in readings)
    assert any("PAY-402" in each for each in readings)


def test_something_is_always_left() -> None:
    assert all(reading(("A",), seed).strip() for seed in range(200))
