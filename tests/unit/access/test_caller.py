from __future__ import annotations

import pytest

from danqing_server.access.caller import LOCAL, Caller
from danqing_server.errors import SettingsError
from danqing_server.records.tenancy import CLIENT_SCOPES, Scope
from danqing_server.settings.server import Settings
from danqing_server.store.reach import Reach
from tests.unit.api.tasks import make_task

MINE, OTHERS, NOBODYS = make_task(owner="shop"), make_task(owner="blog"), make_task()


class TestCaller:
    """R10: whoever asks is somebody, and what it may touch is said by it, not by what is missing."""

    def test_key_sees_what_its_project_made(self) -> None:
        """Neither others' tasks nor those that were made without authentication."""
        shop = Caller.with_key("shop")
        assert [shop.sees(task) for task in (MINE, OTHERS, NOBODYS)] == [True, False, False]
        assert (shop.project, shop.owner, shop.scopes) == ("shop", "shop", CLIENT_SCOPES)

    def test_local_caller_has_every_scope_by_name(self) -> None:
        """It sees everybody's tasks because it may, and what it makes is stored without an owner."""
        local = Caller.local()
        assert [local.sees(task) for task in (MINE, OTHERS, NOBODYS)] == [True, True, True]
        assert (local.project, local.owner, local.scopes) == (LOCAL, None, frozenset(Scope))

    def test_administrator_makes_nothing(self) -> None:
        """A stolen key of one kind does not do the other's work."""
        scopes = Caller.administrator().scopes
        assert Scope.ADMIN in scopes
        assert Scope.GENERATE not in scopes
        assert Scope.ADMIN not in Caller.with_key("shop").scopes
        assert not any(Caller.administrator().sees(task) for task in (MINE, OTHERS, NOBODYS))

    def test_local_project_without_scopes_sees_its_own_alone(self) -> None:
        """No owner is a project like others, and no permission."""
        bare = Caller(project=LOCAL, key="k")
        assert [bare.sees(task) for task in (MINE, OTHERS, NOBODYS)] == [False, False, True]

    @pytest.mark.parametrize("name", ["local", LOCAL])
    def test_no_key_is_called_like_the_local_project(self, name: str) -> None:
        """`local` is a key like others; the project's own name is refused, or its tasks were stored as no one's."""
        try:
            settings = Settings.read({"DANQING_API_KEYS": f"{name}:{'1' * 16}"})
        except SettingsError:
            return
        assert [Caller.with_key(key.owner).owner for key in settings.api_keys] == [name]

    def test_caller_is_hashable_and_equal_by_value(self) -> None:
        """Two secrets of one name are one caller."""
        assert len({Caller.with_key("a"), Caller.with_key("a"), Caller.local()}) == 2


class TestReach:
    def test_filter_asks_for_what_reach_covers(self) -> None:
        """MongoDB's null finds a field that is missing."""
        assert Reach.everybody().filter == {}
        assert Reach.of("shop").filter == {"owner": "shop"}
        assert Reach.of(None).filter == {"owner": None}
