"""An S3 of the tests' own: moto's server, on loopback."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped] # it has no annotations

from danqing_server.supervision.embedded.servers import free_port
from danqing_server.supervision.processes import Command
from tests.support.servers import RunningServer, answers_http, running

__all__ = ["BUCKET", "client_of", "credentials", "run_s3"]

BUCKET = "pictures"


def credentials(server: RunningServer) -> Mapping[str, str]:
    """Return the variables by which danqing finds the bucket."""
    return {
        "DANQING_ASSETS_URL": f"s3://{BUCKET}/danqing",
        "AWS_ENDPOINT_URL": server.url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "a-secret-of-somebody",
    }


def client_of(server: RunningServer) -> Any:
    """Return what asks it without danqing."""
    known = credentials(server)
    return boto3.client(
        "s3",
        endpoint_url=server.url,
        region_name=known["AWS_REGION"],
        aws_access_key_id=known["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=known["AWS_SECRET_ACCESS_KEY"],
    )


@contextmanager
def run_s3(folder: Path) -> Iterator[RunningServer]:
    """Run it with one empty bucket while the block lasts."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    argv = (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port))
    server = RunningServer(
        command=Command(name="moto", argv=argv, log_path=folder / "moto.log"),
        answers=lambda: answers_http(f"{url}/moto-api/"),
        url=url,
        data_dir=folder,
    )
    with running(server):
        client_of(server).create_bucket(Bucket=BUCKET)
        yield server
