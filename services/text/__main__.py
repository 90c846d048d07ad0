"""``python -m services.text``: the text service."""

from frontdesk.text.v1 import text_pb2_grpc

from services.inference.client import TritonClient
from services.serving.run import run
from services.serving.server import Registration, serve
from services.text.encoder import TextEncoder
from services.text.model import TEXT_ENCODER
from services.text.reranker import Reranker
from services.text.servicer import TextServicer
from services.text.settings import TextSettings
from services.text.tokenizer import HuggingFaceTokenizer


async def main(settings: TextSettings) -> None:
    """Wire settings, model, domain and servicer together, and serve."""
    triton = TritonClient(settings.triton_url)
    encoder = TextEncoder(HuggingFaceTokenizer(settings.tokenizer), triton)
    servicer = TextServicer(
        encoder,
        Reranker(triton),
        max_texts=settings.max_texts,
        max_text_characters=settings.max_text_characters,
    )

    async def ready() -> bool:
        # Not the reranker: a repository may have none.
        return await triton.ready(TEXT_ENCODER)

    registration = Registration(
        "frontdesk.text.v1.TextService", text_pb2_grpc.add_TextServiceServicer_to_server, servicer
    )
    await serve(settings, [registration], ready=ready, close=[triton.close])


if __name__ == "__main__":
    run(main, TextSettings)
