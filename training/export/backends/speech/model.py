"""Triton's side of a speech engine: text in, chunks of 24 kHz samples out as they are made (decoupled)."""

import json
import os
import traceback
from pathlib import Path

# Read when the libraries are loaded: threads that spin between requests cost ten times on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import triton_python_backend_utils as pb_utils

from .turns import Turns


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])["parameters"]
        parameters = {name: value["string_value"] for name, value in config.items()}
        folder, threads = Path(__file__).parent, int(parameters["cpu_threads"])
        if parameters["engine"] == "hibari":
            from .hibari_engine import HibariEngine as Engine
        else:
            from .kokoro_engine import KokoroEngine as Engine
        self._engine = Engine(folder, threads)
        for voice in self._engine.voices[:1]:
            list(self._engine.speak("Hello. 您好。", voice, 1.0))  # the first call allocates
        self._turns = Turns()

    def execute(self, requests):
        for request in requests:
            sender = request.get_response_sender()
            text = pb_utils.get_input_tensor_by_name(request, "text").as_numpy()[0].decode()
            voice = pb_utils.get_input_tensor_by_name(request, "voice").as_numpy()[0].decode()
            speed = float(pb_utils.get_input_tensor_by_name(request, "speed").as_numpy()[0])
            fault = self._fault(voice, speed)
            if fault:
                # A stream carries an error's text alone: the client knows a refusal by how it begins.
                _finish(sender, pb_utils.TritonError(f"INVALID_ARGUMENT: {fault}"))
                continue
            chunks = self._engine.speak(text, voice, speed)
            self._turns.add(chunks, _Listener(sender))

    def finalize(self):
        self._turns.close()

    def _fault(self, voice, speed):
        if voice not in self._engine.voices:
            return f"no voice {voice!r} here: there are {', '.join(self._engine.voices)}"
        if not 0.25 <= speed <= 4.0:  # also refuses NaN
            return f"speed {speed} is not between 0.25 and 4"
        return ""


class _Listener:
    """One request's response sender, as the engine's turns see it."""

    def __init__(self, sender):
        self._sender = sender

    def gone(self):
        return self._sender.is_cancelled()

    def send(self, samples):
        tensor = pb_utils.Tensor("audio", np.ascontiguousarray(samples, np.float32))
        self._sender.send(pb_utils.InferenceResponse([tensor]))

    def finish(self, error):
        if error:
            # Where and what kind, but not its text, which may quote the customer.
            place = "".join(traceback.format_tb(error.__traceback__))
            pb_utils.Logger.log_error(f"speaking failed: {type(error).__name__}\n{place}")
        _finish(self._sender, pb_utils.TritonError("speaking failed") if error else None)


def _finish(sender, error):
    flags = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL
    if error:
        sender.send(pb_utils.InferenceResponse(error=error), flags=flags)
    else:
        sender.send(flags=flags)
