"""Settings: what is taken, and the one line that refuses the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from danqing_plugins import ConfigurationError, Price, Request
from danqing_providers.volcengine.settings import SETTINGS, Settings, read_settings
from tests.unit.volcengine.builders import LITE, PRO, V30, V40, V45, configured, context

KEY = "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0"


def settings_of(**environment: str) -> Settings:
    """Return the settings read from *environment*."""
    return read_settings(context(environment))


class TestKey:
    """The key, or what stands where it should be."""

    @pytest.mark.parametrize(
        "key",
        [
            "你的API_KEY",
            "your_api_key",
            "your-api-key",
            "YOUR_VOLCENGINE_API_KEY",
            "your key",
            "xxx",
            "XXXX-XXXX",
            "<key>",
            "<your api key>",
            "sk-xxxxxxxx",
            "ark-xxx",
            "***",
            "...",
            "${ARK_API_KEY}",
            "API_KEY",
            "changeme",
            "change-me",
            "placeholder",
            "put_key_here",
            "请填写",
        ],
    )
    def test_placeholder_refuses_the_start(self, key: str) -> None:
        """The line names the variable and both ways out, and not the value."""
        with pytest.raises(ConfigurationError, match="VOLCENGINE_API_KEY") as caught:
            settings_of(VOLCENGINE_API_KEY=key)
        assert "set the real one" in caught.value.message
        assert "sandbox" in caught.value.message
        assert "\n" not in caught.value.message

    @pytest.mark.parametrize("key", ["two words", "line\nbreak", "tab\there"])
    def test_what_cannot_be_a_key_is_refused_unseen(self, key: str) -> None:
        """A broken key might be most of a real one: it is not shown."""
        with pytest.raises(ConfigurationError) as caught:
            settings_of(VOLCENGINE_API_KEY=key)
        assert key not in caught.value.message

    @pytest.mark.parametrize("key", [KEY, f"  {KEY}\n", "ark-1234567890", "k" * 20])
    def test_real_keys_pass(self, key: str) -> None:
        """Spaces around a key are cut off, and the key shows nowhere."""
        endpoint = settings_of(VOLCENGINE_API_KEY=key).endpoint
        assert endpoint is not None
        assert endpoint.key == key.strip()
        assert key.strip() not in repr(endpoint)

    @pytest.mark.parametrize("key", ["", "   "])
    def test_no_key_means_the_sandbox(self, key: str) -> None:
        """Without a key, calls go to the simulator, with a bearer that is no secret."""
        settings = read_settings(context({"VOLCENGINE_API_KEY": key}, sandbox_url="http://127.0.0.1:9000/"))
        assert settings.endpoint is not None
        assert settings.endpoint.base_url == "http://127.0.0.1:9000/api/v3"
        assert settings.endpoint.key == "sandbox"
        assert settings.endpoint.sandbox
        assert settings.images_per_minute is None

    def test_key_beats_a_running_sandbox(self) -> None:
        """With a key, nothing goes to the simulator."""
        settings = read_settings(context({"VOLCENGINE_API_KEY": KEY}, sandbox_url="http://127.0.0.1:9000"))
        assert settings.endpoint is not None
        assert settings.endpoint.base_url == "https://ark.cn-beijing.volces.com/api/v3"
        assert settings.images_per_minute == 500


class TestEndpoint:
    """The address, in every form an old .env may hold."""

    @pytest.mark.parametrize(
        ("raw", "base_url"),
        [
            ("", "https://ark.cn-beijing.volces.com/api/v3"),
            ("https://ark.cn-beijing.volces.com", "https://ark.cn-beijing.volces.com/api/v3"),
            ("https://ark.cn-beijing.volces.com/", "https://ark.cn-beijing.volces.com/api/v3"),
            ("https://ark.cn-beijing.volces.com/api/v3/", "https://ark.cn-beijing.volces.com/api/v3"),
            ("https://ark.cn-beijing.volces.com/api/plan/v3", "https://ark.cn-beijing.volces.com/api/plan/v3"),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000/api/v3"),
            ("https://gateway.example/ark/api/v3", "https://gateway.example/ark/api/v3"),
        ],
    )
    def test_version_is_optional(self, raw: str, base_url: str) -> None:
        """With or without a version, the same address is called."""
        endpoint = settings_of(VOLCENGINE_API_KEY=KEY, VOLCENGINE_ENDPOINT=raw).endpoint
        assert endpoint is not None
        assert endpoint.base_url == base_url

    @pytest.mark.parametrize(
        "raw",
        [
            "https://visual.volcengineapi.com",
            "visual.volcengineapi.com",
            "ark.cn-beijing.volces.com",
            "ftp://ark.cn-beijing.volces.com",
            "https://",
            "https://host:port",
            "https://ark.cn-beijing.volces.com/api/v3/images/generations",
            "https://ark.cn-beijing.volces.com?token=secret",
            "https://[::1",
        ],
    )
    def test_wrong_addresses_are_refused_with_the_right_one(self, raw: str) -> None:
        """The line names the variable, the value without its query, and the right value."""
        with pytest.raises(ConfigurationError, match="VOLCENGINE_ENDPOINT") as caught:
            settings_of(VOLCENGINE_ENDPOINT=raw)
        assert "https://ark.cn-beijing.volces.com" in caught.value.message
        assert "secret" not in caught.value.message

    def test_password_is_refused_unseen(self) -> None:
        """A URL with credentials is not repeated."""
        with pytest.raises(ConfigurationError) as caught:
            settings_of(VOLCENGINE_ENDPOINT="https://me:secret@ark.example")
        assert "secret" not in caught.value.message

    def test_region_is_accepted_and_checked(self) -> None:
        """The old variable has no effect, and a slip in it is still told."""
        assert settings_of(VOLCENGINE_REGION="ap-southeast-1").default_model == V40
        with pytest.raises(ConfigurationError, match="VOLCENGINE_REGION"):
            settings_of(VOLCENGINE_REGION="cn beijing")


class TestOverseas:
    """BytePlus: other ids, other money."""

    def test_prices_are_in_dollars(self) -> None:
        """The large sizes of 5.0 pro cost twice the small ones."""
        provider = configured({"VOLCENGINE_ENDPOINT": "https://ark.ap-southeast.bytepluses.com"})

        def price(size: str) -> Price | None:
            input_ = {"prompt": "p", "size": size}
            return provider.prepare(Request(provider="volcengine", type="image", model=PRO, input=input_)).price

        assert price("1K") == Price(amount_micro=45_000, currency="USD")
        assert price("2K") == Price(amount_micro=90_000, currency="USD")
        assert price("1024x1024") == Price(amount_micro=45_000, currency="USD")


class TestModels:
    """The operator's own models, aliases and prices."""

    def test_endpoint_id_has_the_limits_of_its_model(self) -> None:
        """`ep-…` ids are models like any other once listed."""
        catalogue = settings_of(DANQING_VOLCENGINE_MODELS=f'{{"ep-1": "{V45}"}}').catalogue
        model = catalogue.find("ep-1")
        assert model is not None
        assert (model.id, model.overseas_id, model.pixels) == ("ep-1", None, (3_686_400, 16_777_216))

    def test_limits_can_be_altered_and_models_taken_away(self) -> None:
        """What Ark changes, the operator can follow without a release."""
        text = f'{{"{PRO}": {{"tiers": ["1K", "1.5K", "2K"], "most_references": 12}}, "{LITE}": null}}'
        catalogue = settings_of(DANQING_VOLCENGINE_MODELS=text).catalogue
        assert catalogue.models[PRO].tiers == ("1K", "1.5K", "2K")
        assert catalogue.models[PRO].most_references == 12
        assert catalogue.find(LITE) is None
        assert catalogue.find("seedream-5-0-260128") is None

    def test_shut_down_model_can_be_listed_again(self) -> None:
        """A simulator may keep 3.0 alive."""
        catalogue = settings_of(DANQING_VOLCENGINE_MODELS=f'{{"{V30}": {{}}}}').catalogue
        assert catalogue.find(V30) is not None

    def test_objects_may_stand_in_files(self, tmp_path: Path) -> None:
        """A path is read, and a missing file is one line."""
        file = tmp_path / "aliases.json"
        file.write_text(f'{{"fast": "{V40}", "seedream-4-5-251128": null}}')
        catalogue = settings_of(DANQING_VOLCENGINE_ALIASES=str(file)).catalogue
        assert catalogue.find("fast") is catalogue.models[V40]
        assert catalogue.find("seedream-4-5-251128") is None
        with pytest.raises(ConfigurationError, match="DANQING_VOLCENGINE_ALIASES"):
            settings_of(DANQING_VOLCENGINE_ALIASES=str(tmp_path / "none.json"))

    def test_prices_are_over_the_built_in_ones(self) -> None:
        """A number, a pair for small and large, and null for unknown."""
        text = f'{{"{V40}": 0.18, "{PRO}": [0.3, 0.6], "{LITE}": null}}'
        models = settings_of(DANQING_VOLCENGINE_PRICES=text).catalogue.models
        assert models[V40].price("CNY", None) == Price(amount_micro=180_000, currency="CNY")
        assert models[PRO].price("CNY", "1K") == Price(amount_micro=300_000, currency="CNY")
        assert models[PRO].price("CNY", None) == Price(amount_micro=600_000, currency="CNY")
        assert models[LITE].price("CNY", None) is None

    def test_default_model_can_be_chosen(self) -> None:
        """An account without 4.0 names another, by id or alias."""
        assert settings_of(DANQING_VOLCENGINE_DEFAULT_MODEL="seedream-4-5-251128").default_model == V45

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("DANQING_VOLCENGINE_MODELS", "[]"),
            ("DANQING_VOLCENGINE_MODELS", "{not json"),
            ("DANQING_VOLCENGINE_MODELS", '{"ep-1": "nobody"}'),
            ("DANQING_VOLCENGINE_MODELS", '{"ep-1": 5}'),
            ("DANQING_VOLCENGINE_MODELS", '{"ep-1": {"title": "x"}}'),
            ("DANQING_VOLCENGINE_MODELS", f'{{"ep-1": {{"like": "{V40}", "colour": 1}}}}'),
            ("DANQING_VOLCENGINE_MODELS", f'{{"ep-1": {{"like": "{V40}", "tiers": ["8K"]}}}}'),
            ("DANQING_VOLCENGINE_MODELS", f'{{"ep-1": {{"like": "{V40}", "pixels": [2, 1]}}}}'),
            ("DANQING_VOLCENGINE_MODELS", f'{{"ep-1": {{"like": "{V40}", "most_references": true}}}}'),
            ("DANQING_VOLCENGINE_MODELS", f'{{"ep-1": {{"like": "{V40}", "default_size": "big"}}}}'),
            ("DANQING_VOLCENGINE_ALIASES", '{"fast": "nobody"}'),
            ("DANQING_VOLCENGINE_ALIASES", '{"fast": 5}'),
            ("DANQING_VOLCENGINE_PRICES", '{"nobody": 1}'),
            ("DANQING_VOLCENGINE_PRICES", f'{{"{V40}": "0.2"}}'),
            ("DANQING_VOLCENGINE_PRICES", f'{{"{V40}": -1}}'),
            ("DANQING_VOLCENGINE_PRICES", f'{{"{V40}": true}}'),
            ("DANQING_VOLCENGINE_DEFAULT_MODEL", "nobody"),
            ("DANQING_VOLCENGINE_CONCURRENCY", "0"),
            ("DANQING_VOLCENGINE_CONCURRENCY", "many"),
            ("DANQING_VOLCENGINE_IPM", "-1"),
        ],
    )
    def test_wrong_values_are_one_line_that_names_the_variable(self, name: str, value: str) -> None:
        """The start is refused with the variable and what is allowed."""
        with pytest.raises(ConfigurationError, match=name) as caught:
            settings_of(**{name: value})
        assert "\n" not in caught.value.message

    def test_limits_of_the_lane(self) -> None:
        """Zero pictures per minute is no limit."""
        info = configured({"DANQING_VOLCENGINE_CONCURRENCY": "7", "DANQING_VOLCENGINE_IPM": "90"}).info
        assert (info.concurrency, info.images_per_minute) == (7, 90)
        assert settings_of(VOLCENGINE_API_KEY=KEY, DANQING_VOLCENGINE_IPM="0").images_per_minute is None


class TestVariables:
    """The list that the documentation shows."""

    def test_names_and_defaults_are_real(self) -> None:
        """Every default, set explicitly, is accepted and changes nothing."""
        explicit = {
            setting.variable: str(setting.default or "")
            for setting in SETTINGS
            if setting.variable is not None and setting.default != {}
        }
        assert read_settings(context({**explicit, "VOLCENGINE_API_KEY": KEY})) == settings_of(
            VOLCENGINE_API_KEY=KEY
        )
