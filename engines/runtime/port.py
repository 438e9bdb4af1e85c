"""Whether the app may listen where it shall."""

from __future__ import annotations

import errno
import socket


def is_port_free(host: str, port: int) -> bool:
    """Say whether nobody listens on a port; for an address that can't be tried, too."""
    with socket.socket() as probe:
        # As the server does: a port whose last connection has just ended is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno != errno.EADDRINUSE
        return True
