import os
import socket

import pytest

from funclet.local.ports import PortTakenError, listen


def test_port_0_takes_any_free_one_on_loopback_alone() -> None:
    with listen(0, "--port") as listener:
        host, port = listener.getsockname()
    assert host == "127.0.0.1"
    assert port > 0


def test_a_taken_port_says_who_has_it_and_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError) as caught:
            listen(port, "--port")
    assert f"Port {port} is taken by " in str(caught.value)
    assert f"(process {os.getpid()})" in str(caught.value)
    assert "choose another port with --port" in str(caught.value)
