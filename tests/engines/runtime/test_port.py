from __future__ import annotations

import socket

from engines.runtime.port import is_port_free


def test_a_port_is_taken_while_somebody_listens() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert not is_port_free("127.0.0.1", port)
    assert is_port_free("127.0.0.1", port)


def test_an_address_that_cannot_be_tried_is_left_to_the_server() -> None:
    assert is_port_free("no.such.host.invalid", 7860)
