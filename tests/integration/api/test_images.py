from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from danqing_plugins import Job, Run
from danqing_server.access.caller import Caller
from danqing_server.doors.idempotency import repeat_of
from danqing_server.records.tasks import Status
from danqing_server.store.reach import Reach
from tests.integration.api.conftest import Client
from tests.support.providers import ScriptedProvider, deliver_all
from tests.support.stand_ins import path_with
from tests.support.system import until
from tests.unit.api.tasks import failed_picture, kept_picture, make_task

TASK = "/api/v1/ai/image/task"
RESULT = "/api/v1/ai/image/result/"
README = {"prompt": "一只可爱的小猫咪在花园里玩耍", "user_id": "user_123"}

Open = Callable[..., Any]


class TestSubmission:
    async def test_task_is_created_as_the_old_server_did(self, api: Client) -> None:
        """201, pending, the old texts, and where the task is."""
        reply = await api.ask("POST", TASK, json=README)
        data = reply.json["data"]
        assert reply.status == 201
        assert set(data) == {"task_id", "status", "message"}
        assert (data["status"], data["message"]) == ("pending", "任务已创建，正在处理中")
        assert (reply.json["success"], reply.json["message"]) == (True, "图像生成任务创建成功")
        assert reply.headers["Location"] == f"/api/v1/tasks/{data['task_id']}"

    async def test_content_type_is_not_asked_for(self, api: Client) -> None:
        """`curl -d` sends a form's."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        reply = await api.ask("POST", TASK, data=b'{"prompt":"a","user_id":"u"}', headers=form)
        assert reply.status == 201

    async def test_providers_problems_carry_the_clients_names(self, open_api: Open) -> None:
        """The shape is right, the provider refuses: 400 with its word under the client's field."""
        async with open_api() as api:
            reply = await api.ask("POST", TASK, json={"prompt": "", "user_id": "u"})
            assert (reply.status, reply.json["error"]) == (400, "请求参数验证失败")
            assert [detail["field"] for detail in reply.json["details"]] == ["prompt"]

    async def test_unknown_model_names_the_known_ones(self, api: Client) -> None:
        """A client can correct itself."""
        reply = await api.ask("POST", TASK, json={**README, "model": "two"})
        assert reply.status == 400
        assert "one" in reply.json["details"][0]["message"]

    async def test_u4_misspelt_model_and_provider_are_guessed(self, open_api: Open) -> None:
        """U4: near misses of names that clients choose among."""
        async with open_api(DANQING_DEFAULT_PROVIDER="volcengine", DANQING_DISABLED_PLUGINS="hello") as api:
            reply = await api.ask("POST", TASK, json={**README, "model": "doubao-seedream-4-0-25082"})
            assert "doubao-seedream-4-0-250828？" in reply.json["details"][0]["message"]
            body = {"type": "image", "provider": "volcengin", "model": "m", "input": {}, "user_id": "u"}
            reply = await api.ask("POST", "/api/v1/ai/tasks", json=body)
            assert reply.json["details"][0]["code"] == "misspelt_provider"

    async def test_u3_refused_origin_names_the_setting(self, api: Client) -> None:
        """U3: whoever writes the page learns what to ask the operator for."""
        reply = await api.ask("POST", TASK, json=README, headers={"Origin": "http://page.example"})
        assert reply.status == 403
        assert "DANQING_CORS_ORIGINS" in reply.json["message"]

    async def test_u3_empty_body_is_called_empty(self, api: Client) -> None:
        """U3: "line 1, column 1" of nothing helps nobody."""
        assert (await api.ask("POST", TASK, data=b" ")).json["details"][0]["code"] == "empty_body"

    async def test_repeated_key_returns_the_same_task(self, api: Client) -> None:
        """And another request under it is refused."""
        headers = {"Idempotency-Key": "k1"}
        first = await api.ask("POST", TASK, json=README, headers=headers)
        again = await api.ask("POST", TASK, json=README, headers=headers)
        other = await api.ask("POST", TASK, json={**README, "n": 2}, headers=headers)
        assert first.json["data"]["task_id"] == again.json["data"]["task_id"]
        assert again.headers["Idempotent-Replayed"] == "true"
        assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")

    @pytest.mark.parametrize("null", [{"size": None}, {"options": {"seed": None}}, {"model": "", "n": 0}])
    async def test_h19_null_is_absent_for_a_key_too(self, api: Client, null: dict[str, Any]) -> None:
        """H19: whether the first or the repeat spells absence out, the meaning is the same."""
        plain = {**README, "options": {}} if "options" in null else README
        for key, bodies in {"k1": (plain, {**README, **null}), "k2": ({**README, **null}, plain)}.items():
            replies = [await api.ask("POST", TASK, json=body, headers={"Idempotency-Key": key}) for body in bodies]
            assert [reply.status for reply in replies] == [201, 201]
            assert len({reply.json["data"]["task_id"] for reply in replies}) == 1

    async def test_h19_key_used_before_the_upgrade_is_known(self, api: Client) -> None:
        """H19: an older release wrote down the hash of what was sent, nulls and all."""
        body = {**README, "size": None, "options": {"seed": None}}
        old = repeat_of("k1", TASK, body, Caller.local(), 0)
        assert old is not None
        await api.services.submissions.keys.claim(old.key, old.fingerprint, "scripted_img_old")
        reply = await api.ask("POST", TASK, json=body, headers={"Idempotency-Key": "k1"})
        assert reply.json["data"]["task_id"] == "scripted_img_old"

    async def test_h9_zero_values_of_the_old_client_are_absence(self, open_api: Open) -> None:
        """H9: what the old server's own Go struct sends when only the prompt is set."""
        provider = ScriptedProvider()
        zero = {"prompt": "cat", "model": "", "n": 0, "size": "", "quality": "", "style": "", "user_id": "u"}
        async with open_api(provider=provider) as api:
            reply = await api.ask("POST", TASK, json={**zero, "options": None})
            assert reply.status == 201
            task = await api.services.store.get(reply.json["data"]["task_id"])
            assert task is not None
            assert task.input == {"prompt": "cat"}

    async def test_u4_misplaced_field_is_told_by_the_providers_schema(self, open_api: Open) -> None:
        """U4: the installed Volcengine provider knows which of its models takes what."""
        async with open_api(DANQING_DEFAULT_PROVIDER="volcengine", DANQING_DISABLED_PLUGINS="hello") as api:
            body = {**README, "watermark": True, "seed": 1, "image": "x", "response_format": "url", "promt": ""}
            reply = await api.ask("POST", TASK, json=body)
            told = {detail["field"]: detail["code"] for detail in reply.json["details"]}
            assert told == {
                "watermark": "belongs_inside",
                "image": "belongs_inside",
                "response_format": "belongs_inside",
                "seed": "belongs_inside_not_taken",
                "promt": "misspelt_field",
            }

    @pytest.mark.parametrize(
        "wrong",
        [
            {"prompt": "   "},
            {"prompt": "长" * 9000},
            {"size": "10x10"},
            {"size": "99999x1"},
            {"size": "big", "n": 99, "quality": "best", "style": "odd"},
            {"model": "gpt-image-1"},
            {"model": "doubao-seedream-5-0-260128", "options": {"seed": 3, "background": "transparent"}},
            {"options": {"watermark": "yes", "tools": [], "guidance_scale": "x", "stream": 1, "waterMark": True}},
            {"options": {"sequential_image_generation": "auto", "image": ["data:,", "ftp://x/y", 5]}, "n": 3},
            {"options": {"sequential_image_generation_options": {"max_images": 3, "odd": 1}}},
            {"options": {"image": "data:image/png;base64,AAAA"}},
            {"options": {"image": "http://127.0.0.1/a.png", "priority": "urgent", "user_id": "u"}},
        ],
    )
    async def test_u3_provider_speaks_the_clients_language(self, open_api: Open, wrong: dict[str, Any]) -> None:
        """U3: whatever is wrong, who reads Chinese finds no English, and who reads English no Chinese."""
        async with open_api(DANQING_DEFAULT_PROVIDER="volcengine", DANQING_DISABLED_PLUGINS="hello") as api:
            chinese = await api.ask("POST", TASK, json={**README, **wrong})  # the client looks for English
            english = await api.ask("POST", TASK, json={**README, **wrong}, headers={"Accept-Language": "en"})
            assert (chinese.status, english.status) == (400, 400)
            assert re.search(r"[\u4e00-\u9fff]", english.json["message"]) is None
            assert all(detail["code"] for detail in chinese.json["details"])

    async def test_u3_notes_of_a_task_are_in_both_languages(self, open_api: Open) -> None:
        """U3: stored once, read by everybody."""
        body = {**README, "size": "256x256", "quality": "hd", "model": "doubao-seedream-3.0-t2i"}
        async with open_api(DANQING_DEFAULT_PROVIDER="volcengine", DANQING_DISABLED_PLUGINS="hello") as api:
            task_id = (await api.ask("POST", TASK, json=body)).json["data"]["task_id"]
            path = f"/api/v1/tasks/{task_id}"
            chinese = (await api.ask("GET", path)).json["data"]["notes"]
            english = (await api.ask("GET", path, headers={"Accept-Language": "en"})).json["data"]["notes"]
            assert len(chinese) == len(english) > 0
            assert "低于" in "".join(chinese)
            assert "is below the minimum" in "".join(english)

    async def test_client_that_hangs_up_loses_nothing(self, api: Client) -> None:
        """The task is there although nobody waited for the answer."""
        body = b'{"prompt":"a","user_id":"impatient"}'
        _, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(
            b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b"
            % (TASK.encode(), len(body), body)
        )
        await writer.drain()
        writer.close()
        await until(lambda: api.services.store.count_for_user("impatient", Reach.everybody()))


class TestResult:
    @pytest.mark.parametrize(
        ("status", "http", "shown"),
        [
            (Status.PENDING, 202, "pending"),
            (Status.SCHEDULED, 202, "processing"),
            (Status.PROCESSING, 202, "processing"),
            (Status.COMPLETED, 200, "completed"),
            (Status.FAILED, 200, "failed"),
            (Status.CANCELLED, 200, "failed"),
        ],
    )
    async def test_every_status_has_its_answer(self, api: Client, status: Status, http: int, shown: str) -> None:
        """The old words, in the old place."""
        await api.services.store.insert(make_task("scripted_img_1", status))
        reply = await api.ask("GET", f"{RESULT}scripted_img_1")
        assert reply.status == http
        assert (reply.json["data"]["task_id"], reply.json["data"]["status"]) == ("scripted_img_1", shown)
        assert ("Retry-After" in reply.headers) is (http == 202)

    async def test_waiting_has_the_old_text(self, api: Client) -> None:
        """Clients may show it."""
        await api.services.store.insert(make_task("t1"))
        reply = await api.ask("GET", f"{RESULT}t1")
        assert reply.json["data"]["message"] == "任务处理中，请稍后查询"

    async def test_u6_progress_of_a_single_picture_is_estimated(self, open_api: Open) -> None:
        """U6: by the lane's recent pace, on both routes; it grows, and is 1 only at the end."""
        let_go = asyncio.Event()

        async def generate(job: Job, run: Run) -> None:
            await (let_go.wait() if job.input["prompt"] == "slow" else asyncio.sleep(0.05))
            await deliver_all(job, run)

        async with open_api(workers=True, provider=ScriptedProvider(generation=generate)) as api:
            quick = (await api.ask("POST", TASK, json=README)).json["data"]["task_id"]
            await api.system.finished(quick)
            slow = (await api.ask("POST", TASK, json={**README, "prompt": "slow"})).json["data"]["task_id"]

            async def shown(path: str = RESULT) -> float:
                return float((await api.ask("GET", path + slow)).json["data"]["progress"])

            first = await until(shown)
            later = await until(lambda: _above(shown, first))
            assert 0 < first < later < 1
            assert later <= await shown("/api/v1/tasks/") < 1
            assert (await api.system.get(slow)).progress == 0  # nothing is written for it
            let_go.set()
            assert (await api.system.finished(slow)).progress == 1

    async def test_completed_has_the_link_in_both_places(self, api: Client) -> None:
        """Clients read either; its characters are safe in a shell."""
        await api.services.store.insert(make_task("t1", Status.COMPLETED))
        data = (await api.ask("GET", f"{RESULT}t1")).json["data"]
        assert data["image_url"] == data["result"]["image_url"] == f"{api.base}/api/v1/assets/t1/0-abc.png"
        assert data["result"]["cost"]["amount"] == "0.20"
        assert not set("?*[] ") & set(data["image_url"])

    async def test_partial_result_names_what_is_missing(self, api: Client) -> None:
        """One picture is a success."""
        outputs = {"0": failed_picture(0), "1": kept_picture("t1", 1)}
        await api.services.store.insert(make_task("t1", Status.COMPLETED, images=2, outputs=outputs))
        result = (await api.ask("GET", f"{RESULT}t1")).json["data"]["result"]
        assert result["partial"] is True
        assert [image["index"] for image in result["images"]] == [1]
        assert [error["index"] for error in result["errors"]] == [0]

    async def test_pictures_made_so_far_are_shown(self, api: Client) -> None:
        """While the rest is under way."""
        outputs = {"0": kept_picture("t1", 0)}
        await api.services.store.insert(make_task("t1", Status.PROCESSING, images=2, outputs=outputs))
        data = (await api.ask("GET", f"{RESULT}t1")).json["data"]
        assert [image["index"] for image in data["images"]] == [0]

    async def test_failed_says_why_in_both_places(self, api: Client) -> None:
        """`data.error` for programs, the top level for the old clients; no line break for the shell."""
        await api.services.store.insert(make_task("t1", Status.FAILED))
        body = (await api.ask("GET", f"{RESULT}t1")).json
        assert body["data"]["error"]["code"] == "content_rejected"
        assert body["data"]["error"]["message"] == body["message"] == "请求 被拒绝"
        assert body["error"] == "任务失败"

    async def test_cancelled_is_told_by_its_code(self, api: Client) -> None:
        """The true status is in /tasks/:id."""
        await api.services.store.insert(make_task("t1", Status.CANCELLED))
        assert (await api.ask("GET", f"{RESULT}t1")).json["data"]["error"]["code"] == "cancelled"
        assert (await api.ask("GET", "/api/v1/tasks/t1")).json["data"]["status"] == "cancelled"

    @pytest.mark.parametrize("task_id", ["nope", "%00", "$gt", "a/b", "x" * 10_000, "%ff%fe", "..%2f..%2fetc"])
    async def test_unknown_task_has_failed(self, api: Client, task_id: str) -> None:
        """Or the old loop would never end."""
        reply = await api.ask("GET", RESULT + task_id)
        assert reply.status == 404
        assert reply.json["data"]["status"] == "failed"
        assert "task_id" in reply.json["data"]

    async def test_outage_is_no_failure(self, open_api: Open, own_mongod: Any) -> None:
        """503 soon, long before a driver would give up, and the old helper keeps asking instead of buying again."""
        async with open_api(MONGO_URL=own_mongod.url) as api:
            own_mongod.pause()
            try:
                async with asyncio.timeout(10):
                    reply = await api.ask("GET", f"{RESULT}t1")
            finally:
                own_mongod.resume()
            assert (reply.status, reply.json["data"]["status"]) == (503, "processing")
            assert reply.json["retryable"] is True
            assert reply.headers["Retry-After"]


async def _above(look: Callable[[], Awaitable[float]], least: float) -> float | None:
    found = await look()
    return found if found > least else None


SHELL_LOOP = """
TASK_ID=$(curl -s -X POST {base}/api/v1/ai/image/task -H "Content-Type: application/json" \
  -d '{{"prompt": "一只可爱的小猫咪在花园里玩耍", "user_id": "user_123"}}' | jq -r '.data.task_id')
while true; do
  RESULT=$(curl -s -X GET "{base}/api/v1/ai/image/result/$TASK_ID")
  STATUS=$(echo $RESULT | jq -r '.data.status')
  if [ "$STATUS" = "completed" ]; then
    IMAGE_URL=$(echo $RESULT | jq -r '.data.result.image_url')
    echo "图像生成完成: $IMAGE_URL"
    break
  elif [ "$STATUS" = "failed" ]; then
    echo "任务失败"
    break
  else
    sleep 0.1
  fi
done
"""

JQ = """#!{python}
import json, sys
value = json.load(sys.stdin)
for name in sys.argv[2].strip('.').split('.'):
    value = value[name]
print(value)
"""

JAVASCRIPT = """
const base = process.argv[2];
const relative = fetch;
globalThis.fetch = (path, options) => relative(base + path, options);
async function pollTaskResult(taskId, maxAttempts = 30) {
    for (let i = 0; i < maxAttempts; i++) {
        const response = await fetch(`/api/v1/ai/image/result/${taskId}`);
        const result = await response.json();

        if (result.data.status === 'completed') {
            return result.data.result.image_url;
        } else if (result.data.status === 'failed') {
            throw new Error('任务失败');
        }

        await new Promise(resolve => setTimeout(resolve, 100));
    }

    throw new Error('任务超时');
}
const body = JSON.stringify({ prompt: 'a cat', user_id: 'user_123' });
const created = await (await fetch('/api/v1/ai/image/task', { method: 'POST', body })).json();
console.log(await pollTaskResult(created.data.task_id));
await pollTaskResult('nope').catch(error => console.log(error.message));
"""


class TestOldClients:
    async def test_the_shell_loop_ends_with_the_picture(self, open_api: Open, tmp_path: Any) -> None:
        """As the old README has it, but for the length of the pause."""
        jq = tmp_path / "jq"
        jq.write_text(JQ.format(python=sys.executable))
        jq.chmod(0o755)
        async with open_api(workers=True) as api:
            script = SHELL_LOOP.format(base=api.base)
            output = await _run(["bash", "-c", script], PATH=f"{tmp_path}:{path_with('curl')}")
            link = output.removeprefix("图像生成完成: ").strip()
            assert (await api.ask("GET", link.removeprefix(api.base))).body.startswith(b"\x89PNG")

    async def test_the_javascript_helper_gets_the_picture(self, open_api: Open, tmp_path: Any) -> None:
        """And throws for a task that does not exist."""
        node = shutil.which("node")
        if node is None:
            pytest.skip("node is not installed")
        script = tmp_path / "client.mjs"
        script.write_text(JAVASCRIPT)
        async with open_api(workers=True) as api:
            link, error = (await _run([node, str(script), api.base])).splitlines()
            assert (await api.ask("GET", link.removeprefix(api.base))).status == 200
            assert error == "任务失败"


async def _run(command: list[str], **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment or None
    )
    async with asyncio.timeout(30):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()
