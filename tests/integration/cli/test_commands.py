"""The commands that look after what runs: what they print for people, and for programs."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.conftest import KEY, OTHER, Danqing
from tests.support.servers import wait_until

pytestmark = pytest.mark.processes

Made = Callable[..., dict[str, Any]]


class TestTasks:
    def test_rows_for_programs_and_for_people(self, danqing: Danqing, made: Made) -> None:
        """Tabs and no head where no terminal is; there a table, whose ids are whole on a narrow one too."""
        task = made("a row\twith\x1b[31mcontrol", "--user", "rower")
        (row,) = danqing.run("tasks", "--user", "rower").rows
        assert row[:2] == [task["id"], "completed"]
        assert (row[3], row[6], row[8]) == ("rower", "1/1", "a row with [31mcontrol")
        (listed,) = danqing.run("tasks", "--user", "rower", "--json").json
        assert listed["id"] == task["id"]
        narrow = danqing.with_variables(COLUMNS="60", NO_COLOR="1")
        code, seen = narrow.on_terminal("tasks", "--user", "rower")
        assert code == 0
        assert "TASK" in seen
        assert task["id"] in seen
        assert "\x1b[31m" not in seen
        assert "no tasks" in narrow.on_terminal("tasks", "--user", "nobody")[1]

    def test_what_failed_in_the_last_hour(self, danqing: Danqing) -> None:
        """By status and time."""
        danqing.run("generate", "x [sandbox:reject_input]", "--user", "failing", "-s", "1280x720")
        (row,) = danqing.run("tasks", "--status", "failed", "--since", "1h", "--user", "failing").rows
        assert row[7] != "-"
        assert danqing.run("tasks", "--until", "1h", "--user", "failing").rows == []
        wrong = danqing.run("tasks", "--since", "lately")
        assert (wrong.code, wrong.err.count("\n")) == (2, 1)

    def test_what_it_cost_outlasts_other_columns(self, danqing: Danqing) -> None:
        """On a terminal of a usual width, beside the error: who looks for what failed asks that first."""
        danqing.run("generate", "[sandbox:moderation] a hill", "--user", "costly")
        told = danqing.with_variables(COLUMNS="100", NO_COLOR="1").on_terminal("tasks", "--user", "costly")[1]
        head = re.sub(r"\x1b\[[0-9;]*m", " ", told.split("\r\n")[0])
        assert head.split() == ["TASK", "STATUS", "COST", "MADE", "ERROR"]

    def test_show_says_nothing_of_an_estimate_that_is_over(self, danqing: Danqing, made: Made) -> None:
        """A task that takes longer than others of its lane does not end in the past."""
        for number in range(3):
            made(f"quick {number}")
        task = danqing.run("generate", "[sandbox:slow=30] slow", "--no-wait").out.strip()

        def is_late() -> bool:
            ends = danqing.run("show", task, "--json").json["explain"]["estimated_finish_at"]
            return ends is not None and datetime.fromisoformat(ends) < datetime.now(UTC)

        wait_until(is_late, timeout_s=30)
        assert "\nends\t" not in danqing.run("show", task).out
        danqing.run("cancel", task)

    def test_show_tells_everything(self, danqing: Danqing, made: Made) -> None:
        """The call that was paid for, and the output; one that waits says for what."""
        task = made("to be shown")
        told = danqing.run("show", task["id"]).out
        assert "status\tcompleted\n" in told
        assert task["output"]["images"][0]["url"] in told
        assert "\tdelivered\t" in told
        assert danqing.run("show", task["id"], "--json").json["id"] == task["id"]

    def test_what_may_have_been_paid_stands_beside_the_cost(self, danqing: Danqing) -> None:
        """A call that broke off after it had left: nothing for certain, and perhaps its price."""
        asked = ("[sandbox:reset-after-billing] a hill", "--on-ambiguous", "fail", "--user", "doubtful", "--json")
        task = danqing.run("generate", *asked, "--no-wait").json["id"]
        danqing.run("watch", task)
        [row] = danqing.run("tasks", "--user", "doubtful").rows
        cost = row[4]
        assert re.fullmatch(r"0\.00 CNY \+0\.\d\d\?", cost)
        assert f"cost\t{cost}\n" in danqing.run("show", task).out

    def test_watch_saves_what_generate_left(self, danqing: Danqing) -> None:
        """The task's id is enough."""
        task = danqing.run("generate", "left alone", "--no-wait", "-s", "1280x720").out.strip()
        done = danqing.run("watch", task, "-o", "late.jpg")
        assert (done.code, done.out) == (0, "late.jpg\n")
        assert (danqing.folder / "late.jpg").stat().st_size > 1000

    def test_cancel_and_retry(self, danqing: Danqing) -> None:
        """One that cannot be cancelled stops no other; the exit code tells."""
        danqing.run("pause", "gemini", "--reason", "so that nothing is sent")
        task = danqing.run("generate", "waits", "--provider", "gemini", "--no-wait").out.strip()
        done = danqing.run("cancel", "nobody_img_1", task)
        assert done.code == 3
        assert done.rows == [[task, "cancelled"]]
        assert done.err.startswith("danqing: nobody_img_1: ")
        assert danqing.run("cancel", task).code == 5
        assert danqing.run("retry", task).rows == [[task, "pending"]]
        danqing.run("resume", "gemini")
        assert danqing.run("watch", task).code == 0


class TestLanes:
    def test_pause_and_resume(self, danqing: Danqing) -> None:
        """A paused lane says who and why; what waits there says so; it goes on afterwards."""
        paused = danqing.run("pause", "jimeng", "--reason", "price check", "--until", "2h")
        assert (paused.code, paused.rows[0][:2]) == (0, ["jimeng", "paused"])
        words = ("generate", "waits", "--provider", "jimeng", "--no-wait")
        task = danqing.run(*words).out.strip()
        assert "waits for\tlane_closed, paused" in danqing.run("show", task).out
        listed = {row[0]: row for row in danqing.run("lanes").rows}
        assert listed["jimeng"][1] == "paused"
        assert "price check" in listed["jimeng"][3]
        assert danqing.run("lanes", "jimeng", "--json").json["pause"]["reason"] == "price check"
        assert danqing.run("resume", "jimeng").rows[0][1] == "open"
        assert danqing.run("watch", task).code == 0

    def test_for_operators(self, danqing: Danqing) -> None:
        """Exit code 4 for others, 3 for a lane that is not there."""
        assert danqing.with_variables(DANQING_KEY=OTHER).run("pause", "jimeng", "--reason", "x").code == 4
        assert danqing.run("lanes", "nowhere").code == 3


class TestMoney:
    def test_sums(self, danqing: Danqing, made: Made) -> None:
        """By whatever they are asked for; CSV has a head, JSON has the totals; who spends most comes first."""
        made("cheap", "--user", "small")
        made("dear", "--user", "big", "-n", "3")
        rows = danqing.run("usage", "--by", "user,model").rows
        assert {row[0] for row in rows} >= {"small", "big"}
        csv = danqing.run("usage", "--by", "user", "--csv").out.splitlines()
        assert csv[0].startswith("user,currency,")
        both = danqing.run("usage", "--csv", "--json")
        assert (both.code, both.out, both.err) == (2, "", "danqing: --csv and --json: one of both\n")
        assert danqing.run("usage", "--json").json["totals"]
        users = [row[0] for row in danqing.run("users").rows]
        assert users.index("big") < users.index("small")
        assert danqing.run("usage", "--month", "2020-01").rows == []
        for wrong in (["--month", "2020-13"], ["--month", "2020-01", "--since", "1h"], ["--by", "colour"]):
            assert danqing.run("usage", *wrong).code == 2

    def test_the_same_user_of_two_projects_is_two(self, danqing: Danqing) -> None:
        """An operator, who sees both, is not told their sum as if somebody had spent it."""
        asked = ("generate", "a hill", "--user", "namesake", "-s", "1280x720", "--no-wait")
        danqing.run(*asked)
        danqing.with_variables(DANQING_KEY=OTHER).run(*asked)

        def told() -> dict[str, str]:
            rows = [row for row in danqing.run("users").rows if row[0] == "namesake"]
            return {row[-1]: row[-2] if row[-2] != "0" else row[6] for row in rows}

        wait_until(lambda: told() == {"shop": "1", "other": "1"}, what="both being counted")


class TestLogs:
    def test_what_happened(self, danqing: Danqing, made: Made) -> None:
        """Made, begun and completed, in order."""
        task = made("logged", "--user", "logger")
        rows = danqing.run("logs", "--user", "logger").rows
        assert [(row[1], row[2]) for row in rows] == [(task["id"], what) for what in ("made", "begun", "completed")]

    def test_the_last_of_them(self, danqing: Danqing, made: Made) -> None:
        """None of none, and all where there are fewer."""
        made("cut short", "--user", "tailed")
        words = ("logs", "--user", "tailed", "--tail")
        assert [row[2] for row in danqing.run(*words, "2").rows] == ["begun", "completed"]
        assert [len(danqing.run(*words, count).rows) for count in ("0", "99")] == [0, 3]
        assert danqing.run(*words, "-1").code == 2

    def test_from_a_level_on(self, danqing: Danqing, made: Made) -> None:
        """What went well is `info`, what a person did `warning`, what failed `error`."""
        made("goes well", "--user", "levels")
        danqing.run("generate", "x [sandbox:reject_input]", "--user", "levels", "-s", "1280x720")
        danqing.run("pause", "fal", "--reason", "of levels")
        danqing.run("resume", "fal")
        (failed,) = danqing.run("logs", "--user", "levels", "--level", "warning").rows
        assert (failed[2], failed[-1]) == ("failed", "error")
        warned = [row[1:3] for row in danqing.run("logs", "--level", "warning").rows]
        assert ["fal", "paused"] in warned
        assert ["fal", "resumed"] not in warned
        assert {row[2] for row in danqing.run("logs", "--level", "error").rows} <= {"failed", "closed"}
        told = danqing.run("logs", "--user", "levels", "--level", "error", "--json").json
        assert (told["subject"], told["level"]) == (failed[1], "error")
        assert danqing.run("logs", "--level", "loud").code == 2

    def test_of_one_task(self, danqing: Danqing, made: Made) -> None:
        """All of its life, however long ago, with its calls; nothing of others, nor of lanes."""
        task = made("alone", "--user", "single")
        made("beside", "--user", "single")
        rows = danqing.run("logs", "--task", task["id"]).rows
        assert {row[1] for row in rows} == {task["id"]}
        assert [row[2] for row in rows] == ["made", "begun", "sent", "delivered", "completed"]
        assert danqing.run("logs", "--task", task["id"], "--since", "2020-01-01", "--tail", "1").rows == rows[-1:]
        assert danqing.run("logs", "--task", task["id"], "--since", "2099-01-01").rows == []

    def test_what_is_no_task(self, danqing: Danqing, made: Made) -> None:
        """Exit code 3 for none, also of another project; 2 for what cannot be one."""
        task = made("of the shop")
        assert danqing.run("logs", "--task", "nobody_img_1").code == 3
        assert danqing.run("logs", "--task", "../lanes").code == 3
        assert danqing.with_variables(DANQING_KEY=OTHER).run("logs", "--task", task["id"]).code == 3
        for words in (("--task", ""), ("--task", task["id"], "--user", "u")):
            assert danqing.run("logs", *words).code == 2

    def test_follow(self, danqing: Danqing, made: Made, tmp_path: Path) -> None:
        """What happens from then on, each line as it happens; Ctrl-C ends it."""
        told = tmp_path / "told.txt"
        with told.open("wb") as out:
            words = ("logs", "-f", "--user", "follower", "--tail", "0", "--level", "info")
            process = danqing.start(*words, stdout=out, stderr=subprocess.PIPE)
        try:

            def heard() -> bool:
                made("followed", "--user", "follower")
                return "completed" in told.read_text()

            wait_until(heard, timeout_s=120, what="a line")
        finally:
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
        assert process.returncode == 130
        assert said == b""

    def test_follow_one_task(self, danqing: Danqing, tmp_path: Path) -> None:
        """Its end is told, of no other and of no lane."""
        danqing.run("pause", "replicate", "--reason", "so that nothing is sent")
        words = ("generate", "waits", "--provider", "replicate", "--no-wait", "--user")
        task, other = (danqing.run(*words, user).out.strip() for user in ("watched", "beside"))
        told = tmp_path / "told.txt"
        with told.open("wb") as out:
            process = danqing.start("logs", "-f", "--task", task, stdout=out, stderr=subprocess.PIPE)
        try:
            wait_until(lambda: "made" in told.read_text(), timeout_s=60, what="its beginning")

            def heard() -> bool:
                for each in (other, task):
                    danqing.run("cancel", each)
                    danqing.run("retry", each)
                return "cancelled" in told.read_text()

            wait_until(heard, timeout_s=120, what="its end")
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
        assert {line.split("\t")[1] for line in told.read_text().splitlines()} == {task}


class TestPipes:
    def test_a_reader_that_ends_early_is_no_error(self, danqing: Danqing, made: Made) -> None:
        """Neither a traceback nor a word, as of `| head`."""
        made("piped")
        with danqing.start("lanes", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.close()
            assert process.stderr is not None
            assert process.stderr.read() == b""
        assert process.returncode == 0


class TestLogin:
    def test_a_profile_is_kept_for_this_account_alone(self, alone: Danqing, server: str, tmp_path: Path) -> None:
        """The key comes by standard input, is tried, is shown nowhere, and is used from then on."""
        done = alone.run("login", server, said=f"{KEY}\n")
        assert (done.code, KEY in done.out + done.err) == (0, False)
        file = tmp_path / "settings" / "danqing" / "profiles.toml"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert alone.run("tasks").code == 0
        assert alone.run("profile", "list").rows == [["default", server, "yes", "yes"]]
        assert alone.run("login", server, "--profile", "two", said=f"{OTHER}\n").code == 0
        assert alone.run("profile", "use", "two").code == 0
        assert [row[3] for row in alone.run("profile", "list").rows] == ["no", "yes"]
        assert alone.run("pause", "jimeng", "--reason", "x").code == 4
        assert alone.run("lanes", "--profile", "default").code == 0
        assert alone.run("profile", "forget", "two").code == 0
        file.chmod(0o644)
        refused = alone.run("tasks")
        assert (refused.code, refused.err.count("\n")) == (2, 1)
        assert "chmod 600" in refused.err

    def test_a_wrong_key_is_not_kept(self, alone: Danqing, server: str, tmp_path: Path) -> None:
        """It is tried first."""
        assert alone.run("login", server, said="wrong\n").code == 4
        assert not (tmp_path / "settings").exists()

    def test_a_key_goes_to_its_own_server_alone(self, alone: Danqing, server: str) -> None:
        """Another URL is asked without it."""
        assert alone.run("login", server, said=f"{KEY}\n").code == 0
        same = server.replace("127.0.0.1", "localhost")
        assert alone.run("tasks", "--url", same).code == 4
        assert alone.run("tasks", "--url", server).code == 0


class TestHelpOnATerminal:
    @pytest.mark.parametrize("command", ["tasks", "lanes", "users", "usage", "logs"])
    def test_what_stands_below_fills_its_lines(self, alone: Danqing, command: str) -> None:
        """It is broken where the terminal ends, not where the line in the source did."""
        _, seen = alone.with_variables(COLUMNS="80").on_terminal(command, "--help")
        paragraph = seen.partition("Where no terminal is")[2].strip().splitlines()
        assert [line for line in paragraph[1:-1] if len(line.strip()) < 50] == []
        assert "tabs between" in " ".join(line.strip() for line in paragraph)


class TestCompletion:
    @pytest.mark.parametrize(
        ("shell", "variables"),
        [
            ("bash", {"COMP_WORDS": "danqing gen", "COMP_CWORD": "1"}),
            ("zsh", {"_TYPER_COMPLETE_ARGS": "danqing gen"}),
            ("fish", {"_TYPER_COMPLETE_ARGS": "danqing gen", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}),
        ],
    )
    def test_commands_are_completed(self, alone: Danqing, shell: str, variables: dict[str, str]) -> None:
        """As each shell asks."""
        done = alone.with_variables(_DANQING_COMPLETE=f"complete_{shell}", **variables).run()
        assert "generate" in done.out
        assert "tasks" not in done.out

    def test_in_a_real_shell(self, alone: Danqing) -> None:
        """What `--show-completion` prints makes bash complete."""
        script = (
            'eval "$(_DANQING_COMPLETE=source_bash danqing)"; COMP_WORDS=(danqing us); COMP_CWORD=1;'
            " _danqing_completion danqing; echo ${COMPREPLY[*]}"
        )
        path = f"{Path(alone.argv([])[0]).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", script], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True
        )
        assert re.fullmatch(r"usage users\n", done.stdout)
