from __future__ import annotations

import pytest

from tests.integration.api.conftest import Client

USERS = "/api/v1/users"
README = {"email": "user@example.com", "name": "张三"}


async def _create(api: Client, **members: str) -> str:
    user_id: str = (await api.ask("POST", USERS, json={**README, **members})).json["data"]["id"]
    return user_id


class TestUsers:
    async def test_created_user_has_the_old_fields(self, api: Client) -> None:
        """201, found by id and by address."""
        reply = await api.ask("POST", USERS, json=README)
        user = reply.json["data"]
        assert reply.status == 201
        assert set(user) == {"id", "email", "name", "created_at", "updated_at"}
        assert (await api.ask("GET", f"{USERS}/{user['id']}")).json["data"] == user
        assert (await api.ask("GET", f"{USERS}?email=user@example.com")).json["data"] == user

    async def test_the_same_key_answers_with_the_same_user(self, api: Client) -> None:
        """Instead of a conflict with oneself; another body under the key is refused."""
        key = {"Idempotency-Key": "k1"}
        first, again = [await api.ask("POST", USERS, json=README, headers=key) for _ in range(2)]
        other = await api.ask("POST", USERS, json={**README, "name": "李四"}, headers=key)
        assert (again.status, again.json["data"]) == (201, first.json["data"])
        assert again.headers["Idempotent-Replayed"] == "true"
        assert other.status == 422

    async def test_taken_address_is_a_conflict(self, api: Client) -> None:
        """When creating and when changing."""
        await _create(api)
        other = await _create(api, email="other@example.com")
        created = await api.ask("POST", USERS, json=README)
        changed = await api.ask("PUT", f"{USERS}/{other}", json={"email": README["email"]})
        assert [(reply.status, reply.json["error"]) for reply in (created, changed)] == [(409, "邮箱已被使用")] * 2

    async def test_change_keeps_what_is_not_said(self, api: Client) -> None:
        """And an empty change is none."""
        user_id = await _create(api)
        await api.ask("PUT", f"{USERS}/{user_id}", json={"name": "李四"})
        user = (await api.ask("PUT", f"{USERS}/{user_id}", json={})).json["data"]
        assert (user["email"], user["name"]) == (README["email"], "李四")

    async def test_deleted_user_is_gone(self, api: Client) -> None:
        """The second time it is 404, unlike the old server's."""
        user_id = await _create(api)
        assert (await api.ask("DELETE", f"{USERS}/{user_id}")).status == 200
        assert (await api.ask("DELETE", f"{USERS}/{user_id}")).status == 404

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/nope"),
            ("PUT", "/nope"),
            ("DELETE", "/nope"),
            ("GET", "?email=no@example.com"),
            ("GET", "/%00"),
        ],
    )
    async def test_missing_user_is_404(self, api: Client, method: str, path: str) -> None:
        """With the old text."""
        reply = await api.ask(method, USERS + path, data=b"{}" if method == "PUT" else None)
        assert (reply.status, reply.json["error"]) == (404, "用户不存在")

    async def test_all_problems_come_at_once(self, api: Client) -> None:
        """One detail per field."""
        reply = await api.ask("POST", USERS, json={"email": "x", "name": "y", "$set": 1})
        assert reply.status == 400
        reply = await api.ask("POST", USERS, json={"email": "xxx", "name": "y", "age": 1})
        assert {detail["field"] for detail in reply.json["details"]} == {"email", "name", "age"}
