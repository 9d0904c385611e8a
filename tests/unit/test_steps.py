"""The named steps: each is somewhere in the product, costs nothing unheard, and is told of when heard."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import danqing_server
from danqing_server.loops.steps import STEPS, begins, listen, step

SERVER = Path(danqing_server.__file__).parent
NAMED = re.compile(r'^    @(step|begins|ends)\("([^"]+)"\)', re.MULTILINE)

HEARD = """
import asyncio
from danqing_server.loops.steps import begins, ends, listen, step

class Listener:
    def before(self, step, doer):
        print("before", step, doer.name)
        return step.upper()
    def after(self, step, doer, begun, error):
        print("after", step, doer.name, begun, error)

listen(Listener())

class Block:
    name = "block"
    @begins("work.send")
    async def __aenter__(self):
        print("written down")
    @ends("work.send")
    async def __aexit__(self, *error):
        print("noted")

class Doer:
    name = "doer"
    @step("work.start")
    async def start(self, count, *, fails=False):
        async with Block():
            if fails:
                raise OSError("gone")
        return count + 1

async def main():
    print(await Doer().start(1))
    try:
        await Doer().start(1, fails=True)
    except OSError as error:
        print("raised", error)

asyncio.run(main())
"""


class TestSteps:
    def test_each_is_named_where_it_is_done(self) -> None:
        """Once, and no other; one that is a block at its beginning and at its end."""
        found = Counter(
            (name, how) for path in SERVER.rglob("*.py") for how, name in NAMED.findall(path.read_text("utf-8"))
        )
        assert {name for name, _ in found} == set(STEPS)
        assert set(found.values()) == {1}
        blocks = {name for name, how in found if how == "begins"}
        assert blocks == {name for name, how in found if how == "ends"}
        assert blocks.isdisjoint(name for name, how in found if how == "step")

    def test_unheard_it_is_the_method_itself(self) -> None:
        """So it costs nothing."""

        async def start() -> None:
            raise NotImplementedError

        assert step("work.start")(start) is start
        assert begins("work.send")(start) is start

    def test_who_listens_is_told_of_the_beginning_and_the_end(self) -> None:
        """With the object that does it, what it said itself at the beginning, and what it raised."""
        said = subprocess.run([sys.executable, "-c", HEARD], capture_output=True, text=True, check=True).stdout
        assert said.splitlines() == [
            *("before work.start doer", "written down", "before work.send block"),
            *("after work.send block WORK.SEND None", "noted", "after work.start doer WORK.START None", "2"),
            *("before work.start doer", "written down", "before work.send block"),
            *(
                "after work.send block WORK.SEND gone",
                "noted",
                "after work.start doer WORK.START gone",
                "raised gone",
            ),
        ]

    def test_too_late_is_said(self) -> None:
        """The modules that do the steps are imported: nothing of them would be heard."""

        class Deaf:
            def before(self, step: str, doer: object) -> None:
                raise NotImplementedError

            def after(self, step: str, doer: object, begun: object, error: BaseException | None) -> None:
                raise NotImplementedError

        step("work.start")(TestSteps._nothing)
        with pytest.raises(RuntimeError, match=r"work\.start"):
            listen(Deaf())

    def test_an_unknown_name_is_refused(self) -> None:
        """With those that there are."""
        with pytest.raises(ValueError, match=r"work\.strat.*work\.start"):
            step("work.strat")(TestSteps._nothing)

    @staticmethod
    async def _nothing() -> None:
        raise NotImplementedError
