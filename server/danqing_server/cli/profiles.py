"""Which servers a person talks to, and with which keys: `danqing/profiles.toml` in the XDG folder of settings.

The file holds keys: nobody else may read it, and one that others can read is refused, as ssh does with its keys.
Source: specifications.freedesktop.org/basedir-spec, read 2026-11-29.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

import attrs

from danqing_server.cli.exits import Ended, Exit

__all__ = ["Profile", "Profiles", "profiles_path", "read_profiles", "write_profiles"]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@attrs.frozen(kw_only=True)
class Profile:
    """A server, and the key it wants; None: it wants none."""

    url: str
    key: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class Profiles:
    """Profiles by name. `default` is the one that counts when none is named; None: there is none."""

    by_name: Mapping[str, Profile] = attrs.field(factory=dict)
    default: str | None = None

    def named(self, name: str) -> Profile:
        """Return the profile *name*. Raises Ended."""
        if name not in self.by_name:
            known = ", ".join(self.by_name) or "none; `danqing login` makes one"
            raise Ended(Exit.REFUSED, f"--profile: there is no profile {name!r}; there are: {known}")
        return self.by_name[name]

    def with_one(self, name: str, profile: Profile, *, default: bool) -> Profiles:
        """Return them with one more, or another in its place. Raises Ended."""
        if not _NAME.fullmatch(name):
            raise Ended(Exit.REFUSED, f"--profile: {name!r} is not allowed; allowed: letters, digits, - and _")
        becomes = default or self.default is None
        return Profiles(by_name={**self.by_name, name: profile}, default=name if becomes else self.default)

    def without(self, name: str) -> Profiles:
        """Return them without one. Raises Ended."""
        self.named(name)
        left = {other: profile for other, profile in self.by_name.items() if other != name}
        return Profiles(by_name=left, default=None if name == self.default else self.default)


def profiles_path() -> Path:
    """Return where they are kept. Raises Ended: this account has no home, as an arbitrary one of a container."""
    told = os.environ.get("XDG_CONFIG_HOME", "")
    try:
        # The specification: a relative path is to be ignored.
        folder = Path(told) if told.startswith("/") else Path.home() / ".config"
    except RuntimeError as error:
        raise Ended(Exit.REFUSED, "this account has no home: set HOME, or XDG_CONFIG_HOME") from error
    return folder / "danqing" / "profiles.toml"


def read_profiles() -> Profiles:
    """Return what is kept; nothing when there is no file, nor a home in which one could be.

    Raises:
        Ended: others can read it, or it does not say what it should.
    """
    try:
        path = profiles_path()
    except Ended:
        return Profiles()
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            text = file.read().decode()
    except FileNotFoundError:
        return Profiles()
    except (OSError, UnicodeDecodeError) as error:
        raise Ended(Exit.REFUSED, f"{path}: cannot be read: {error}") from error
    if mode & 0o077:
        raise Ended(
            Exit.REFUSED, f"{path}: others can read it (mode {mode:04o}), and keys stand in it: chmod 600 it"
        )
    try:
        return _profiles_of(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise Ended(Exit.REFUSED, f"{path}: is not as `danqing login` writes it: {error}") from error


def _profiles_of(told: Mapping[str, object]) -> Profiles:
    tables, default = told.get("profiles", {}), told.get("default")
    if not isinstance(tables, dict) or not isinstance(default, str | None):
        raise TypeError("`profiles` must be tables, and `default` a name")
    return Profiles(by_name={name: _profile_of(name, table) for name, table in tables.items()}, default=default)


def _profile_of(name: str, table: Mapping[str, object]) -> Profile:
    url, key = table["url"], table.get("key")
    if not isinstance(url, str) or not isinstance(key, str | None):
        raise TypeError(f"`url` and `key` of {name!r} must be text")
    return Profile(url=url, key=key)


def write_profiles(profiles: Profiles) -> Path:
    """Write them for this account alone, at once or not at all, and return where. Raises Ended."""
    path = profiles_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, made = tempfile.mkstemp(dir=path.parent, prefix=".profiles-")  # mode 0600
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(_toml(profiles))
            file.flush()
            os.fsync(file.fileno())
        Path(made).replace(path)
    except OSError as error:
        raise Ended(Exit.REFUSED, f"{path}: cannot be written: {error}") from error
    return path


def _toml(profiles: Profiles) -> str:
    lines = [] if profiles.default is None else [f"default = {_text(profiles.default)}"]
    for name, profile in profiles.by_name.items():
        lines += ["", f"[profiles.{name}]", f"url = {_text(profile.url)}"]
        lines += [] if profile.key is None else [f"key = {_text(profile.key)}"]
    return "\n".join(lines).lstrip() + "\n"


def _text(value: str) -> str:
    return json.dumps(value)  # what JSON escapes, a basic string of TOML escapes alike
