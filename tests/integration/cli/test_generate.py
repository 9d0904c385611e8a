"""`danqing generate`: a picture in a file, once, whatever happens on the way."""

from __future__ import annotations

import io
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.integration.cli.conftest import KEY, OTHER, PATIENT_S, Danqing
from tests.support.examples import starting
from tests.support.servers import wait_until

pytestmark = pytest.mark.processes

SMALL = ("-s", "1280x720")
SLOW = "a hill [sandbox:slow=60]"
TASK = re.compile(r"[a-z]+_img_[0-9a-z]{20,}")


class TestHelp:
    def test_examples_work(self, danqing: Danqing) -> None:
        """One after the other, word for word, with the model that they name by naming none."""
        help_ = danqing.run("generate", "--help").out
        examples = [shlex.split(line)[1:] for line in help_.splitlines() if line.startswith("  danqing generate ")]
        assert len(examples) == 3
        assert [danqing.run(*example).err for example in examples] == [""] * 3


class TestSaving:
    def test_one_picture(self, danqing: Danqing) -> None:
        """The file is whole; its path is all that is printed where no terminal is."""
        done = danqing.run("generate", "a hill", "-o", "hill.jpg", *SMALL)
        assert (done.code, done.out, done.err) == (0, "hill.jpg\n", "")
        with Image.open(danqing.folder / "hill.jpg") as image:
            assert image.size == (1280, 720)

    def test_several_are_numbered(self, danqing: Danqing) -> None:
        """And nothing else is left in the folder."""
        done = danqing.run("generate", "hills", "-n", "2", "-o", "hill.jpg", *SMALL)
        assert done.out.split() == ["hill-1.jpg", "hill-2.jpg"]
        assert {path.name for path in danqing.folder.iterdir() if path.is_file()} == {*done.out.split()}

    def test_several_differ(self, danqing: Danqing) -> None:
        """As a service paints them that is asked once for each: the same words, and no picture twice."""
        danqing.run("generate", "hills", "-n", "2", "-o", "hill.jpg", *SMALL)
        first, second = (danqing.folder / f"hill-{number}.jpg" for number in (1, 2))
        assert first.read_bytes() != second.read_bytes()

    def test_a_folder_takes_them_under_their_ids(self, danqing: Danqing) -> None:
        """Each name is one that no other task has."""
        (danqing.folder / "out").mkdir()
        told = danqing.run("generate", "a hill", "-o", "out", "--json", *SMALL).json
        assert told["files"] == [f"out/{told['id']}-0.jpg"]
        assert (danqing.folder / told["files"][0]).stat().st_size == told["output"]["images"][0]["size_bytes"]

    def test_a_name_that_says_otherwise_is_told(self, danqing: Danqing) -> None:
        """The service delivers JPEG: the file is kept as it is, and that is said."""
        done = danqing.run("generate", "a hill", "-o", "hill.png", *SMALL)
        assert (done.code, done.out) == (0, "hill.png\n")
        assert done.err == "danqing: hill.png holds image/jpeg, as it was delivered\n"

    def test_a_name_asks_for_the_format_where_the_model_offers_it(self, danqing: Danqing) -> None:
        """`-o hill.png` brings a PNG from a model that can."""
        done = danqing.run("generate", "a hill", "-m", "fal-ai/flux/schnell", "-o", "hill.png")
        assert (done.code, done.err) == (0, "")
        with Image.open(danqing.folder / "hill.png") as image:
            assert image.format == "PNG"

    def test_standard_output(self, danqing: Danqing) -> None:
        """`-o -` is the picture and nothing else."""
        process = danqing.start("generate", "a hill", "-o", "-", *SMALL, stdout=subprocess.PIPE)
        content, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        with Image.open(io.BytesIO(content)) as image:
            assert image.size == (1280, 720)

    def test_several_for_standard_output_cost_nothing(self, danqing: Danqing) -> None:
        """It takes one file: what can be known before is refused before."""
        done = danqing.run("generate", "two never bought", "-n", "2", "-o", "-", *SMALL)
        assert (done.code, done.out) == (2, "")
        assert done.err == "danqing: --output: `-` takes one file, not 2\n"
        assert danqing.run("tasks", "--search", "two never bought").out == ""

    def test_several_that_were_made_are_not_lost(self, danqing: Danqing) -> None:
        """Who sends them to standard output is told how they are saved."""
        task = danqing.run("generate", "hills", "-n", "2", "--no-wait", *SMALL).out.strip()
        done = danqing.run("watch", task, "-o", "-")
        assert (done.code, done.out) == (2, "")
        assert done.err.splitlines() == [
            f"danqing: --output: `-` takes one file, and task {task} made 2",
            f"danqing: `danqing watch {task} -o FOLDER` gets them",
        ]

    def test_a_text_for_standard_output(self, danqing: Danqing) -> None:
        """An answer in words is printed, as it is without a place; nobody need say that the model makes words."""
        done = danqing.run("generate", "a line on hills", "-m", "doubao-seed-1-6-250615", "-o", "-")
        assert (done.code, done.err) == (0, "")
        assert "a line on hills" in done.out

    @pytest.mark.parametrize(("place", "file"), [("line.md", "line.md"), ("line", "line.txt"), (".", "*.txt")])
    def test_a_text_for_a_file(self, danqing: Danqing, place: str, file: str) -> None:
        """An answer in words is saved as a picture is, and where is said."""
        words = ("generate", "a line on hills", "--type", "text", "-m", "doubao-seed-1-6-250615")
        done = danqing.run(*words, "-o", place)
        assert (done.code, done.err) == (0, "")
        (written,) = danqing.folder.glob(file)
        assert done.out.strip().endswith(written.name)
        assert "a line on hills" in written.read_text()

    def test_without_a_place_the_urls(self, danqing: Danqing, server: str) -> None:
        """Which stay valid."""
        done = danqing.run("generate", "-", *SMALL, said="a hill by standard input\n")
        assert done.out.startswith(f"{server}/api/v1/assets/")

    def test_a_place_that_is_not_there_costs_nothing(self, danqing: Danqing) -> None:
        """It is refused before anything is bought."""
        done = danqing.run("generate", "never bought", "-o", "nowhere/hill.jpg")
        assert (done.code, done.out) == (2, "")
        assert done.err == "danqing: --output: the folder 'nowhere' is not there\n"
        assert danqing.run("tasks", "--search", "never bought").out == ""

    def test_a_name_too_long_to_be_written_beside(self, danqing: Danqing) -> None:
        """What was bought is told, and where it is kept."""
        name = f"{'x' * 248}.jpg"
        done = danqing.run("generate", "a hill", "-o", name, *SMALL)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
        assert done.err.startswith(f"danqing: {name}: File name too long; it is kept at http")

    def test_references_from_files(self, danqing: Danqing) -> None:
        """Several; each is sent once, and the task names them."""
        for colour in ("red", "blue"):
            Image.new("RGB", (512, 512), colour).save(danqing.folder / f"{colour}.png")
        words = ("generate", "both", "-r", "red.png", "-r", "blue.png", "--json", *SMALL)
        told = danqing.run(*words).json
        assert told["status"] == "completed"
        assert len(told["input"]["image"]) == 2
        lost = danqing.run("generate", "x", "-r", "none.png")
        assert (lost.code, lost.err.count("\n")) == (2, 1)


class TestBoughtOnce:
    def test_the_same_key_finds_the_same_task(self, danqing: Danqing) -> None:
        """However often it is run, with references too; another wish under that key is refused."""
        Image.new("RGB", (512, 512), "green").save(danqing.folder / "green.png")
        words = ("generate", "once", "-r", "green.png", "--idempotency-key", "once-1", "--json", *SMALL)
        first, second = danqing.run(*words).json, danqing.run(*words, "-o", "again.jpg").json
        assert first["id"] == second["id"]
        assert second["files"] == ["again.jpg"]
        assert len(danqing.run("tasks", "--search", "once").rows) == 1
        other = danqing.run("generate", "twice", "--idempotency-key", "once-1", *SMALL)
        assert (other.code, other.out) == (2, "")

    def test_ctrl_c_leaves_the_task_and_says_how_to_get_it(self, danqing: Danqing) -> None:
        """Exit code 130; `watch`, as it says, gets it; here it is cancelled instead."""
        process = danqing.start("generate", SLOW, "-o", "hill.jpg", stderr=subprocess.PIPE)
        wait_until(lambda: danqing.run("tasks", "--search", SLOW).out != "", what="the task")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 130
        goes_on, how = said.decode().splitlines()
        (task,) = TASK.findall(goes_on)
        assert how == f"danqing: `danqing watch {task} -o hill.jpg` gets it; `danqing cancel {task}` stops it"
        assert danqing.run("cancel", task).code == 0

    def test_a_time_limit_leaves_it_too(self, danqing: Danqing) -> None:
        """Exit code 8, and the same words."""
        done = danqing.run("generate", SLOW, "--timeout", "1")
        assert (done.code, done.out) == (8, "")
        (task,) = TASK.findall(done.err.splitlines()[0])
        assert f"`danqing watch {task}` gets it" in done.err
        assert danqing.run("cancel", task).code == 0

    def test_the_server_dies_in_the_middle(self, alone: Danqing, tmp_path: Path) -> None:
        """It is said in two lines; when the server is back, what was bought is there."""
        (tmp_path / "server").mkdir()
        danqing = alone.with_variables(DANQING_KEY=KEY)
        variables = {"DANQING_API_KEYS": f"shop:{KEY}"}
        words = ("generate", "a hill [sandbox:slow=8]", "--idempotency-key", "k", "-o", "hill.jpg", *SMALL)
        with starting(tmp_path / "server", variables) as serve:
            serve.until_ready(PATIENT_S)
            process = danqing.start(*words, "--url", serve.base_url, stderr=subprocess.PIPE)
            wait_until(lambda: danqing.run("tasks", "--url", serve.base_url).out != "", what="the task")
        _, said = process.communicate(timeout=60)
        assert process.returncode == 7
        (task,) = {*TASK.findall(said.decode())}
        assert said.decode().splitlines() == [
            f"danqing: the server is gone; task {task} goes on when it is back",
            f"danqing: then `danqing watch {task} -o hill.jpg --url {serve.base_url}` gets it",
        ]
        with starting(tmp_path / "server", variables) as serve:
            serve.until_ready(PATIENT_S)
            done = danqing.run(*words, "--url", serve.base_url)
            assert (done.code, done.out) == (0, "hill.jpg\n")
            assert [row[0] for row in danqing.run("tasks", "--url", serve.base_url).rows] == [task]


class TestRefusals:
    @pytest.mark.parametrize(
        ("words", "code", "said"),
        [
            (["x", "-p", "colour=1"], 2, "input.colour"),
            (["x", "-p", "colour"], 2, "--parameter: 'colour' is not allowed"),
            (["x", "-m", "nobody's"], 2, "input.model: unknown model; known: "),
            (["x", "--provider", "nobody"], 2, "there is no provider 'nobody'; there are: "),
            (["x", "--url", "ftp://here"], 2, "--url: 'ftp://here' is not allowed"),
            (["x", "--url", "http://127.0.0.1:9"], 7, "no server answers at http://127.0.0.1:9"),
            (["x", "--profile", "none"], 2, "--profile: there is no profile 'none'"),
            (["x", "-n", "0"], 2, "-n"),
            (["x", "-r", "/dev/null"], 2, "--reference: '/dev/null': "),
            ([], 2, "PROMPT"),
        ],
    )
    def test_say_what_is_wrong_in_a_line(self, danqing: Danqing, words: list[str], code: int, said: str) -> None:
        """Nothing on standard output, no traceback, the exit code of the kind."""
        done = danqing.run("generate", *words)
        assert (done.code, done.out) == (code, "")
        assert said in done.err
        assert done.err.count("\n") <= 2

    def test_a_wrong_url_is_named_as_it_was_said(self, danqing: Danqing) -> None:
        """Who never wrote `--url` is not sent to look for it."""
        done = danqing.with_variables(DANQING_URL="danqing.example").run("tasks")
        assert done.err == (
            "danqing: DANQING_URL: 'danqing.example' is not allowed; allowed: http://HOST:PORT or https://HOST\n"
        )
        assert danqing.run("login", "danqing.example").err.startswith("danqing: URL: 'danqing.example' is not")

    def test_a_wrong_key(self, danqing: Danqing) -> None:
        """Exit code 4, with a hint; the key is not repeated."""
        done = danqing.with_variables(DANQING_KEY="wrong-and-secret").run("tasks")
        assert done.code == 4
        assert "danqing login" in done.err
        assert "wrong-and-secret" not in done.err

    def test_a_task_that_fails(self, danqing: Danqing) -> None:
        """Exit code 1; why, and whether it was paid for; `--json` has the task all the same."""
        done = danqing.run("generate", "x [sandbox:reject_input]", "--json", *SMALL)
        assert done.code == 1
        assert done.json["status"] == "failed"
        assert f"task {done.json['id']} failed: " in done.err
        assert "paid for: no" in done.err

    def test_messages_follow_the_language(self, danqing: Danqing) -> None:
        """LANG, or `--lang` over it."""
        words = ("show", "nobody_img_1")
        assert re.search(r"[\u4e00-\u9fff]", danqing.run(*words, "--lang", "zh").err)
        assert re.search(r"[\u4e00-\u9fff]", danqing.with_variables(LANG="zh_CN.UTF-8").run(*words).err)
        assert not re.search(r"[\u4e00-\u9fff]", danqing.run(*words).err)

    def test_another_projects_task_is_not_there(self, danqing: Danqing) -> None:
        """Exit code 3, as of one that never was."""
        task = danqing.run("generate", "mine", "--no-wait", *SMALL).out.strip()
        done = danqing.with_variables(DANQING_KEY=OTHER).run("show", task)
        assert (done.code, done.out) == (3, "")


class TestTerminal:
    def test_a_bar_then_the_path(self, danqing: Danqing) -> None:
        """What goes on is drawn while it goes on; what it cost stands beside the task's id."""
        code, seen = danqing.on_terminal("generate", "a hill [sandbox:slow=3]", "-o", "hill.jpg", *SMALL)
        assert code == 0
        assert "processing" in seen
        assert "━" in seen
        assert "hill.jpg" in seen
        assert re.search(TASK.pattern + r"  \S+  simulated", seen)

    def test_no_colour(self, danqing: Danqing) -> None:
        """`NO_COLOR` is heeded."""
        _, coloured = danqing.on_terminal("generate", "--help")
        assert re.search(r"\x1b\[[0-9;]*3[0-9]", coloured)
        _, plain = danqing.with_variables(NO_COLOR="1").on_terminal("generate", "--help")
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]", plain)


class TestEmbedded:
    def test_nobody_has_to_start_anything(self, alone: Danqing) -> None:
        """With no server at all one is started for the command, and is gone after it; what it made is kept."""
        here = alone.with_variables(PORT="9")
        done = here.run("generate", "a hill", "-o", "hill.jpg", *SMALL)
        assert (done.code, done.out) == (0, "hill.jpg\n")
        assert done.err == "starting a server for this command …\n"
        listed = here.run("tasks", "--embedded")
        assert [row[1] for row in listed.rows] == ["completed"]
        gone = here.run("tasks")
        assert (gone.code, gone.out) == (7, "")
        assert "danqing serve" in gone.err

    def test_data_that_is_in_use_may_be_free_later(self, alone: Danqing, tmp_path: Path) -> None:
        """The exit code is that of `danqing serve`, by which scripts try again."""
        with starting(tmp_path, {"DANQING_DATA_DIR": alone.variables["DANQING_DATA_DIR"]}) as serve:
            serve.until_ready(PATIENT_S)
            done = alone.run("tasks", "--embedded")
        assert (done.code, done.out) == (7, "")
        assert "is in use by another `danqing serve`" in done.err
