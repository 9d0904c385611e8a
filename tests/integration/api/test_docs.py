from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from danqing_server.serving.app import create_app
from danqing_server.settings.server import Settings
from tests.integration.api.conftest import Client
from tests.support.contract import Contract

UNDOCUMENTED = {
    *("/docs", "/docs/errors", "/docs/{name}", "/openapi.json"),
    *("/studio", "/studio/{place}", "/studio/settings/{section}", "/studio/v/{version}/{path}"),
}


class TestPage:
    async def test_nothing_comes_from_another_host(self, api: Client) -> None:
        """No URL of the page is absolute, all it names is here, and the browser is told to refuse the rest."""
        page = await api.ask("GET", "/docs")
        links = re.findall(r'(?:src|href)="([^"]+)"', page.body.decode())
        assert page.headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert len(links) == 4
        for link in links:
            assert link.startswith(("/docs/", "data:"))
            if link.startswith("/"):
                assert (await api.ask("GET", link)).status == 200

    async def test_validator_is_switched_off(self, api: Client) -> None:
        """Swagger UI would send the document's address to a public service."""
        assert b"validatorUrl: null" in (await api.ask("GET", "/docs/start.js")).body

    async def test_only_its_own_files_are_sent(self, api: Client) -> None:
        """No path leads to others."""
        for name in ("README.md", "..%2fapp.py", "app.py"):
            assert (await api.ask("GET", f"/docs/{name}")).status == 404

    async def test_every_error_code_has_an_anchor(self, api: Client) -> None:
        """The `type` of an error leads to its explanation."""
        page = (await api.ask("GET", "/docs/errors")).body.decode()
        for code in ("validation_failed", "task_not_found", "email_taken", "store_unavailable", "overloaded"):
            assert f'id="{code}"' in page


class TestRoot:
    async def test_browser_is_led_to_the_studio(self, api: Client) -> None:
        """U2: people who open the address see something they can use."""
        accept = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
        reply = await api.ask("GET", "/", headers=accept, allow_redirects=False)
        assert (reply.status, reply.headers["Location"]) == (302, "/studio/")
        page = await api.ask("GET", reply.headers["Location"], headers=accept)
        assert page.headers["Content-Type"].startswith("text/html")

    async def test_program_is_told_what_is_here(self, api: Client) -> None:
        """U2: name, version, and links that lead somewhere."""
        reply = await api.ask("GET", "/")
        assert (reply.status, reply.json["name"]) == (200, "danqing")
        for link in reply.json["links"].values():
            assert (await api.ask("GET", link)).status in (200, 503)


class TestDocument:
    async def test_every_route_is_described(self, api: Client) -> None:
        """With a summary, examples of success, errors, and an id of its own."""
        document = (await api.ask("GET", "/openapi.json")).json
        described = {(path, method) for path, operations in document["paths"].items() for method in operations}
        app = create_app(Settings())
        app.finalize()
        registered = {
            (re.sub(r"<(\w+)[^>]*>", r"{\1}", f"/{route.path.rstrip('/')}"), method.lower())
            for route in app.router.routes
            for method in route.methods
            if method != "HEAD"
        }
        assert {entry for entry in registered if entry[0] not in UNDOCUMENTED} == described
        operations = [each for path in document["paths"].values() for each in path.values()]
        assert all(each["summary"] and "default" in each["responses"] for each in operations)
        assert len({each["operationId"] for each in operations}) == len(operations)

    async def test_every_example_is_as_described(self, api: Client) -> None:
        """R8: of requests, answers and errors; none shows what could not be sent."""
        document = (await api.ask("GET", "/openapi.json")).json
        contract, shown = Contract(document), list(_examples(document["paths"]))
        assert len(shown) > 100
        for place, media in shown:
            assert contract.differences(media["schema"], media["example"]) == [], place

    async def test_a_sign_in_is_told_where_it_counts(self, api: Client) -> None:
        """Under our own paths; and nowhere, where nobody can sign in."""
        document = (await api.ask("GET", "/openapi.json")).json
        assert document["components"]["securitySchemes"]["session"]["in"] == "cookie"
        ways = {
            path: [name for way in operation["security"] for name in way]
            for path, operations in document["paths"].items()
            for operation in operations.values()
            if "security" in operation
        }
        assert {path.startswith("/api/v1/") for path, names in ways.items() if "session" in names} == {True}
        assert {"session" in names for path, names in ways.items() if path.startswith("/api/v1/")} == {True}

    async def test_without_the_studio_nobody_signs_in(self, open_api: Callable[..., Any]) -> None:
        """Then a cookie is no way to come in."""
        async with open_api(DANQING_STUDIO="off") as api:
            document = (await api.ask("GET", "/openapi.json")).json
            assert "session" not in document["components"]["securitySchemes"]

    async def test_every_reference_leads_somewhere(self, api: Client) -> None:
        """The document is whole."""
        reply = await api.ask("GET", "/openapi.json")
        schemas = reply.json["components"]["schemas"]
        named = set(re.findall(r'"#/components/schemas/(\w+)"', reply.body.decode()))
        assert named <= set(schemas)

    async def test_answers_have_the_fields_the_document_names(self, api: Client) -> None:
        """A task's view and its schema say the same."""
        body = {"type": "image", "model": "one", "input": {"prompt": "a"}, "user_id": "u"}
        task = (await api.ask("POST", "/api/v1/ai/tasks", json=body)).json["data"]
        document = (await api.ask("GET", "/openapi.json")).json
        assert set(task) == set(document["components"]["schemas"]["Task"]["required"])


def _examples(paths: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each JSON body that the document describes, with where it stands."""
    for path, operations in paths.items():
        for method, operation in operations.items():
            bodies = {"body": operation.get("requestBody") or {}, **operation["responses"]}
            for name, body in bodies.items():
                media = body.get("content", {}).get("application/json")
                if media is not None:
                    yield f"{method} {path} {name}", media
