"""Errors of a service about its request, told in the words of the turn's request."""

from collections.abc import Callable

from services.serving.errors import FieldViolation, FrontdeskError


def with_fields(error: FrontdeskError, name: Callable[[str], str]) -> FrontdeskError:
    """Return the error with each violated field renamed: the caller sent ``HandleTurnRequest``."""
    violations = [FieldViolation(name(v.field), v.description) for v in error.violations]
    return type(error)(
        error.reason,
        error.message,
        violations=violations,
        metadata=error.metadata,
        retry_after_seconds=error.retry_after_seconds,
    )
