"""A fine-tuned encoder that Triton serves, asked from where nothing else is asynchronous."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import numpy as np
from numpy.typing import NDArray

from services.dialogue.model import understanding_spec
from services.inference.client import TritonClient
from services.inference.port import InferenceClient
from services.serving.errors import FrontdeskError
from training.explain.attribution import ExplainError

_PREFIX = "understanding_"
_SECONDS = 30.0

Connect = Callable[[], AbstractAsyncContextManager[InferenceClient]]


class TritonTexts:
    """``understanding_<domain>`` on Triton as a predictor; ``labels`` are its manifest's.

    ``connect`` opens the door to Triton, once for each call. Raises ``ExplainError`` for a
    model that takes no text, and where it is not served.
    """

    def __init__(self, name: str, connect: Connect) -> None:
        if not name.startswith(_PREFIX):
            raise ExplainError(f"{name} takes no text on Triton: name a model understanding_DOMAIN")
        self._spec = understanding_spec(name.removeprefix(_PREFIX))
        self._connect = connect
        self.labels: tuple[str, ...] = tuple(json.loads(asyncio.run(self._manifest()))["labels"])

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Ask about all texts, as many at once as the model takes."""
        return asyncio.run(self._ask(texts))

    async def _manifest(self) -> str:
        try:
            async with self._connect() as client:
                return (await client.parameters(self._spec))["manifest"]
        except (FrontdeskError, KeyError) as error:
            raise ExplainError(f"{self._spec.name} is not served there: {error}") from error

    async def _ask(self, texts: Sequence[str]) -> NDArray[np.float32]:
        most = self._spec.max_batch_size
        found = []
        try:
            async with self._connect() as client:
                for start in range(0, len(texts), most):
                    batch = np.array([[text.encode()] for text in texts[start : start + most]], np.object_)
                    answer = await client.infer(
                        self._spec, {"text": batch}, outputs=["intents"], timeout_seconds=_SECONDS
                    )
                    found.append(answer["intents"])
        except FrontdeskError as error:
            raise ExplainError(f"{self._spec.name} does not answer: {error}") from error
        return np.vstack(found)


def connection(url: str) -> Connect:
    """Give what opens Triton's gRPC endpoint ``url``, host:port, and closes it again."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[InferenceClient]:
        client = TritonClient(url)
        try:
            yield client
        finally:
            await client.close()

    return connect
