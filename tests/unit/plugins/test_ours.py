"""Every provider that ships with us describes every model for a form, and takes what its own schema allows."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from danqing_plugins import ModelInfo, PluginContext, Provider
from danqing_plugins.options import read_options
from danqing_plugins.sampling import sample_request
from danqing_plugins.testing import check_info, check_prepare
from danqing_server.plugins.loading import find_installed


def ours() -> list[Provider]:
    """Return the installed providers, configured without any key."""
    made = []
    for plugin, load in find_installed(()):
        thing = load()
        if plugin.distribution == "danqing" and isinstance(thing, type) and issubclass(thing, Provider):
            provider = thing()
            options = read_options(thing.settings_for({}), {}).options
            provider.configure(
                PluginContext(
                    name=thing.name,
                    options=options,
                    data_dir=Path("data"),
                    call_timeout_s=5.0,
                    sandbox=True,
                    sandbox_url="http://127.0.0.1:1",
                )
            )
            made.append(provider)
    return made


PROVIDERS = ours()
MODELS = [
    pytest.param(provider, model, id=f"{provider.info.name}/{model.id}")
    for provider in PROVIDERS
    for model in provider.info.models
]


class TestOurs:
    """The dialect is complete in all of them."""

    @pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.info.name)
    def test_says_what_it_should(self, provider: Provider) -> None:
        """Names, models, and schemas of which a form can be made."""
        check_info(provider)

    @pytest.mark.parametrize(("provider", "model"), MODELS)
    def test_takes_what_its_schema_asks_for(self, provider: Provider, model: ModelInfo) -> None:
        """A form that is filled in with what is required is accepted."""
        jsonschema.Draft202012Validator.check_schema(dict(model.parameters))
        request, _ = sample_request(provider.info.name, model)
        jsonschema.validate(dict(request.input), dict(model.parameters) | {"required": []})
        check_prepare(provider, request)
