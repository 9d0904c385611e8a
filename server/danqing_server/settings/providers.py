"""The providers that `danqing.toml` names, before their plugins have looked at what is written of them."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from danqing_plugins.options import Written

__all__ = ["ConfiguredProvider"]


@attrs.frozen(kw_only=True)
class ConfiguredProvider:
    """One `[[providers]]` of the file: the plugin *plugin* under the name *name*.

    `options` is what else is written of it, for the plugin to judge. `where` names file and line of its name. One
    that is not `enabled` is not made, nor is the one that its plugin would bring without being mentioned.
    """

    name: str
    plugin: str
    where: str
    options: Mapping[str, Written] = attrs.field(factory=dict, repr=False)
    sandbox: bool = False
    enabled: bool = True
