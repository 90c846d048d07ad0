"""What can go wrong for a caller, one class for each gRPC status it becomes.

Pure: domain code raises these; the error interceptor puts them on the wire
(the status, one ``google.rpc.ErrorInfo``, and ``BadRequest`` and ``RetryInfo``
where they apply).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

_REASON = re.compile(r"[A-Z][A-Z0-9_]{0,61}[A-Z0-9]")


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of a request and what is wrong with it.

    ``field`` is a path as in the proto file, such as ``config.sample_rate_hertz``
    or ``documents[3].title``.
    """

    field: str
    description: str


class FrontdeskError(Exception):
    """A failure that the caller is told about. Raise a subclass.

    ``message`` reaches the caller: it says what is wrong, where, and what to do,
    and never repeats what a customer said. ``reason`` is a constant in
    UPPER_SNAKE that programs can compare. ``field`` is short for one violation
    with the message as its description. ``metadata`` are facts for programs (a
    limit, an id). ``retry_after_seconds`` promises that trying again then may help.

    Raises ``ValueError`` when the reason is not UPPER_SNAKE or ``field`` and
    ``violations`` are both given.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        field: str | None = None,
        violations: Iterable[FieldViolation] = (),
        metadata: Mapping[str, str] | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        if not _REASON.fullmatch(reason):
            raise ValueError(f"reason {reason!r} is not UPPER_SNAKE of 2 to 63 characters")
        self.violations: tuple[FieldViolation, ...] = tuple(violations)
        if field is not None:
            if self.violations:
                raise ValueError("give either field or violations, not both")
            self.violations = (FieldViolation(field, message),)
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata: Mapping[str, str] = MappingProxyType(dict(metadata or {}))
        self.retry_after_seconds = retry_after_seconds


class InvalidArgument(FrontdeskError):  # noqa: N818 (named as the gRPC statuses are)
    """The request can never succeed as it is."""


class NotFound(FrontdeskError):  # noqa: N818
    """What the request names does not exist."""


class AlreadyExists(FrontdeskError):  # noqa: N818
    """What the request would create exists."""


class FailedPrecondition(FrontdeskError):  # noqa: N818
    """The system must be brought into another state first; trying again does not help."""


class ResourceExhausted(FrontdeskError):  # noqa: N818
    """Over a limit of size or rate."""


class Unavailable(FrontdeskError):  # noqa: N818
    """Something that is needed does not answer; trying again may help."""


class Aborted(FrontdeskError):  # noqa: N818
    """Lost against a concurrent change; read again and repeat."""


class DeadlineExceeded(FrontdeskError):  # noqa: N818
    """The caller's time ran out."""


class Unauthenticated(FrontdeskError):  # noqa: N818
    """No credential, or one that is not accepted."""


class PermissionDenied(FrontdeskError):  # noqa: N818
    """A known caller who may not do this."""
