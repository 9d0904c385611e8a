"""The JavaScript client against the running server, in Node; and its types, by TypeScript's own compiler."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.client_libraries import CLIENT, needs_node, run
from tests.support.servers import RunningServer
from tests.support.whole import bills_of

pytestmark = [pytest.mark.clients, needs_node]


class TestGenerate:
    def test_ten_lines(self, base: str) -> None:
        """A prompt in, bytes out."""
        found = run(
            """
            const task = await danqing.generate("山水 of the javascript client", { input });
            const bytes = await danqing.download(task.output.images[0]);
            const said = task.output.images[0].size_bytes;
            return { status: task.status, user: task.user_id, size: bytes.length, said };
            """,
            base,
        )
        assert (found["status"], found["user"], found["size"]) == ("completed", "tester", found["said"])

    async def test_a_submission_whose_answer_was_cut_is_bought_once(
        self, base: str, sandbox: RunningServer
    ) -> None:
        """It repeats itself under its key, and finds its task."""
        prompt = "a hill whose answer javascript lost"
        found = run(
            f"""
            let cut = 0;
            const cutting = async (url, request) => {{
              const answer = await fetch(url, request);
              if (request.method === "POST" && cut++ === 0) throw new TypeError("terminated");
              return answer;
            }};
            const other = new Danqing({{ url: danqing.url, key: danqing.key, fetch: cutting }});
            const task = await other.generate({json.dumps(prompt)}, {{ input }});
            return {{ cut, status: task.status }};
            """,
            base,
        )
        assert found == {"cut": 2, "status": "completed"}
        assert len(await bills_of(sandbox, prompt)) == 1

    def test_errors_say_what_is_wrong(self, base: str) -> None:
        """Of a field, of a task, of the key, of time."""
        found = run(
            """
            const caught = [];
            const attempts = [
              () => danqing.submit("a hill", { input: { size: "huge" } }),
              () => danqing.generate("a hill [sandbox:moderation]", { input }),
              () => new Danqing({ url: danqing.url, key: "nobodys" }).get("any"),
              () => danqing.generate("a hill", { input, delay: 600, timeoutMs: 200 }),
              () => danqing.generate("a hill", { input, delay: 600, signal: AbortSignal.timeout(300) }),
            ];
            for (const attempt of attempts) caught.push(await attempt().then(() => null, failure));
            return caught;
            """,
            base,
        )
        assert [each["name"] for each in found] == [
            "ApiError",
            "TaskFailed",
            "ApiError",
            "WaitTimeout",
            "TimeoutError",
        ]
        assert found[0]["details"][0]["field"] == "input.size"
        assert found[1]["task"]["error"]["billed"] == "no"
        assert (found[2]["status"], found[2]["code"]) == (401, "invalid_api_key")

    def test_moves_and_lists(self, base: str) -> None:
        """A cancellation whose answer was lost is done; pages are gone through."""
        found = run(
            """
            const ids = [];
            for (const number of [0, 1, 2]) {
              ids.unshift((await danqing.submit(`hill ${number}`, { input, delay: 600, userId: "many" })).id);
            }
            let cut = 0;
            const cutting = async (url, request) => {
              const answer = await fetch(url, request);
              if (String(url).endsWith("/cancel") && cut++ === 0) throw new TypeError("terminated");
              return answer;
            };
            const other = new Danqing({ url: danqing.url, key: danqing.key, fetch: cutting });
            const cancelled = await other.cancel(ids[0]);
            await danqing.delete(ids[2]);
            const listed = [];
            for await (const task of danqing.tasks({ user_id: "many", limit: 1 })) listed.push(task.id);
            return { cancelled: cancelled.status, left: listed.join() === ids.slice(0, 2).join(), cut };
            """,
            base,
        )
        assert found == {"cancelled": "cancelled", "left": True, "cut": 2}


class TestWebhooks:
    def test_the_vector_of_the_specification(self) -> None:
        """Standard Webhooks 1.0.0; and what is not signed so."""
        found = run(
            """
            const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
            const headers = {
              "Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
              "Webhook-Timestamp": "1614265330",
              "Webhook-Signature": "v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            };
            const now = () => 1614265330;
            const good = await verifyWebhook(secret, headers, '{"test": 2432232314}', { now });
            const bad = [
              [headers, '{"test": 2432232315}', now],
              [headers, '{"test": 2432232314}', () => 1614265330 + 301],
              [{ ...headers, "Webhook-Id": "other" }, '{"test": 2432232314}', now],
              [{}, '{"test": 2432232314}', now],
            ];
            const names = [];
            for (const [given, body, time] of bad) {
              const verified = verifyWebhook(secret, given, body, { now: time });
              names.push(await verified.then(() => "taken", (error) => error.name));
            }
            return { good, names };
            """
        )
        told = {"type": "", "timestamp": "", "data": {"test": 2432232314}}  # as what is told in another's words
        assert found["good"] == {"id": "msg_p5jXN8AQM9LWM0D4loKWxJek", **told}
        assert found["names"] == ["WrongSignature"] * 4


@pytest.mark.clients
class TestTypes:
    def test_a_program_in_typescript(self, tmp_path: Path) -> None:
        """What README shows compiles under `strict`, and what is wrong does not."""
        if shutil.which("npm") is None:
            pytest.skip("there is no npm")
        shutil.copytree(CLIENT, tmp_path / "node_modules" / "danqing-client")
        readme = (CLIENT / "README.md").read_text()
        shown = [block.partition("```")[0] for block in readme.split("```ts\n")[1:]]
        (tmp_path / "generate.ts").write_text(shown[0])
        (tmp_path / "verify.ts").write_text(
            f"declare const SECRET: string, request: Request, body: Uint8Array;\n{shown[1]}"
        )
        (tmp_path / "wrong.ts").write_text(
            'import { Danqing } from "danqing-client";\n'
            "// @ts-expect-error\nawait new Danqing().generate(1);\n"
            '// @ts-expect-error\nawait new Danqing().submit("a", { delay: "soon" });\n'
            "// @ts-expect-error\nfor await (const row of new Danqing().tasks()) row.output;\n"
        )
        (tmp_path / "node.ts").write_text(
            'import { createServer } from "node:http";\nimport { Danqing, verifyWebhook } from "danqing-client";\n'
            'createServer((request) => verifyWebhook("whsec_", request.headers, ""));\n'
            "for await (const row of new Danqing().tasks({ partial: true, status: undefined })) row.url;\n"
        )
        (tmp_path / "package.json").write_text('{"type": "module", "private": true}')
        install = ["npm", "install", "--no-audit", "--no-fund", "--no-save", "typescript@5", "@types/node@20"]
        subprocess.run(install, cwd=tmp_path, check=True, capture_output=True, timeout=180)
        if not (tmp_path / "node_modules" / "danqing-client").exists():  # npm prunes what it did not install
            shutil.copytree(CLIENT, tmp_path / "node_modules" / "danqing-client")
        options = [
            "--noEmit",
            "--strict",
            "--target",
            "es2022",
            "--module",
            "nodenext",
            "--noUncheckedIndexedAccess",
        ]
        files = ["generate.ts", "verify.ts", "node.ts", "wrong.ts"]
        ran = subprocess.run(
            [str(tmp_path / "node_modules" / ".bin" / "tsc"), *options, *files],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout
