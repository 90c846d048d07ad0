"""Whether a domain and its models tell apart the same things. Pure."""

from collections.abc import Sequence

from services.dialogue.domain.types import Domain
from services.dialogue.ports import FusionProfile
from services.serving.errors import FailedPrecondition


def difference(known: Sequence[str], wanted: Sequence[str]) -> str:
    """Say how the labels that a model knows differ from those wanted."""
    missing, surplus = sorted(set(wanted) - set(known)), sorted(set(known) - set(wanted))
    parts = [f"missing {', '.join(missing[:10])}"] if missing else []
    parts += [f"surplus {', '.join(surplus[:10])}"] if surplus else []
    return "; ".join(parts) or "the same in another order"


def check_fusion_labels(profile: FusionProfile, domain: Domain) -> None:
    """Raise ``FailedPrecondition`` when a fusion model was trained on other labels than the domain has."""
    for what, known, wanted in (
        ("intents", profile.labels.intents, domain.labels),
        ("products", profile.labels.products, domain.product_labels),
        ("kinds", profile.labels.kinds, domain.kind_labels),
        ("pictures", profile.labels.pictures, domain.picture_labels),
    ):
        if known != wanted:
            raise FailedPrecondition(
                "FUSION_LABELS_MISMATCH",
                f"{profile.model} knows other {what} than {domain.version}: {difference(known, wanted)}."
                " Train and export the fusion model of this folder and load it, or publish the domain"
                " that the model was trained on",
            )
