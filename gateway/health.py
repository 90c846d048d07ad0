"""Health of the services behind the gateway, asked for at the gateway."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

if TYPE_CHECKING:
    Base = grpc.aio.ServerInterceptor[Any, Any]
else:
    Base = grpc.aio.ServerInterceptor

_CHECK = "/grpc.health.v1.Health/Check"
_SECONDS = 2.0


class PeerHealthInterceptor(Base):
    """Answers ``Check`` for a proxied service by asking that service.

    NOT_SERVING when it cannot be asked within 2 s. The gateway's own health does
    not depend on it: a turn may need less than all services.
    """

    def __init__(self, peers: Mapping[str, grpc.aio.Channel]) -> None:
        self._peers = {service: health_pb2_grpc.HealthStub(channel) for service, channel in peers.items()}

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any]]]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any]":
        """Take over ``Check``, and leave all else alone."""
        handler = await continuation(handler_call_details)
        if handler is None or handler_call_details.method != _CHECK:
            return handler
        own: Any = handler

        async def check(request: Any, context: Any) -> Any:
            peer = self._peers.get(request.service)
            if peer is None:
                return await own.unary_unary(request, context)
            try:
                return await peer.Check(request, timeout=_SECONDS)
            except grpc.aio.AioRpcError:
                return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.NOT_SERVING)

        return grpc.unary_unary_rpc_method_handler(
            check,
            request_deserializer=own.request_deserializer,
            response_serializer=own.response_serializer,
        )
