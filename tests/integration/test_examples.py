"""Everything a reader may copy: the examples, and the old server's README, word for word."""

from __future__ import annotations

import json
import re
import shutil
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from danqing_plugins import Request
from danqing_plugins.testing import check_provider
from tests.support.examples import ROOT, run_command, serving
from tests.support.examples_door import Say, open_door
from tests.support.serve import Serve
from tests.support.servers import RunningServer
from tests.support.stand_ins import path_with, stand_in_path

pytestmark = pytest.mark.processes

EXAMPLES = ROOT / "examples"
OLD_README = ROOT / "tests" / "data" / "old_readme"
PAGES = ["api.md", "architecture.md", "deployment.md", "plugins.md", "settings.md"]
CLIENTS = ["poll.sh", "poll.js", "poll.py"]
NEEDS_NODE = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed on this machine")
EACH_CLIENT = pytest.mark.parametrize(
    "client", [pytest.param(name, marks=NEEDS_NODE if name == "poll.js" else ()) for name in CLIENTS]
)
COMPLETED = Say(status=200, data={"task_id": "t", "status": "completed", "result": {"image_url": "http://u/p"}})
UNDER_WAY = Say(status=202, data={"task_id": "t", "status": "processing"})
CREATED = Say(status=201, data={"task_id": "t", "status": "pending"})

Finished = CompletedProcess[str]
RunClient = Callable[..., Finished]


@pytest.fixture
def run_client(tmp_path: Path) -> RunClient:
    """Run one of the three clients against a server."""
    programs = {"poll.sh": "sh", "poll.js": "node", "poll.py": sys.executable}

    def run(client: str, prompt: str, url: str, path: str | None = None, **variables: str) -> Finished:
        given = {"PATH": path or path_with("curl", "jq"), "DANQING_URL": url, **variables}
        return run_command([programs[client], EXAMPLES / client, prompt], tmp_path, given)

    return run


@pytest.fixture(scope="module")
def serve(
    shared_mongod: RunningServer, shared_redis: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serve]:
    """One server for all: the tests' MongoDB and Redis, a sandbox of its own."""
    folder = tmp_path_factory.mktemp("examples")
    variables = {
        "MONGO_URL": shared_mongod.url,
        "REDIS_URL": shared_redis.url,
        "DANQING_DATABASE": "test_examples",
        "DANQING_REDIS_PREFIX": "test-examples",
        "DANQING_DATA_DIR": str(folder / "data"),
    }
    with serving(folder, variables) as serve:
        yield serve


def _is_picture(url: str) -> bool:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bool(answer.read(3) == b"\xff\xd8\xff")


class TestClients:
    """examples/poll.*: three clients, one behaviour."""

    @EACH_CLIENT
    def test_prints_the_url_of_a_picture(self, run_client: RunClient, serve: Serve, client: str) -> None:
        """The prompt arrives whole, quotation marks, line breaks and all."""
        done = run_client(client, 'a "small" boat\n一只小船 \\ $HOME', serve.base_url)
        assert done.returncode == 0, done.stderr
        assert _is_picture(done.stdout.strip())

    @EACH_CLIENT
    def test_failed_task_ends_with_its_reason(self, run_client: RunClient, serve: Serve, client: str) -> None:
        """Exit code 1, and the sentence that the server gave."""
        done = run_client(client, "a boat [sandbox:moderation]", serve.base_url)
        assert (done.returncode, done.stdout) == (1, "")
        assert "sensitive" in done.stderr

    @EACH_CLIENT
    def test_wrong_request_is_not_repeated(self, run_client: RunClient, serve: Serve, client: str) -> None:
        """A 400 says what is wrong, at once."""
        done = run_client(client, "", serve.base_url)
        assert (done.returncode, done.stdout) == (1, "")
        assert "prompt" in done.stderr

    @EACH_CLIENT
    def test_gives_up_and_says_so(self, run_client: RunClient, client: str) -> None:
        """A task that takes too long is left to the server; the message holds its id."""
        with open_door([CREATED], [UNDER_WAY]) as door:
            done = run_client(client, "a boat", door.url, DANQING_GIVE_UP="1")
        assert (done.returncode, done.stdout) == (3, "")
        assert "task t is not finished" in done.stderr

    @EACH_CLIENT
    def test_u6_says_how_far_it_is(self, run_client: RunClient, client: str) -> None:
        """U6: on stderr, each number once, so that nobody takes it for stuck."""
        half = Say(status=202, data={"task_id": "t", "status": "processing", "progress": 0.45}, retry_after_s=1)
        with open_door([CREATED], [half, half, COMPLETED]) as door:
            done = run_client(client, "a boat", door.url)
        assert (done.returncode, done.stdout) == (0, "http://u/p\n")
        assert done.stderr.count("processing 45%") == 1

    @EACH_CLIENT
    @pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nowhere"])
    def test_u6_says_that_the_server_cannot_be_reached(self, run_client: RunClient, client: str, url: str) -> None:
        """U6: at once and at the end, with its address, and without a traceback."""
        done = run_client(client, "a boat", url, DANQING_GIVE_UP="1")
        assert (done.returncode, done.stdout) == (3, "")
        assert f"the server at {url} cannot be reached; trying again" in done.stderr
        assert "given up" in done.stderr or "no task was accepted" in done.stderr
        assert len(done.stderr.splitlines()) == 2

    @EACH_CLIENT
    def test_trouble_is_waited_out_with_one_key(self, run_client: RunClient, client: str) -> None:
        """A busy server, a cut connection: three submissions of one Idempotency-Key, after the wait asked for."""
        busy = Say(status=503, retry_after_s=2)
        with open_door([busy, Say(status=0), CREATED], [Say(status=0), COMPLETED]) as door:
            done = run_client(client, "a boat", door.url)
        assert (done.returncode, done.stdout) == (0, "http://u/p\n"), done.stderr
        assert len(door.keys) == 3
        assert len(set(door.keys)) == 1
        assert door.keys[0]
        assert set(door.prompts) == {"a boat"}
        assert door.heard_at_s[1] - door.heard_at_s[0] >= 2

    @EACH_CLIENT
    def test_an_answer_that_breaks_off_is_asked_for_again(self, run_client: RunClient, client: str) -> None:
        """Whatever its head said: the task is there, and its id did not come."""
        halves = [Say(status=each.status, data=each.data, cut=True) for each in (CREATED, COMPLETED)]
        with open_door([halves[0], CREATED], [halves[1], COMPLETED]) as door:
            done = run_client(client, "a boat", door.url)
        assert (done.returncode, done.stdout) == (0, "http://u/p\n"), done.stderr
        assert (len(door.keys), len(set(door.keys))) == (2, 1)

    @EACH_CLIENT
    def test_api_key_goes_with_every_request(self, run_client: RunClient, client: str) -> None:
        """With submissions and polls alike, as a bearer; without one nothing is sent."""
        with open_door([CREATED], [COMPLETED]) as door:
            run_client(client, "a boat", door.url, DANQING_KEY="a-secret-of-16-characters")
            run_client(client, "a boat", door.url)
        assert door.authorizations == ["Bearer a-secret-of-16-characters"] * 2 + [None] * 2

    def test_shell_client_needs_no_more_of_curl_and_jq_than_the_stand_ins_have(
        self, run_client: RunClient, serve: Serve
    ) -> None:
        """M1: so the tests mean the same on a bare machine."""
        path = stand_in_path("curl", "jq")
        done = run_client("poll.sh", 'a "small" boat', serve.base_url, path=path)
        assert done.returncode == 0, done.stderr
        assert _is_picture(done.stdout.strip())

    @NEEDS_NODE
    def test_waiting_can_be_aborted(self, tmp_path: Path) -> None:
        """An AbortSignal ends the waiting at once, however long the server's Retry-After is."""
        script = f"""
            import {{ pollTask }} from {json.dumps((EXAMPLES / "poll.js").as_uri())};
            const signal = AbortSignal.timeout(300);
            await pollTask("t", {{ server: process.argv[1], signal }}).catch((error) => console.log(error.name));
        """
        patient = Say(status=202, data={"task_id": "t", "status": "processing"}, retry_after_s=50)
        with open_door([CREATED], [patient]) as door:
            command = ["node", "--input-type=module", "-e", script, door.url]
            done = run_command(command, tmp_path, {}, timeout_s=20)
        assert done.stdout == "TimeoutError\n", done.stderr

    def test_page_loads_nothing_from_elsewhere(self) -> None:
        """It works on a machine without the internet."""
        page = (EXAMPLES / "poll.html").read_text()
        loaded = re.findall(r'(?:src|href)="([^"]*)"|from "([^"]*)"|url\(([^)]*)\)', page)
        assert {part for found in loaded for part in found if part} == {"data:,", "./poll.js"}


class TestOldReadme:
    """The README of the server that this one replaces.

    Its blocks run as they stand, but for one thing: `localhost:8080` becomes the address of the test's server.
    """

    @pytest.fixture
    def run_block(self, serve: Serve, tmp_path: Path) -> Callable[[str], Finished]:
        """Run one of its shell blocks."""

        def run(name: str) -> Finished:
            block = (
                (OLD_README / name).read_text().replace("localhost:8080", serve.base_url.removeprefix("http://"))
            )
            return run_command(["bash", "-c", block], tmp_path, {"PATH": path_with("curl", "jq")})

        return run

    @pytest.fixture
    def call_helper(self, serve: Serve, tmp_path: Path) -> Callable[..., Finished]:
        """Call one of its JavaScript helpers."""
        wrapper = ROOT / "tests" / "support" / "examples_old_readme.mjs"

        def call(*arguments: str) -> Finished:
            return run_command(["node", wrapper, serve.base_url, OLD_README, *arguments], tmp_path, {})

        return call

    def test_task_is_created(self, run_block: Callable[[str], Finished]) -> None:
        """With a model id that Ark never knew."""
        body = json.loads(run_block("create_task.sh").stdout)
        assert body["success"] is True
        assert body["data"] == {
            "task_id": body["data"]["task_id"],
            "status": "pending",
            "message": "任务已创建，正在处理中",
        }
        assert body["data"]["task_id"].startswith("volcengine_img_")

    def test_unknown_task_has_failed(self, run_block: Callable[[str], Finished]) -> None:
        """The README's example id is nobody's: the answer still has the status that its clients look at."""
        body = json.loads(run_block("query_result.sh").stdout)
        assert body["error"] == "任务不存在"
        assert body["data"]["task_id"] == "volcengine_img_1703123456789"
        assert body["data"]["status"] == "failed"

    def test_user_is_created(self, run_block: Callable[[str], Finished]) -> None:
        """Name and address come back with an id."""
        body = json.loads(run_block("create_user.sh").stdout)
        assert set(body["data"]) == {"id", "email", "name", "created_at", "updated_at"}
        assert (body["data"]["email"], body["data"]["name"]) == ("user@example.com", "张三")

    def test_shell_loop_gets_its_picture(self, run_block: Callable[[str], Finished]) -> None:
        """Submit, poll every three seconds, print the link."""
        done = run_block("generate.sh")
        first, *_, last = done.stdout.splitlines()
        assert re.fullmatch(r"任务ID: volcengine_img_\w+", first), done.stderr
        label, url = last.split(": ", 1)
        assert label == "图像生成完成"
        assert _is_picture(url)

    @NEEDS_NODE
    def test_helpers_get_their_picture(self, call_helper: Callable[..., Finished]) -> None:
        """createImageWithRetry, which polls with pollTaskResult."""
        done = call_helper("createImageWithRetry", "一只可爱的小猫咪", "user_123")
        assert done.returncode == 0, done.stderr
        assert _is_picture(done.stdout.strip())

    @NEEDS_NODE
    def test_helper_is_told_of_a_failure(self, call_helper: Callable[..., Finished], serve: Serve) -> None:
        """It throws; it neither polls on nor trips over an answer without `data`."""
        body = json.dumps({"prompt": "x [sandbox:moderation]", "user_id": "user_123"}).encode()
        request = urllib.request.Request(
            f"{serve.base_url}/api/v1/ai/image/task", data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            failing = json.load(answer)["data"]["task_id"]
        for task_id in (failing, "volcengine_img_1703123456789"):
            done = call_helper("pollTaskResult", task_id)
            assert (done.returncode, done.stdout, done.stderr) == (1, "", "任务失败\n")


class TestFirstStart:
    """From a fresh folder to a picture, as the README says."""

    def test_copied_settings_start_a_server_that_paints(self, tmp_path: Path, run_client: RunClient) -> None:
        """`cp config.env.example .env` and nothing else: embedded servers, the sandbox, a picture."""
        shutil.copy(ROOT / "config.env.example", tmp_path)
        copied = run_command(["bash", "-c", (OLD_README / "copy_settings.sh").read_text()], tmp_path, {})
        assert (copied.returncode, (tmp_path / ".env").exists()) == (0, True)
        with serving(tmp_path, {}) as serve:
            assert "embedded" in serve.output
            assert "SIMULATED" in serve.output
            done = run_client("poll.py", "a boat", serve.base_url)
            assert _is_picture(done.stdout.strip())

    def test_placeholder_for_the_key_is_refused_in_one_line(self, tmp_path: Path) -> None:
        """The README's own `.env`, pasted without a real key, does not call Ark with nonsense."""
        shutil.copy(OLD_README / "settings.env", tmp_path / ".env")
        done = run_command([sys.executable, "-m", "danqing_server", "serve", "--port", "0"], tmp_path, {})
        assert done.returncode == 2
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("danqing:")]
        assert "VOLCENGINE_API_KEY" in line


class TestOurReadme:
    """The commands of README.md and README.zh-CN.md under "try it"."""

    @pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
    def test_commands_are_the_old_ones(self, name: str) -> None:
        """Each is one of the old README's, unchanged, so that the tests above run it."""
        section = (ROOT / name).read_text().split("<!-- try it -->")[1]
        blocks = re.findall(r"```bash\n(.*?)```", section, re.DOTALL)
        old = {path.read_text() for path in OLD_README.glob("*.sh")}
        assert len(blocks) >= 5
        assert [block for block in blocks if block not in old] == ["curl http://localhost:8080/health\n"]

    @pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
    def test_first_section_names_what_a_bare_machine_lacks(self, name: str) -> None:
        """M2: what `tests/fresh` puts on a bare Debian; git is there already, jq is for the examples."""
        first = (ROOT / name).read_text().split("<!-- try it -->")[0]
        (listed,) = re.findall(r"^PACKAGES=(\S+)$", (ROOT / "tests/fresh/bare_root.sh").read_text(), re.MULTILINE)
        wanted = set(listed.split(",")) - {"git", "jq", "python3"}
        (command,) = re.findall(r"`apt-get install ([^`]+)`", first)
        lacking, _, _ = (ROOT / ".ci/run").read_text().partition("make check")
        (by_ci,) = re.findall(r"apt-get install -y -qq --no-install-recommends (.+)", lacking)
        assert set(command.split()) == set(by_ci.split()) == wanted

    def test_both_languages_show_the_same_code(self) -> None:
        """A correction in one is not forgotten in the other."""
        english, chinese = (
            re.findall(r"```(?:bash|python)\n.*?```", (ROOT / name).read_text(), re.DOTALL)
            for name in ("README.md", "README.zh-CN.md")
        )
        assert english == chinese

    @pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md", *(f"docs/{page}" for page in PAGES)])
    def test_links_lead_somewhere(self, name: str) -> None:
        """Every link to a file of ours finds it."""
        page = ROOT / name
        targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())
        assert [target for target in targets if not (page.parent / target).exists()] == []

    async def test_plugin_keeps_every_rule(self) -> None:
        """The provider of the section on plugins, against a loopback service in the place of `hills.example`."""

        async def paint(request: web.Request) -> web.Response:
            assert await request.json() == {"prompt": "a quiet hill"}
            return web.json_response({"url": "https://pictures.example/hill.png"})

        service = web.Application()
        service.add_routes([web.post("/paint", paint)])
        blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
        (code,) = [block for block in blocks if "class Hills" in block]
        wanted = Request(provider="hills", type="image", model=None, input={"prompt": "a quiet hill"})
        async with TestServer(service) as server, aiohttp.ClientSession() as session:
            names: dict[str, Any] = {}
            exec(code.replace("https://hills.example", str(server.make_url("")).rstrip("/")), names)
            await check_provider(names["Hills"](), wanted, session=session)
