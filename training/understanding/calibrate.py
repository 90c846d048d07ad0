"""After training, on validation: how sure an answer is, and from when on it counts."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.special import expit
from sklearn.metrics import f1_score

from training.data.examples import Example
from training.evaluate.calibration import fit_temperature
from training.understanding import out_of_scope
from training.understanding.predict import Trained

_THRESHOLDS: Final = np.round(np.arange(0.05, 0.96, 0.05), 2)


def calibrate(trained: Trained, validation: Sequence[Example]) -> None:
    """Set ``temperature``, ``threshold`` and ``out_of_scope`` of a model by examples that it did not see."""
    labels = trained.labels
    targets = labels.targets(validation)
    logits = trained.predict([example.text for example in validation]).logits
    if labels.multi_label:
        probabilities = expit(logits)
        trained.threshold = float(
            max(
                _THRESHOLDS,
                key=lambda at: f1_score(targets, probabilities >= at, average="micro", zero_division=0),
            )
        )
        return
    single = targets.astype(np.int64)
    trained.temperature = float(fit_temperature(logits, single))
    if labels.out_of_scope in labels.intents:
        outside = labels.intents.index(labels.out_of_scope)
        if 0 < (single == outside).sum() < len(single):
            trained.out_of_scope = out_of_scope.fit(logits, single, outside).to_json()
