"""docs/webhooks.md: each of its four ways to check a signature takes what is good and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from danqing_server.delivery.webhooks.events import EVENT_TYPES
from danqing_server.delivery.webhooks.signing import new_secret, signature_of

PAGE = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text()
SECRET = new_secret()
BODY = '{"type":"task.completed","data":{"user_id":"张三"}}'.encode()

PYTHON_MAIN = """
import os, sys
verify(os.environ["secret"], {f"webhook-{name}": os.environ[name] for name in ("id", "timestamp", "signature")},
       sys.stdin.buffer.read())
"""
JAVASCRIPT_MAIN = """
const names = ["id", "timestamp", "signature"];
const given = Object.fromEntries(names.map((each) => ["webhook-" + each, process.env[each]]));
verify(process.env.secret, given, require("node:fs").readFileSync(0));
"""
GO_MAIN = """package main

import (
	"io"
	"net/http"
	"os"
)

func main() {
	header := http.Header{}
	for _, each := range []string{"id", "timestamp", "signature"} {
		header.Set("webhook-"+each, os.Getenv(each))
	}
	body, _ := io.ReadAll(os.Stdin)
	if Verify(os.Getenv("secret"), header, body) != nil {
		os.Exit(1)
	}
}
"""
TOOLS = {"python": sys.executable, "javascript": "node", "go": "go", "sh": "openssl"}


def snippet(language: str) -> str:
    """Return the page's code in a language that checks a signature."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    [found] = [block for block in blocks if "signature" in block]
    return str(found)


@pytest.fixture(scope="module", params=sorted(TOOLS))
def command(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What runs the snippet of a language: it reads the headers from variables, the body from standard input."""
    language = request.param
    if shutil.which(TOOLS[language]) is None:
        pytest.skip(f"{TOOLS[language]} is not there")
    folder = tmp_path_factory.mktemp(language)
    code = snippet(language)
    match language:
        case "python":
            (folder / "main.py").write_text(code + PYTHON_MAIN)
            return [sys.executable, str(folder / "main.py")]
        case "javascript":
            (folder / "main.cjs").write_text(code + JAVASCRIPT_MAIN)
            return ["node", str(folder / "main.cjs")]
        case "go":
            (folder / "verify.go").write_text(code)
            (folder / "main.go").write_text(GO_MAIN)
            program = folder / "verify"
            environment = {**os.environ, "GOCACHE": str(folder / "cache"), "GO111MODULE": "off"}
            subprocess.run(["go", "build", "-o", str(program), "."], cwd=folder, env=environment, check=True)
            return [str(program)]
        case _:
            (folder / "main.sh").write_text("cat > body.json\n" + code)
            return ["sh", str(folder / "main.sh")]


def headers(secret: str = SECRET, age_s: int = 0, also: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the headers of a message of that age, signed with *secret*, and with others before it."""
    timestamp_s = int(time.time()) - age_s
    signature = signature_of((*also, secret), "msg_1", timestamp_s, BODY)
    return {"id": "msg_1", "timestamp": str(timestamp_s), "signature": signature}


def accepts(command: list[str], folder: Path, given: Mapping[str, str], body: bytes = BODY) -> bool:
    """Tell whether the snippet takes a message."""
    environment = {"PATH": os.environ["PATH"], "secret": SECRET, **given}
    ran = subprocess.run(command, cwd=folder, env=environment, input=body, capture_output=True, check=False)
    return ran.returncode == 0


class TestSnippets:
    def test_it_takes_what_is_good(self, command: list[str], tmp_path: Path) -> None:
        """Also while the secret is being replaced, whichever of the two signatures is its own."""
        assert accepts(command, tmp_path, headers())
        assert accepts(command, tmp_path, headers(also=(new_secret(),)))

    def test_it_refuses_what_is_not(self, command: list[str], tmp_path: Path) -> None:
        """Another secret, another body, another id, a signature of another kind, what is old or of the future."""
        good = headers()
        assert not accepts(command, tmp_path, headers(new_secret()))
        assert not accepts(command, tmp_path, good, BODY + b" ")
        assert not accepts(command, tmp_path, {**good, "id": "msg_2"})
        assert not accepts(command, tmp_path, {**good, "signature": good["signature"].replace("v1,", "v2,")})
        assert not accepts(command, tmp_path, {**good, "signature": ""})
        assert not accepts(command, tmp_path, headers(age_s=400))
        assert not accepts(command, tmp_path, headers(age_s=-400))


class TestPage:
    def test_every_event_is_told(self) -> None:
        """By its name, as code."""
        assert [type_ for type_ in EVENT_TYPES if f"`{type_}`" not in PAGE] == []
