"""Providers that `danqing.toml` names, through the whole server."""

from __future__ import annotations

from pathlib import Path

import pytest

from danqing_server.errors import SettingsError
from danqing_server.plugins.registry import load_registry
from danqing_server.records.tasks import Status
from danqing_server.settings.reading import read_settings
from danqing_server.settings.server import Settings
from tests.integration.sandbox.serving import Served
from tests.support.installed import all_but
from tests.support.system import MakeSettings, running_system

OWN = """
[[providers]]
name = "pixelwerk"
plugin = "openai_images"
preset = "custom"
api_key = "$PIXELWERK_API_KEY"
base_url = "{url}/openai/together/v1"
currency = "EUR"
knobs = {{ size_form = "width_height", most_per_call = 4, constants = {{ response_format = "base64" }} }}
takes = {{ seed = {{}}, steps = {{ most = 50 }} }}

[[providers.models]]
id = "black-forest-labs/FLUX.1-schnell"
sizes = ["256x192"]
default_size = "256x192"
price = 0.02
"""
PRESETS = """
[[providers]]
name = "silicon"
plugin = "openai_images"
preset = "siliconflow"
api_key = "$SILICONFLOW_API_KEY"
sandbox = true

[[providers]]
name = "grok"
plugin = "openai_images"
preset = "xai"
sandbox = true
"""


@pytest.fixture
def written(make_settings: MakeSettings, sandbox: Served, tmp_path: Path) -> MakeSettings:
    """Return a function that makes settings of a file's text."""

    def make(text: str, default: str, **variables: str) -> Settings:
        path = tmp_path / "danqing.toml"
        path.write_text(text.format(url=sandbox.url))
        settings = make_settings(
            DANQING_CONFIG=str(path),
            DANQING_DISABLED_PLUGINS=all_but("openai_images"),
            DANQING_DEFAULT_PROVIDER=default,
            DANQING_SANDBOX_URL=sandbox.url,
            **variables,
        )
        return read_settings(settings.environment)

    return make


class TestFile:
    async def test_service_that_nobody_knows_makes_pictures_after_ten_lines(
        self, written: MakeSettings, sandbox: Served
    ) -> None:
        """The whole path: three pictures of one call, priced in its own currency."""
        settings = written(OWN, "pixelwerk", PIXELWERK_API_KEY="pw-0123456789abcdef")
        async with running_system(settings, []) as system:
            task = await system.finished((await system.submit(n=3, seed=7)).id)
        assert (task.status, len(task.kept)) == (Status.COMPLETED, 3)
        assert task.price is not None
        assert (task.price.amount_micro, task.price.currency) == (20_000, "EUR")
        assert [entry["size"] for entry in await sandbox.ledger()] == ["256x192"] * 3

    @pytest.mark.parametrize("name", ["silicon", "grok"])
    async def test_several_services_of_one_plugin(self, written: MakeSettings, sandbox: Served, name: str) -> None:
        """Each under its name; their pictures are fetched by link."""
        settings = written(PRESETS, name)
        async with running_system(settings, []) as system:
            task = await system.finished((await system.submit()).id)
        assert (task.status, task.provider, len(task.kept)) == (Status.COMPLETED, name, 1)
        assert len(await sandbox.ledger()) == 1

    async def test_preset_without_its_key_says_which_variable(self, written: MakeSettings) -> None:
        """Where another provider has its key: nothing is simulated behind anybody's back."""
        text = PRESETS.replace("sandbox = true", "").replace('api_key = "$SILICONFLOW_API_KEY"', "")
        with pytest.raises(SettingsError) as refused:
            load_registry(written(text, "grok", XAI_API_KEY="xai-0123456789abcdef"))
        assert [line for line in refused.value.lines if "SILICONFLOW_API_KEY" in line]
