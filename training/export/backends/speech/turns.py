"""Lets requests speak in turns, a chunk each, so that a long text does not keep a short one waiting."""

import queue
import threading
from collections import deque
from contextlib import closing


class Turns:
    """One thread makes all chunks: the engine already uses the threads that were found to be best.

    A listener has ``gone()``, ``send(samples)`` and ``finish(error or None)``.
    """

    def __init__(self):
        self._arrivals = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="speech", daemon=True)
        self._thread.start()

    def add(self, chunks, listener):
        self._arrivals.put((chunks, listener))

    def close(self):
        self._arrivals.put(None)
        self._thread.join(timeout=10)

    def _run(self):
        speaking = deque()
        while True:
            while not speaking or not self._arrivals.empty():
                arrival = self._arrivals.get()
                if arrival is None:
                    return
                speaking.appendleft(arrival)  # who has heard nothing yet comes first
            chunks, listener = speaking.popleft()
            if _next_chunk(chunks, listener):
                speaking.append((chunks, listener))


def _next_chunk(chunks, listener):
    """Speak one chunk; False when the request is over."""
    error = None
    try:
        if not listener.gone():
            samples = next(chunks, None)
            if samples is not None:
                listener.send(samples)
                return True
    except Exception as fault:
        error = fault
    with closing(chunks):
        listener.finish(error)
    return False
