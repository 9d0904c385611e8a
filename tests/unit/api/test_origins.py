from __future__ import annotations

import pytest

from danqing_server.api.origins import Origins
from danqing_server.errors import Forbidden


class TestOrigins:
    def test_star_lets_every_page_call(self) -> None:
        """The default."""
        assert Origins.among(["*"]).headers("https://a.example")["access-control-allow-origin"] == "*"

    def test_only_named_pages_may_call(self) -> None:
        """A stranger's page gets no header and makes no task."""
        origins = Origins.among(["https://a.example"])
        assert origins.headers("https://a.example")["access-control-allow-origin"] == "https://a.example"
        assert origins.headers("https://b.example") == {}
        with pytest.raises(Forbidden):
            origins.check("https://b.example", "localhost:8080")

    @pytest.mark.parametrize("origin", ["https://a.example", "null", "http://localhost:9999", "nonsense"])
    def test_none_refuses_every_other_page(self, origin: str) -> None:
        """A plain-text POST needs no preflight, so the headers alone protect nobody."""
        with pytest.raises(Forbidden):
            Origins.among(["none"]).check(origin, "localhost:8080")

    def test_own_pages_and_programs_are_never_refused(self) -> None:
        """The documentation page may try things out, and curl sends no origin."""
        origins = Origins.among(["none"])
        origins.check("http://localhost:8080", "localhost:8080")
        origins.check(None, "localhost:8080")
