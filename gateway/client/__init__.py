"""The Python client for integrators, on grpcio and protobuf alone."""

from gateway.client.call import Call
from gateway.client.client import FrontdeskClient
from gateway.client.errors import FrontdeskApiError, Violation, api_errors
from gateway.client.results import TurnResult, collect_turn

__all__ = [
    "Call",
    "FrontdeskApiError",
    "FrontdeskClient",
    "TurnResult",
    "Violation",
    "api_errors",
    "collect_turn",
]
