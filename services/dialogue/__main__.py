"""``python -m services.dialogue``: understanding, answering and the knowledge base."""

import asyncio
from datetime import UTC, datetime

from frontdesk.dialogue.v1 import dialogue_pb2_grpc, knowledge_pb2_grpc

from services.dialogue.domain.bundle import BundleLimits
from services.dialogue.fusion_client import TritonFusionModel
from services.dialogue.intent_client import TritonIntentModel
from services.dialogue.knowledge.base import KnowledgeBase, KnowledgeLimits
from services.dialogue.knowledge.store import KnowledgeStore
from services.dialogue.knowledge.views import Views
from services.dialogue.knowledge.words import WordSplitter
from services.dialogue.knowledge_servicer import KnowledgeServicer
from services.dialogue.responder import Responder
from services.dialogue.servicer import DialogueServicer
from services.dialogue.settings import DialogueSettings
from services.dialogue.text_client import SERVICE as TEXT
from services.dialogue.text_client import TextClient
from services.inference.client import TritonClient
from services.serving.calls import open_channel
from services.serving.run import run
from services.serving.server import Registration, serve


async def main(settings: DialogueSettings) -> None:
    """Wire settings, store, models and servicers together, and serve."""
    triton = TritonClient(settings.triton_url)
    channel = open_channel(settings.text_target, retried=[TEXT])
    embedder, words = TextClient(channel), WordSplitter()
    intents, fusion = TritonIntentModel(triton), TritonFusionModel(triton)
    store = KnowledgeStore(settings.data_dir / "knowledge.db")
    bundle_limits = BundleLimits(total_bytes=settings.max_bundle_bytes)
    views = Views(store, words, bundle_limits)
    await views.open()
    limits = KnowledgeLimits(passages=settings.max_passages)
    base = KnowledgeBase(
        store, embedder, intents, fusion, views, lambda: datetime.now(UTC), bundle_limits, limits
    )
    dialogue = DialogueServicer(
        Responder(embedder, intents, fusion, words.split),
        base,
        views,
        max_text_characters=settings.max_text_characters,
        max_bundle_bytes=settings.max_bundle_bytes,
    )
    knowledge = KnowledgeServicer(base, views, embedder, words)

    async def ready() -> bool:
        return all(
            await asyncio.gather(
                embedder.ready(),
                intents.ready(views.domain_names()),
                fusion.ready(views.pictured_domain_names()),
            )
        )

    async def close() -> None:
        await channel.close(None)
        store.close()

    registrations = [
        Registration(
            "frontdesk.dialogue.v1.DialogueService",
            dialogue_pb2_grpc.add_DialogueServiceServicer_to_server,
            dialogue,
        ),
        Registration(
            "frontdesk.dialogue.v1.KnowledgeService",
            knowledge_pb2_grpc.add_KnowledgeServiceServicer_to_server,
            knowledge,
        ),
    ]
    await serve(settings, registrations, ready=ready, close=[triton.close, close])


if __name__ == "__main__":
    run(main, DialogueSettings)
