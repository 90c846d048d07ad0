"""A port that nobody listens on, for what cannot choose one by itself."""

import socket


def free_port() -> int:
    """Return a free port of 127.0.0.1; somebody else may take it before it is used."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
