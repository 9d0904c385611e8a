"""The command line, and that the documentation names all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from danqing_providers.sandbox.cli import parse_arguments
from danqing_providers.sandbox.config import SandboxConfig
from danqing_providers.sandbox.faults import FaultKind
from danqing_providers.sandbox.magic import MAGIC_WORDS

DOCS = Path(__file__).parents[3] / "docs" / "sandbox.md"


class TestArguments:
    """From words to a configuration."""

    def test_none_is_the_default_configuration(self) -> None:
        """No arguments, no surprises."""
        assert parse_arguments([]) == SandboxConfig()

    def test_all(self) -> None:
        """Every option reaches its field."""
        words = "--port 0 --host ::1 --data-dir d --api-key a --api-key b --bad-key c --no-control --enable-3-0"
        words += " --endpoint ep-1=m --url-ttl-s 5 --latency-s 0 --jitter-s 0.1"
        words += " --queued-s 1 --running-s 3 --ipm 7 --vary"
        words += " --no-stream-done --no-stream-completed"
        assert parse_arguments(words.split()) == SandboxConfig(
            port=0,
            host="::1",
            data_dir=Path("d"),
            api_keys=frozenset({"a", "b"}),
            bad_keys=frozenset({"c"}),
            control=False,
            enable_3_0=True,
            endpoints={"ep-1": "m"},
            url_ttl_s=5,
            latency_s=0,
            jitter_s=0.1,
            queued_s=1,
            running_s=3,
            images_per_minute=7,
            vary=True,
            stream_done=False,
            stream_completed=False,
        )

    @pytest.mark.parametrize(
        "words", ["--port 70000", "--endpoint m", "--endpoint ep-1", "--ipm 0", "--latency-s -1", "--latency-s nan"]
    )
    def test_mistakes(self, words: str, capsys: pytest.CaptureFixture[str]) -> None:
        """A mistake ends with status 2 and a line that names the option."""
        with pytest.raises(SystemExit) as caught:
            parse_arguments(words.split())
        assert caught.value.code == 2
        assert words.split()[0] in capsys.readouterr().err


class TestDocumentation:
    """`docs/sandbox.md` is complete."""

    @pytest.mark.parametrize("word", MAGIC_WORDS)
    def test_magic_words(self, word: str) -> None:
        """Every word is listed with the meaning that the sandbox itself tells."""
        assert f"| `[sandbox:{word}]` | {MAGIC_WORDS[word].meaning} |" in DOCS.read_text()

    @pytest.mark.parametrize("kind", FaultKind)
    def test_fault_kinds(self, kind: FaultKind) -> None:
        """Every kind is listed."""
        assert f"| `{kind}` |" in DOCS.read_text()

    def test_options(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Every option that --help lists is in the table."""
        with pytest.raises(SystemExit):
            parse_arguments(["--help"])
        options = {word.strip("[],") for word in capsys.readouterr().out.split() if word.startswith(("--", "[--"))}
        text = DOCS.read_text()
        assert [option for option in sorted(options - {"--help"}) if f"| `{option}" not in text] == []
