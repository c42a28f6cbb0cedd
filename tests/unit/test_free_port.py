import socket

import pytest

from prismlane.common.errors import InvalidRequestError
from prismlane.serve.engine import UNCLAIMED_PORTS, _free_port


def test_a_free_port_is_not_one_that_the_kernel_may_give_to_somebody_else():
    ports = {_free_port("127.0.0.1", 0) for _ in range(5)}
    assert ports <= set(UNCLAIMED_PORTS)
    assert len(ports) > 1


def test_a_port_that_is_taken_is_refused_by_its_number():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(InvalidRequestError, match=str(port)):
            _free_port("127.0.0.1", port)
