"""The two machines of the chaos suite: what reaches what, while their links are whole and while they are cut."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from contextlib import suppress

import aiohttp
import pytest

from danqing_server.composition.upstream import Silence, open_session
from tests.chaos.machines import Machine, Network, NotPossible, running_network
from tests.support.servers import wait_until

pytestmark = pytest.mark.processes

PORT, CALLED_PORT = 20_200, 20_201
_LISTEN = (
    "import socket, sys; s = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=64); sys.stdin.read()"
)
_HEAR = (
    "import socket, struct, sys; s = socket.create_server((sys.argv[1], int(sys.argv[2]))); "
    "print('there', flush=True); c, _ = s.accept(); "
    "c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); "  # its end is told once at most
    "c.recv(4096); print('heard', flush=True); sys.stdin.read()"
)
_CALL = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2)"


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    """Two machines with a server on each that takes connections."""
    try:
        made = running_network()
        with made as network:
            words = [
                (*each.place.entering, sys.executable, "-c", _LISTEN, each.address, str(PORT))
                for each in network.machines
            ]
            servers = [subprocess.Popen(each, stdin=subprocess.PIPE) for each in words]
            try:
                wait_until(lambda: all(_answers(each) for each in network.machines), what="both servers")
                yield network
            finally:
                for server in servers:
                    server.kill()
                    server.wait()
                    if server.stdin is not None:
                        server.stdin.close()
    except NotPossible as error:
        pytest.skip(str(error))


def _answers(machine: Machine) -> bool:
    with suppress(OSError), socket.create_connection((machine.address, PORT), timeout=1):
        return True
    return False


def _reaches(caller: Machine, called: Machine) -> bool:
    words = [*caller.place.entering, sys.executable, "-c", _CALL, called.address, str(PORT)]
    return subprocess.run(words, capture_output=True).returncode == 0


class TestNetwork:
    def test_machines_that_are_cut_apart_are_reached_by_all_others(self, network: Network) -> None:
        """Only the way between them is cut, both ways, and whole again once it is mended."""
        first, second = network.machines
        assert _reaches(first, second)
        network.cut()
        try:
            assert not _reaches(first, second)
            assert not _reaches(second, first)
            assert _answers(first)
            assert _answers(second)
        finally:
            network.mend()
        assert _reaches(second, first)

    def test_nobody_reaches_a_machine_that_is_cut_off(self, network: Network) -> None:
        """The other machine goes on as before."""
        first, second = network.machines
        network.isolate(first)
        try:
            assert not _answers(first)
            assert _answers(second)
            assert not _reaches(second, first)
        finally:
            network.mend()
        wait_until(lambda: _answers(first), what="the machine being back")

    def test_a_slow_link_still_carries(self, network: Network) -> None:
        """Connections are made over it."""
        network.slow_down()
        try:
            assert _reaches(*network.machines)
        finally:
            network.mend()


class TestCall:
    async def test_a_service_that_vanished_meanwhile_is_missed(self, network: Network) -> None:
        """It ended while its machine was cut off, so that nobody was told: the call breaks, long before its end."""
        machine = network.machines[0]
        words = (*machine.place.entering, sys.executable, "-c", _HEAR, machine.address, str(CALLED_PORT))
        service = await asyncio.create_subprocess_exec(*words, stdin=PIPE, stdout=PIPE)
        assert service.stdout is not None
        async with open_session(Silence(quiet_s=1, every_s=1, dead_s=20)) as session:
            assert await service.stdout.readline() == b"there\n"
            calling = asyncio.create_task(session.post(f"http://{machine.address}:{CALLED_PORT}/"))
            assert await service.stdout.readline() == b"heard\n"
            network.isolate(machine)
            try:
                service.kill()
                await service.wait()
            finally:
                network.mend()
            with pytest.raises(aiohttp.ClientError):
                await asyncio.wait_for(calling, 15)
