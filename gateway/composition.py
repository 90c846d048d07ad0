"""Puts the gateway together from its settings."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from frontdesk.asr.v1 import asr_pb2
from frontdesk.dialogue.v1 import dialogue_pb2, knowledge_pb2
from frontdesk.gateway.v1 import conversation_pb2_grpc
from frontdesk.text.v1 import text_pb2
from frontdesk.tts.v1 import tts_pb2
from frontdesk.vision.v1 import vision_pb2
from prometheus_client import CollectorRegistry

from gateway import servicer
from gateway.call.call import Calls
from gateway.call.ports import CallPorts
from gateway.call.types import CallLimits
from gateway.call_metrics import PrometheusCallMetrics
from gateway.clients import asr, dialogue, live_asr, text, tts, vision
from gateway.clock import SystemClock
from gateway.converse import Converse
from gateway.credentials import Credentials, Tenant, development_tenant, read_tenants
from gateway.explanation.explainer import Explainer, ExplanationLimits
from gateway.health import PeerHealthInterceptor
from gateway.ogg_opus import pack_opus
from gateway.proxy import ServiceProxy
from gateway.sessions.database import open_database
from gateway.sessions.media import FileMediaStore
from gateway.sessions.store import SqlTurnStore
from gateway.settings import GatewaySettings
from gateway.turn.answering import Answering
from gateway.turn.budget import BudgetPlan
from gateway.turn.handler import TurnHandler, TurnPorts
from gateway.turn.perception import Perception
from gateway.turn.types import Stage
from gateway.validation import InputLimits
from gateway.wire import WireEventCodec
from services.serving.calls import open_channel
from services.serving.errors import FailedPrecondition
from services.serving.server import Registration
from services.serving.tokens import TokenMinter

KNOWLEDGE = "frontdesk.dialogue.v1.KnowledgeService"
_PROXIED = (
    ("asr", asr_pb2.DESCRIPTOR.services_by_name["AsrService"]),
    ("vision", vision_pb2.DESCRIPTOR.services_by_name["VisionService"]),
    ("text", text_pb2.DESCRIPTOR.services_by_name["TextService"]),
    ("tts", tts_pb2.DESCRIPTOR.services_by_name["TtsService"]),
    ("dialogue", dialogue_pb2.DESCRIPTOR.services_by_name["DialogueService"]),
    ("dialogue", knowledge_pb2.DESCRIPTOR.services_by_name["KnowledgeService"]),
)


@dataclass(frozen=True, slots=True)
class Gateway:
    """What a server of the gateway needs."""

    registrations: Sequence[Registration]
    interceptors: Sequence[PeerHealthInterceptor]
    credentials: Credentials
    store: SqlTurnStore
    close: Sequence[Callable[[], Awaitable[object]]]
    drain: Callable[[], None]
    """Ends the calls, which would not end by themselves."""


def compose(settings: GatewaySettings, registry: CollectorRegistry | None = None) -> Gateway:
    """Open the stores and channels. Call it in the event loop that serves. ``registry`` takes the metrics.

    FailedPrecondition when a file named by the settings cannot be used.
    """
    clock = SystemClock()
    credentials = Credentials(_tenants(settings), _minter(settings))
    engine = open_database(settings.data_dir / "sessions.sqlite3")
    store = SqlTurnStore(engine, FileMediaStore(settings.data_dir / "media"), WireEventCodec(), clock)
    open_peer = partial(open_channel, max_message_bytes=settings.max_message_bytes)
    # Each of these calls may be repeated; PublishDomain streams too much to keep.
    repeatable = [f"{dialogue.SERVICE}/Understand", f"{dialogue.SERVICE}/Respond"]
    repeatable += [f"{KNOWLEDGE}/Search", f"{KNOWLEDGE}/ListDocuments"]
    channels = {
        "asr": open_peer(settings.asr_target, retried=[asr.SERVICE]),
        "vision": open_peer(settings.vision_target, retried=[vision.SERVICE]),
        "text": open_peer(settings.text_target, retried=[text.SERVICE]),
        "dialogue": open_peer(settings.dialogue_target, retried=repeatable),
        "tts": open_peer(settings.tts_target, retried=[tts.SERVICE]),
    }
    perception = Perception(
        asr.AsrClient(channels["asr"]),
        vision.VisionClient(channels["vision"]),
        text.TextClient(channels["text"]),
    )
    answers = dialogue.DialogueClient(channels["dialogue"])
    answering = Answering(answers, tts.TtsClient(channels["tts"]), settings.speech_stall_seconds)
    plan = BudgetPlan(most_seconds={Stage.VISION: settings.vision_limit_seconds})
    limits = InputLimits(
        text_characters=settings.max_text_characters,
        audio_bytes=settings.max_audio_bytes,
        images=settings.max_images,
        image_bytes=settings.max_image_bytes,
    )
    call_ports = CallPorts(
        recognizer=live_asr.LiveAsrClient(channels["asr"]),
        perception=perception,
        answering=answering,
        sessions=store,
        clock=clock,
        metrics=PrometheusCallMetrics(registry or CollectorRegistry()),
        pack=pack_opus,
        plan=plan,
    )
    calls = Calls(call_ports, _call_limits(settings), settings.max_calls)
    conversations = servicer.ConversationServicer(
        TurnHandler(TurnPorts(perception, answering, store, clock, plan)),
        Explainer(store, perception, answers, clock, ExplanationLimits(plan=plan)),
        store,
        credentials,
        limits,
        settings.turn_limit_seconds,
        Converse(calls, credentials, limits, settings.call_idle_seconds),
    )
    own = Registration(
        servicer.SERVICE, conversation_pb2_grpc.add_ConversationServiceServicer_to_server, conversations
    )

    async def close_database() -> None:
        engine.dispose()

    proxies = [
        (
            ServiceProxy(descriptor, channels[label], label, settings.max_proxied_message_bytes),
            channels[label],
        )
        for label, descriptor in _PROXIED
    ]
    return Gateway(
        registrations=[own, *(proxy.registration() for proxy, _ in proxies)],
        interceptors=[PeerHealthInterceptor({proxy.service_name: channel for proxy, channel in proxies})],
        credentials=credentials,
        store=store,
        close=[*(partial(channel.close, None) for channel in channels.values()), close_database],
        drain=calls.shut_down,
    )


def _call_limits(settings: GatewaySettings) -> CallLimits:
    return CallLimits(
        idle_seconds=settings.call_idle_seconds,
        call_seconds=settings.call_limit_seconds,
        turn_seconds=settings.turn_limit_seconds,
        text_characters=settings.max_text_characters,
        images=settings.max_images,
        audio_bytes=settings.max_audio_bytes,
    )


def _tenants(settings: GatewaySettings) -> tuple[Tenant, ...]:
    tenants: tuple[Tenant, ...] = ()
    if settings.api_key_file is not None:
        tenants += (development_tenant(settings.api_key_file, settings.domain),)
    if settings.tenants_file is not None:
        tenants += read_tenants(settings.tenants_file)
    return tenants


def _minter(settings: GatewaySettings) -> TokenMinter:
    path = settings.token_private_key_file
    try:
        return TokenMinter(path.read_bytes())
    except (OSError, ValueError) as error:
        raise FailedPrecondition(
            "TOKEN_KEY_UNREADABLE", f"cannot read an Ed25519 private key from {path}: {error}"
        ) from error
