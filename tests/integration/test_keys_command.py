"""`danqing projects`, `danqing keys`, `danqing audit`, beside MongoDB as the operator has it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import pymongo
import pytest

from danqing_server.access.key_format import is_whole
from danqing_server.cli.access_acts import limits_said
from danqing_server.cli.commands import main
from danqing_server.cli.exits import Exit
from danqing_server.errors import InvalidSubmission, SettingsError
from danqing_server.records.tenancy import NO_LIMITS, Limits
from danqing_server.store.client import OPERATORS_TIMEOUT_MS, TIMEOUT_MS
from tests.support.servers import RunningServer

Run = Callable[..., Any]


@pytest.fixture
def run(mongo_url: str, database_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Run:
    """Run one command; return its exit code with `fails=True`, else what `--json` printed."""
    for name, value in {"MONGO_URL": mongo_url, "DANQING_DATABASE": database_name}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def run_(*words: str, fails: bool = False) -> Any:
        code = main([*words, *([] if fails else ["--json"])])
        if fails:
            return code, capsys.readouterr().err
        assert code == 0
        return json.loads(capsys.readouterr().out)

    return run_


class TestCommands:
    def test_life_of_a_key(self, run: Run) -> None:
        """Made, listed, changed, rotated, revoked; everything stands in the audit log."""
        project = run("projects", "create", "shop", "--limit", "spend_per_day=CNY:100.00,USD:5")
        assert project["limits"]["spend_per_day"] == {"CNY": "100.00", "USD": "5.00"}
        made = run("keys", "create", "--project", "shop", "--name", "till", "--scope", "read", "--scope", "usage")
        key = made["key"]["id"]
        assert is_whole(made["secret"])
        assert made["key"]["scopes"] == ["read", "usage"]
        assert [each["id"] for each in run("keys", "list", "--project", "shop")] == [key]
        changed = run("keys", "update", key, "--limit", "waiting_tasks=3", "--limit", "models=a-*,b")
        assert (changed["limits"]["waiting_tasks"], changed["limits"]["models"]) == (3, ["a-*", "b"])
        assert run("keys", "update", key, "--no-limit", "models")["limits"]["models"] is None
        assert run("keys", "show", key)["limits"]["waiting_tasks"] == 3
        rotated = run("keys", "rotate", key, "--grace", "1h")
        assert rotated["secret"] != made["secret"]
        assert len(rotated["key"]["secrets"]) == 2
        assert run("keys", "revoke", key)["state"] == "revoked"
        assert run("projects", "archive", "shop")["archived_at"]
        assert run("projects", "archive", "shop", "--undo")["archived_at"] is None
        assert run("projects", "update", "shop", "--name", "shop 2")["name"] == "shop 2"
        assert [each["name"] for each in run("projects", "list")] == ["shop 2"]
        actions = [each["action"] for each in run("audit")]
        assert actions[-2:] == ["key.created", "project.created"]
        assert len(actions) == 9
        assert all(each["actor"].startswith("cli") for each in run("audit"))

    def test_administrators_key_needs_no_project(self, run: Run) -> None:
        """The first one is made so."""
        made = run("keys", "create", "--admin", "--name", "ops")
        assert made["secret"].startswith("dq_admin_")
        assert made["key"]["scopes"] == ["admin", "read", "usage"]

    def test_people_read_lines(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        """The secret on a line of its own; that it is not shown again stands on standard error."""
        run("projects", "create", "shop")
        assert main(["keys", "create", "--project", "shop", "--name", "till"]) == 0
        told = capsys.readouterr()
        (secret,) = (line.split("\t")[1] for line in told.out.splitlines() if line.startswith("secret\t"))
        assert is_whole(secret)
        assert "not shown again" in told.err
        for words in (["keys", "list"], ["projects", "list"], ["projects", "show", "shop"], ["audit"]):
            assert main(words) == 0
        shown = capsys.readouterr().out
        assert secret not in shown
        assert "till" in shown

    def test_programs_read_cells_with_tabs_between(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        """As of every other command where no terminal is: no head, `-` for nothing."""
        project = run("projects", "create", "shop")
        key = run("keys", "create", "--project", "shop", "--name", "till", "--scope", "read")["key"]
        rows = {}
        for words in (["projects", "list"], ["keys", "list"], ["audit"]):
            assert main(words) == 0
            rows[words[0]] = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
        assert [row[:3] for row in rows["projects"]] == [[project["id"], "shop", "active"]]
        assert [row[:5] for row in rows["keys"]] == [[key["id"], project["id"], "till", "active", "read"]]
        assert rows["keys"][0][-1] == "-"
        assert [row[2:] for row in rows["audit"]] == [
            ["key.created", key["id"]],
            ["project.created", project["id"]],
        ]

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (["keys", "rotate", "none", "--grace", "31d"], "--grace"),
            (
                ["projects", "create", "x", "--limit", "spend_per_day=5"],
                "'5' is not allowed; allowed: CURRENCY:AMOUNT",
            ),
            (
                ["projects", "create", "x", "--limit", "spend_per_day="],
                "'' is not allowed; allowed: CURRENCY:AMOUNT",
            ),
            (
                ["projects", "create", "x", "--limit", "spend_per_day=CNY:1,CNY:9"],
                "CNY is said twice, as 1 and as 9",
            ),
            (
                ["projects", "create", "x", "--limit", "waiting_tasks=1", "--limit", "waiting_tasks=9"],
                "is said twice, as 1 and as 9",
            ),
            (["projects", "create", "x", "--limit", "rpm"], "NAME=VALUE"),
            (["projects", "create", "x", "--id", "a b"], "id: "),
            (["keys", "create", "--admin", "--name", "k", "--scope", "admin", "--scope", "generate"], "two keys"),
        ],
    )
    def test_mistake_is_told_in_a_line(self, run: Run, words: list[str], told: str) -> None:
        """In English, with its name; nothing is made."""
        code, said = run(*words, fails=True)
        assert code == 2
        assert told in said
        assert "Traceback" not in said

    def test_what_is_not_there_or_there_already(self, run: Run) -> None:
        """Each has its exit code, as it has where a server is asked."""
        run("projects", "create", "shop")
        assert run("keys", "show", "none", fails=True) == (Exit.NOT_FOUND, "danqing: no key 'none'\n")
        code, said = run("keys", "create", "--project", "none", "--name", "k", fails=True)
        assert (code, said) == (Exit.NOT_FOUND, "danqing: no project 'none'\n")
        code, said = run("projects", "create", "shop", fails=True)
        assert (code, "called shop already" in said) == (Exit.CONFLICT, True)

    def test_server_that_does_not_run_is_told(
        self, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where it was looked for, and what to do."""
        monkeypatch.delenv("MONGO_URL")
        monkeypatch.setenv("DANQING_DATA_DIR", str(tmp_path / "data"))
        code, said = run("keys", "list", fails=True)
        assert code == 2
        assert "danqing serve" in said

    def test_database_that_does_not_answer_is_another_matter(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The same words may do later: a script can tell the two apart by the exit code, soon."""
        monkeypatch.setenv("MONGO_URL", "mongodb://127.0.0.1:1")
        begun_s = monotonic()
        code, said = run("keys", "list", fails=True)
        assert code == Exit.UNREACHABLE
        assert monotonic() - begun_s < OPERATORS_TIMEOUT_MS / 2000
        assert "Traceback" not in said

    def test_a_busy_database_is_waited_for(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, slow_mongod: RunningServer
    ) -> None:
        """Longer than a server may take to answer: nobody's request waits for an operator's command."""
        data = {"failCommands": ["insert"], "blockConnection": True, "blockTimeMS": TIMEOUT_MS + 100}
        with pymongo.MongoClient[Any](slow_mongod.url) as client:
            client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": data})
        monkeypatch.setenv("MONGO_URL", slow_mongod.url)
        run("projects", "create", "shop")
        assert [each["name"] for each in run("projects", "list")] == ["shop"]


class TestLimitsSaid:
    def test_what_is_not_said_stays(self) -> None:
        """One is set, one is taken away, the others are as they were."""
        before = Limits(models=("a",), waiting_tasks=3, spend_per_day_micro={"CNY": 1_500_000})
        after = limits_said(before, ["requests_per_minute=60"], ["models"])
        assert after == Limits(waiting_tasks=3, spend_per_day_micro={"CNY": 1_500_000}, requests_per_minute=60)

    def test_what_is_said_of_one_limit_goes_together(self) -> None:
        """Each as often as you like: no currency is without a limit because another was named after it."""
        said = ["spend_per_day=CNY:100", "models=a-*", "spend_per_day=USD:5,EUR:4", "models=b"]
        after = limits_said(Limits(spend_per_day_micro={"CNY": 1}, models=("c",)), said, [])
        money = {"CNY": 100_000_000, "USD": 5_000_000, "EUR": 4_000_000}
        assert after == Limits(spend_per_day_micro=money, models=("a-*", "b"))

    @pytest.mark.parametrize("said", ["requests_per_minute=many", "expires_at=tomorrow", "addresses=x", "rpm=5"])
    def test_nonsense_is_refused(self, said: str) -> None:
        """As it is over HTTP."""
        with pytest.raises(InvalidSubmission):
            limits_said(NO_LIMITS, [said], [])

    def test_unknown_limit_cannot_be_taken_away(self) -> None:
        """The known ones are named."""
        with pytest.raises(SettingsError, match="requests_per_minute"):
            limits_said(NO_LIMITS, [], ["rpm"])
