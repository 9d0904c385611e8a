"""What `danqing serve` prints when it serves."""

from __future__ import annotations

from pathlib import Path

import attrs

from danqing_server.settings.server import Settings
from danqing_server.supervision.banner import Running, banner

RUNNING = Running(
    base_url="http://127.0.0.1:8080",
    settings=Settings.read({"DANQING_DATA_DIR": "/data"}),
    embedded_mongodb=True,
    embedded_redis=True,
)


class TestBanner:
    def test_embedded_servers_name_their_folders(self) -> None:
        """Where the data lies is what an operator asks first."""
        text = banner(RUNNING)
        assert f"MongoDB   embedded, kept in {Path('/data/mongodb')}" in text
        assert f"Redis     embedded, kept in {Path('/data/redis')}" in text

    def test_credentials_of_external_servers_do_not_show(self) -> None:
        """Neither password nor user is printed."""
        environment = {
            "MONGO_URL": "mongodb://someone:secret1@db.example/x",
            "REDIS_URL": "redis://:secret2@db.example/0",
            "DANQING_API_KEYS": "client:secret3-secret3-secret3",
        }
        settings = Settings.read(environment)
        text = banner(attrs.evolve(RUNNING, settings=settings, embedded_mongodb=False, embedded_redis=False))
        assert "external (MONGO_URL)" in text
        assert "external (REDIS_URL)" in text
        assert "secret" not in text
        assert "someone" not in text
        assert "Authorization: Bearer YOUR_KEY" in text

    def test_simulation_is_said_in_clear_words(self) -> None:
        """Nobody takes a simulated picture for a real one, or fears for the bill."""
        text = banner(attrs.evolve(RUNNING, simulated=("volcengine",), sandbox_urls=("http://127.0.0.1:9000",)))
        assert "results of volcengine are SIMULATED and cost nothing" in text

    def test_real_service_is_not_called_a_sandbox(self) -> None:
        """With a key the word does not appear."""
        assert "sandbox" not in banner(RUNNING)

    def test_worker_offers_no_api_to_try(self) -> None:
        """A worker answers `/health` alone."""
        text = banner(attrs.evolve(RUNNING, settings=Settings.read({"DANQING_ROLE": "worker"})))
        assert "curl" not in text
        assert "/docs" not in text
