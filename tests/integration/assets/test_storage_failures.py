"""Failures of the storage: which pass, and which never will."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
from obstore.exceptions import BaseError

from danqing_plugins import Source
from danqing_server.assets.opening import open_assets
from danqing_server.assets.storage_failures import storage_failures
from danqing_server.errors import StorageUnavailable
from danqing_server.settings.server import Settings
from tests.integration.assets.conftest import Serve, respond
from tests.unit.assets.pictures import picture


def full(folder: Path) -> None:
    with Path("/dev/full").open("wb", buffering=0) as device:
        device.write(b"x")


class TestDisk:
    """Told apart in one table, by what the real system calls say."""

    @pytest.mark.parametrize(
        ("operation", "permanent"),
        [
            (lambda folder: (folder / ("a" * 300)).write_bytes(b""), True),
            (lambda folder: folder.write_bytes(b""), True),
            (lambda folder: (folder / "file" / "a").write_bytes(b""), False),
            (lambda folder: (folder / "none" / "a").write_bytes(b""), False),
            (full, False),
        ],
        ids=["name too long", "is a folder", "is no folder", "not mounted", "full"],
    )
    def test_each_system_call(self, tmp_path: Path, operation: Callable[[Path], object], permanent: bool) -> None:
        """What lies in the operation is permanent, what lies in the disk passes."""
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(StorageUnavailable) as caught, storage_failures("trying"):
            operation(tmp_path)
        assert caught.value.permanent is permanent

    @pytest.mark.parametrize(
        "number", ["ENOSPC", "EDQUOT", "EIO", "EACCES", "EPERM", "EROFS", "ESTALE", "ETIMEDOUT"]
    )
    def test_what_an_operator_can_mend_passes(self, number: str) -> None:
        """A paid picture waits for it."""
        code = getattr(errno, number)
        with pytest.raises(StorageUnavailable, match=os.strerror(code)) as caught, storage_failures("trying"):
            raise OSError(code, "x")
        assert caught.value.permanent is False

    def test_too_little_memory_passes(self) -> None:
        """Others give theirs back."""
        with pytest.raises(StorageUnavailable, match="out of memory") as caught, storage_failures("looking"):
            raise MemoryError
        assert caught.value.permanent is False

    def test_none_of_obstores_is_missing(self) -> None:
        """Each class that obstore knows is translated."""
        for kind in (BaseError, *BaseError.__subclasses__()):
            with pytest.raises(StorageUnavailable, match=kind.__name__), storage_failures("trying"):
                raise kind("x")


class TestBucket:
    """The same of a bucket, by what an S3 server answers."""

    @pytest.mark.parametrize(
        ("status", "code"),
        [
            ("403 Forbidden", "AccessDenied"),
            ("403 Forbidden", "InvalidAccessKeyId"),
            ("403 Forbidden", "RequestTimeTooSkewed"),
            ("401 Unauthorized", "Unauthorized"),
            ("404 Not Found", "NoSuchBucket"),
            ("400 Bad Request", "ExpiredToken"),
        ],
    )
    async def test_rights_and_a_missing_bucket_can_be_mended(
        self, tmp_path: Path, session: aiohttp.ClientSession, serve: Serve, status: str, code: str
    ) -> None:
        """Nothing of the answer, which names keys, is in the message, but for its code."""
        body = f"<Error><Code>{code}</Code><Message>secret/key</Message></Error>".encode()
        upstream = await serve(respond(body, status, "Content-Type: application/xml"))
        environment = {
            "DANQING_DATA_DIR": str(tmp_path),
            "DANQING_ASSETS_URL": "s3://bucket",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{upstream.port}",
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "y",
            "AWS_REGION": "us-east-1",
        }
        async with open_assets(Settings.read(environment), session) as assets:
            with pytest.raises(StorageUnavailable) as caught:
                await assets.keep("t", 0, Source.from_bytes(picture()))
        assert caught.value.permanent is False
        assert "secret" not in str(caught.value)
        assert f"({code})" in str(caught.value)
