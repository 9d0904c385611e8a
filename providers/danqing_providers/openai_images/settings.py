"""What can be set of a provider: a preset, its key and address, and what differs from the preset."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from danqing_plugins import Setting, Text
from danqing_plugins.settings import choice, table, tables, text, texts, url, whole
from danqing_providers.openai_images.presets import PRESETS, raw_preset

__all__ = ["DEFAULT_PRESET", "SETTINGS", "settings_of"]

DEFAULT_PRESET: Final = "openai"
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def settings_of(preset: str) -> tuple[Setting, ...]:
    """Return the settings of a provider of *preset*: it names the variables of key and address."""
    raw = raw_preset(preset if preset in PRESETS else DEFAULT_PRESET)
    own = preset == DEFAULT_PRESET
    return (
        Setting(
            name="preset",
            kind=choice(*PRESETS),
            default=DEFAULT_PRESET,
            help=Text("Which service it is.", "所用的服务。"),
        ),
        Setting(
            name="api_key",
            variable=raw.get("key_variable"),
            kind=text("an API key of the service"),
            secret=True,
            required=raw.get("needs_key", True),
            help=Text("The service's key.", "服务的 API Key。"),
        ),
        Setting(
            name="base_url",
            variable=raw.get("url_variable"),
            kind=url(),
            default=raw.get("base_url"),
            required="base_url" not in raw,
            help=Text("Where the service is.", "服务的地址。"),
        ),
        Setting(
            name="default_model",
            variable="DANQING_OPENAI_DEFAULT_MODEL" if own else None,
            kind=text("the id of a model"),
            help=Text("The model of a task that names none.", "未指定模型的任务所用的模型。"),
        ),
        Setting(
            name="concurrency",
            variable="DANQING_OPENAI_CONCURRENCY" if own else None,
            kind=whole(1, 1000),
            unit="tasks",
            help=Text("How many tasks one process runs at once.", "单个进程同时执行的任务数。"),
        ),
        Setting(
            name="images_per_minute",
            variable="DANQING_OPENAI_IPM" if own else None,
            kind=whole(0, 1_000_000),
            unit="pictures per minute",
            help=Text(
                "The service's limit over all processes; 0 is none. The sandbox has none unless this is set.",
                "服务在所有进程合计的限额；0 表示不限。除非设置，沙箱不限。",
            ),
        ),
        Setting(
            name="currency",
            kind=text("a currency of ISO 4217, such as USD"),
            help=Text("The currency of the prices.", "价格的币种。"),
        ),
        Setting(
            name="knobs",
            kind=table("a table of knobs"),
            default=_NOTHING,
            help=Text("How the service differs from the preset.", "服务与预设的差异。"),
        ),
        Setting(
            name="takes",
            kind=table("a table of parameters"),
            default=_NOTHING,
            help=Text("Parameters that its models take.", "模型接受的参数。"),
        ),
        Setting(
            name="models",
            kind=tables("a list of tables, one for each model"),
            default=(),
            help=Text("Models to add, or to alter by their id.", "新增的模型，或按 ID 修改的模型。"),
        ),
        Setting(
            name="without",
            kind=texts(),
            default=(),
            help=Text("Ids of the preset's models that are not offered.", "不提供的预设模型的 ID。"),
        ),
    )


SETTINGS: Final = settings_of(DEFAULT_PRESET)
