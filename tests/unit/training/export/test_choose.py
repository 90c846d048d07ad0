"""The form that is served is the fastest that costs little; parity refuses what is too far apart."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fakes.understanding import expected, write_encoder
from training.export.choose import choose
from training.export.parity import EIGHT_BITS, FULL_PRECISION, Limits, Said, compare, report


def compared(**forms: tuple[float | None, float]) -> dict[str, Any]:
    """What ``compare`` says: accuracy, and times as fast as the first."""
    return {
        "forms": {
            name: {"accuracy": accuracy, "threads": {"1": {"faster": faster}}}
            for name, (accuracy, faster) in forms.items()
        }
    }


def test_the_fastest_of_those_that_cost_at_most_0_3_points_is_served() -> None:
    forms = compared(float32=(0.940, 1.0), int8=(0.937, 2.5), three_layers=(0.936, 4.0))

    assert choose(forms) == "int8"
    assert choose(forms, most_lost=0.4) == "three_layers"
    assert choose(compared(float32=(0.940, 1.0), int8=(0.9369, 2.5))) == "float32"


def test_a_smaller_form_that_is_no_faster_is_not_served() -> None:
    assert choose(compared(float32=(0.94, 1.0), int8=(0.95, 0.9))) == "float32"
    assert choose(compared(float32=(0.94, 1.0), int8=(0.95, 1.0))) == "float32"


def test_there_must_be_something_to_choose_by() -> None:
    with pytest.raises(ValueError, match="no forms to choose from"):
        choose(compared())
    with pytest.raises(ValueError, match="chosen by accuracy"):
        choose(compared(float32=(None, 1.0)))


def test_a_form_in_a_folder_is_asked_as_it_is_served(tmp_path: Path) -> None:
    write_encoder(tmp_path)
    found = Said.by(tmp_path, ["order parcel"])
    intents, sentence = expected(["ask", "order", "parcel"])

    np.testing.assert_allclose(found.probabilities[0], intents, atol=1e-5)
    np.testing.assert_allclose(found.sentences[0], sentence, atol=1e-5)


def said(probabilities: list[list[float]], angle: float = 0.0) -> Said:
    rows = len(probabilities)
    sentences = np.tile(np.array([np.cos(angle), np.sin(angle)], np.float32), (rows, 1))
    return Said(np.array(probabilities, np.float32), sentences)


TRAINED = said([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]])


def test_parity_tells_difference_agreement_and_cosine() -> None:
    found = compare(TRAINED, said([[0.9, 0.1], [0.45, 0.55], [0.2, 0.8], [0.3, 0.7]], angle=0.1))

    assert found.texts == 4
    assert found.largest_difference == pytest.approx(0.15, abs=1e-5)
    assert found.agreement == 0.75
    assert found.lowest_cosine == pytest.approx(np.cos(0.1), abs=1e-5)


def test_parity_beyond_a_limit_is_refused_by_name() -> None:
    moved = said([[0.9, 0.1], [0.59, 0.41], [0.2, 0.8], [0.3, 0.7]])

    assert report(TRAINED, {"int8": moved}, {"int8": EIGHT_BITS})["int8"]["agreement"] == 1.0
    with pytest.raises(ValueError, match="float32 says something else than what was trained"):
        report(TRAINED, {"int8": moved, "float32": moved}, {"int8": EIGHT_BITS, "float32": FULL_PRECISION})
    with pytest.raises(ValueError, match="int8 says something else"):
        report(TRAINED, {"int8": said(TRAINED.probabilities.tolist(), 0.5)}, {"int8": EIGHT_BITS})
    flipped = said([[0.4, 0.6], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]])
    with pytest.raises(ValueError, match="int8 says something else"):
        report(TRAINED, {"int8": flipped}, {"int8": Limits(agreement=0.9)})


def test_parity_compares_numbers_of_one_shape() -> None:
    with pytest.raises(ValueError, match="arrays of one shape"):
        compare(TRAINED, said([[1.0, 0.0]]))
    with pytest.raises(ValueError, match="NaN"):
        compare(TRAINED, said([[float("nan"), 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]]))
