"""What words alone are worth: TF-IDF and a linear support vector machine.

Runs without torch, in seconds to half a minute on one core. English is read as words, alone
and in pairs, and as two to five characters within words; Mandarin as one to three characters,
which is what its words are.
"""

from collections.abc import Sequence, Set
from typing import Any, Final

import numpy as np
from scipy.special import expit, softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.svm import LinearSVC

from training.data.examples import DataError, ExampleSet
from training.evaluate.answers import Answers, Asked, Floats, names

NAME: Final = "TF-IDF and a linear SVM"
_MARGIN: Final = 4.0
"""Sharpness of the margins' softmax; a temperature that validation chooses follows in the evaluation."""


def fit(examples: ExampleSet, seed: int = 0) -> Asked:
    """Learn from ``examples.train``. The same set gives the same model.

    Raises:
        DataError: the train split is empty or shows less than two intents.
    """
    columns = names(examples)
    learned = [example for example in examples.train if example.intents or examples.multi_label]
    texts = [example.text for example in learned]
    known = {intent for example in examples.train for intent in example.intents}
    if not texts:
        raise DataError(f"{examples.name}: the train split has no labelled text")
    if len(known) < 2:
        raise DataError(f"{examples.name}: the train split has {len(known)} intent(s): two are needed")
    machine: Any = LinearSVC(random_state=seed)
    if examples.multi_label:
        # Only what training shows: of a label that never comes, nothing can be learned.
        learned_labels = [name for name in columns if name in known]
        targets: Any = MultiLabelBinarizer(classes=learned_labels).fit_transform(
            [set(e.intents) for e in learned]
        )
        machine = OneVsRestClassifier(machine)
    else:
        targets = [example.intents[0] for example in learned]
        learned_labels = sorted(set(targets))
    model = make_pipeline(_features({example.language for example in examples.train}), machine)
    model.fit(texts, targets)

    def ask(asked: Sequence[str]) -> Answers:
        if not asked:
            return Answers(np.zeros((0, len(columns))))
        margins = model.decision_function(list(asked))
        if examples.multi_label:
            return Answers(_spread(expit(_MARGIN * margins), learned_labels, columns))
        if margins.ndim == 1:  # of two classes, the margin of the second is told
            margins = np.stack([-margins, margins], axis=1)
        return Answers(_spread(softmax(_MARGIN * margins, axis=1), learned_labels, columns))

    return Asked(ask)


def _features(languages: Set[str]) -> FeatureUnion:
    read = {}
    if languages - {"zh"}:
        read["words"] = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        read["characters"] = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    if "zh" in languages:
        read["mandarin"] = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True)
    return FeatureUnion(list(read.items()))


def _spread(probabilities: Floats, learned: Sequence[str], columns: Sequence[str]) -> Floats:
    """Spread what is said of the learned classes over all columns; the others have no probability."""
    spread = np.zeros((len(probabilities), len(columns)))
    spread[:, [columns.index(name) for name in learned]] = probabilities
    return spread
