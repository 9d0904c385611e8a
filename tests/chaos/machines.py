"""Two machines: network namespaces on a switch of their own, whose links are cut, slowed down and mended.

Each has its own address and its own process ids, so nobody there sees the other's processes. The switch belongs to
the machine that the run is on, where the clients and the simulated services are: a third place, from which both are
reached. What is cut is silent: packets go nowhere, no connection is told.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

import attrs

from tests.support.places import Place

__all__ = ["Machine", "Network", "NotPossible", "running_network"]

FIRST, LAST = 2, 254
"""The numbers of the networks, 198.18.NUMBER.0/24: of those that RFC 2544 sets apart for trials."""
SLOW_KBIT = 256


class NotPossible(Exception):
    """There can be no namespaces here; the message says why."""


@attrs.frozen(kw_only=True)
class Machine:
    """One of the two: its `name` is its namespace's, `port` its place on the switch."""

    name: str
    port: str
    address: str

    @property
    def place(self) -> Place:
        """Where its servers run."""
        return Place(address=self.address, entering=(_program("ip"), "netns", "exec", self.name))

    @property
    def entering_apart(self) -> tuple[str, ...]:
        """The command that runs another here with process ids of its own, the first of which is its own."""
        apart = ("unshare", "--pid", "--fork", "--kill-child=KILL", "--mount-proc")
        return (*self.place.entering, *apart)


@attrs.frozen(kw_only=True)
class Network:
    """The switch with both machines; `address` is where they reach the rest of the world."""

    switch: str
    address: str
    machines: Sequence[Machine]

    def cut(self) -> None:
        """Let neither machine reach the other; each still reaches the rest of the world, which reaches both."""
        for machine in self.machines:
            _run("bridge", "link", "set", "dev", machine.port, "isolated", "on")

    def isolate(self, machine: Machine) -> None:
        """Let nobody reach *machine*, which reaches nobody."""
        _run("bridge", "link", "set", "dev", machine.port, "state", "0")

    def slow_down(self) -> None:
        """Let what one machine sends to the other pass at 256 kbit/s each way, and queue up behind that."""
        for machine, other in zip(self.machines, reversed(self.machines), strict=True):
            self._limit(machine, other)

    def _limit(self, machine: Machine, other: Machine) -> None:
        shape = (*machine.place.entering, "tc")
        _run(*shape, "qdisc", "replace", "dev", "eth0", "root", "handle", "1:", "htb")
        rate = ("htb", "rate", f"{SLOW_KBIT}kbit")
        _run(*shape, "class", "add", "dev", "eth0", "parent", "1:", "classid", "1:1", *rate)
        match = ("u32", "match", "ip", "dst", f"{other.address}/32")
        _run(*shape, "filter", "add", "dev", "eth0", "parent", "1:", "protocol", "ip", *match, "flowid", "1:1")

    def mend(self) -> None:
        """Let everything through again."""
        for machine in self.machines:
            _run("bridge", "link", "set", "dev", machine.port, "isolated", "off")
            _run("bridge", "link", "set", "dev", machine.port, "state", "3")
            with suppress(subprocess.CalledProcessError):  # there is none to take away
                _run(*machine.place.entering, "tc", "qdisc", "del", "dev", "eth0", "root")


@contextmanager
def running_network() -> Iterator[Network]:
    """Have two machines on a switch while the block lasts. Raises NotPossible where there can be none."""
    _check()
    with ExitStack() as stack:
        number = _free_number()
        switch, prefix = f"dqc{number}", f"198.18.{number}"
        stack.callback(_undo, "ip", "link", "del", switch)
        _run("ip", "link", "add", switch, "type", "bridge")
        _run("ip", "addr", "add", f"{prefix}.1/24", "dev", switch)
        _run("ip", "link", "set", switch, "up")
        names = "ab"
        machines = [
            Machine(name=f"{switch}{name}", port=f"{switch}{name}", address=f"{prefix}.{place}")
            for place, name in enumerate(names, 11)
        ]
        for machine in machines:
            stack.callback(_undo, "ip", "netns", "del", machine.name)
            _connect(machine, switch)
        yield Network(switch=switch, address=f"{prefix}.1", machines=machines)


def _program(name: str) -> str:
    return shutil.which(name) or name


def _check() -> None:
    missing = [name for name in ("ip", "bridge", "tc", "unshare") if shutil.which(name) is None]
    if missing:
        raise NotPossible(f"two machines need {', '.join(missing)}: apt-get install iproute2 util-linux")
    if os.geteuid() != 0:
        raise NotPossible("two machines need network namespaces, and those need root")


def _free_number() -> int:
    """Return the number of a network that no other run has."""
    taken = {line.split(":")[1].strip().partition("@")[0] for line in _said("ip", "-o", "link").splitlines()}
    free = [number for number in range(FIRST, LAST + 1) if f"dqc{number}" not in taken]
    return random.choice(free)


def _connect(machine: Machine, switch: str) -> None:
    try:
        _run("ip", "netns", "add", machine.name)
        _run("ip", "link", "add", machine.port, "type", "veth", "peer", "name", "eth0", "netns", machine.name)
    except subprocess.CalledProcessError as error:
        raise NotPossible(f"this kernel makes no namespaces or pairs of devices: {error.stderr.strip()}") from error
    _run("ip", "link", "set", machine.port, "master", switch)
    _run("ip", "link", "set", machine.port, "up")
    inside = ("ip", "-n", machine.name)
    _run(*inside, "addr", "add", f"{machine.address}/24", "dev", "eth0")
    _run(*inside, "link", "set", "lo", "up")
    _run(*inside, "link", "set", "eth0", "up")


def _said(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def _run(*words: str) -> None:
    _said(*words)


def _undo(*words: str) -> None:
    with suppress(subprocess.CalledProcessError):
        _run(*words)
