from __future__ import annotations

import pytest

from danqing_server.errors import Forbidden
from danqing_server.http.origins import Origins
from danqing_server.settings.server import Settings

HERE = "localhost:8080"


def _among(*origins: str, public: str | None = None) -> Origins:
    return Origins.of(Settings(cors_origins=origins, public_base_url=public))


class TestOrigins:
    def test_star_lets_every_page_call(self) -> None:
        """When the operator says so."""
        assert _among("*").headers("https://a.example", HERE)["access-control-allow-origin"] == "*"

    def test_only_named_pages_may_call(self) -> None:
        """A stranger's page gets no header and makes no task."""
        origins = _among("https://a.example")
        assert origins.headers("https://a.example", HERE)["access-control-allow-origin"] == "https://a.example"
        assert origins.headers("https://b.example", HERE) == {}
        with pytest.raises(Forbidden):
            origins.check("https://b.example", HERE)

    @pytest.mark.parametrize("origin", ["https://a.example", "null", "http://localhost:9999", "nonsense"])
    def test_none_refuses_every_other_page(self, origin: str) -> None:
        """A plain-text POST needs no preflight, so the headers alone protect nobody."""
        with pytest.raises(Forbidden):
            _among("none").check(origin, HERE)

    def test_own_pages_and_programs_are_never_refused(self) -> None:
        """The documentation page may try things out, and curl sends no origin."""
        for origins in (_among("none"), _among("none", public="https://p.example/danqing")):
            origins.check("http://localhost:8080", HERE)
            origins.check(None, HERE)
        _among("none", public="https://p.example").check("https://p.example", "127.0.0.1:8080")

    @pytest.mark.parametrize(
        "origin",
        [
            "http://localhost:3000",
            "http://localhost",
            "https://localhost:8080",
            "ftp://localhost:8080",
            "chrome-extension://localhost:8080",
            "http://localhost:99999",
            "http://localhost.evil.example:8080",
            "http://[::1",
        ],
    )
    def test_local_means_this_server_alone(self, origin: str) -> None:
        """E6: a page of another port or scheme of this machine is another program's."""
        with pytest.raises(Forbidden):
            _among("local").check(origin, "127.0.0.1:8080")
        assert _among("local").headers(origin, "127.0.0.1:8080") == {}

    @pytest.mark.parametrize("origin", ["http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"])
    def test_local_names_are_one_server(self, origin: str) -> None:
        """Whichever of them the page was opened by."""
        for host in ("localhost:8080", "127.0.0.1:8080", "[::1]:8080"):
            assert _among("local").headers(origin, host)["access-control-allow-origin"] == origin
        assert _among("local").headers(origin, "danqing.lan:8080") == {}
