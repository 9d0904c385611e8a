"""The JavaScript client where answers are cut, slow, refused, or somebody else's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.client_libraries import needs_node, run

pytestmark = [pytest.mark.clients, needs_node]

SERVER = """
    const { createServer } = await import("node:http");
    const { createHash } = await import("node:crypto");
    const asked = [];
    const serve = (answer) => new Promise((resolve) => {
      const server = createServer((request, response) => {
        asked.push({ url: request.url, prefer: request.headers.prefer, key: request.headers["idempotency-key"],
                     authorization: request.headers.authorization ?? null });
        answer(request, response, asked.length);
      });
      server.unref().listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${server.address().port}`));
    });
    const task = { id: "t", status: "completed" };
    const tell = (response, data, status = 200, headers = {}) => {
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(JSON.stringify(data));
    };
    const cut = (response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
      response.write('{"success": true, "da', () => response.destroy());
    };
    const hurried = (times) => {
      const [usual, timeout] = [globalThis.setTimeout, AbortSignal.timeout.bind(AbortSignal)];
      globalThis.setTimeout = (call, ms, ...rest) => usual(call, ms / times, ...rest);
      AbortSignal.timeout = (ms) => timeout(ms / times);
      return usual;
    };
"""


def served(script: str) -> Any:
    """Return what *script* returns, which may `serve`, and run `hurried`: so many times as fast as clocks go."""
    return run(SERVER + script)


class TestAnswersThatAreCut:
    def test_a_submission_is_repeated_under_its_key(self) -> None:
        """Also when half of its answer had come."""
        found = served(
            """
            const url = await serve((request, response, times) =>
              times === 1 ? cut(response) : tell(response, { data: task }));
            const submitted = await new Danqing({ url }).submit("a hill", { model: "m" });
            return { id: submitted.id, times: asked.length, once: new Set(asked.map((each) => each.key)).size };
            """
        )
        assert found == {"id": "t", "times": 2, "once": 1}

    def test_a_retry_is_repeated_under_its_key(self) -> None:
        """What it began may have failed by then, and is not begun a second time."""
        found = served(
            """
            const url = await serve((request, response, times) =>
              times % 2 ? cut(response) : tell(response, { data: task }));
            const danqing = new Danqing({ url });
            await danqing.retry("t");
            await danqing.retry("t");
            const keys = asked.map((each) => each.key);
            return { keys: keys.filter(Boolean).length, different: new Set(keys).size };
            """
        )
        assert found == {"keys": 4, "different": 2}

    def test_a_picture_is_fetched_again(self) -> None:
        """It is there, and whole, on the server."""
        found = served(
            """
            const whole = Buffer.from('{"success": true, "data": "a picture"}');
            const url = await serve((request, response, times) =>
              times === 1 ? cut(response) : response.end(whole));
            const sha256 = createHash("sha256").update(whole).digest("hex");
            const bytes = await new Danqing({ url }).download({ index: 0, url: `${url}/a.png`, sha256 });
            return { size: bytes.length, times: asked.length };
            """
        )
        assert found == {"size": 38, "times": 2}

    def test_one_that_is_cut_each_time_is_an_error_of_the_connection(self) -> None:
        """By its name, so that a program that catches it does."""
        found = served(
            """
            const url = await serve((request, response) => cut(response));
            await new Danqing({ url, retries: 1 }).get("t");
            """
        )
        assert found["thrown"]["name"] == "ConnectionFailed"


class TestAnswersThatAreSlow:
    def test_a_large_file_takes_its_time(self) -> None:
        """As long as there is something of it every now and then."""
        found = served(
            """
            const usual = hurried(50);
            const url = await serve(async (request, response) => {
              for (let piece = 0; piece < 10; piece += 1) {
                response.write("x".repeat(10));
                await new Promise((wake) => usual(wake, 300));
              }
              response.end();
            });
            const sha256 = createHash("sha256").update("x".repeat(100)).digest("hex");
            const output = { index: 0, url: `${url}/a.mp4`, sha256 };
            return (await new Danqing({ url, retries: 0 }).download(output)).length;
            """
        )
        assert found == 100

    def test_who_waits_no_longer_is_not_held_by_a_server_that_is_silent(self) -> None:
        """For eleven seconds, of which each takes a twentieth here, and not for seventy-five."""
        found = served(
            """
            hurried(20);
            const url = await serve(() => {});
            const begun = Date.now();
            const waiting = new Danqing({ url, retries: 0 }).wait("t", { timeoutMs: 100 });
            const name = await waiting.catch((error) => error.name);
            return { name, ms: Date.now() - begun };
            """
        )
        assert found["name"] == "ConnectionFailed"
        assert found["ms"] < 75_000 / 20


class TestRefusals:
    def test_where_no_more_calls_may_wait_one_asks_without(self) -> None:
        """However often waiting is refused."""
        found = served(
            """
            const url = await serve((request, response) => request.headers.prefer
              ? tell(response, { code: "overloaded" }, 429, { "retry-after": "0" })
              : tell(response, { data: task }));
            return (await new Danqing({ url, retries: 1 }).wait("t")).status;
            """
        )
        assert found == "completed"

    def test_a_proxy_that_cuts_what_waits_ends_no_wait(self) -> None:
        """However often it does, for as long as the task goes on."""
        found = served(
            """
            const left = ["processing", "processing", "completed"];
            const url = await serve((request, response) => request.headers.prefer
              ? response.destroy()
              : tell(response, { data: { ...task, status: left.shift() } }));
            return (await new Danqing({ url, retries: 1 }).wait("t")).status;
            """
        )
        assert found == "completed"

    def test_what_is_no_danqing_server_is_called_so(self) -> None:
        """A page that asks to sign in, say, is no task."""
        found = served(
            """
            const url = await serve((request, response) => response.end("<html>"));
            await new Danqing({ url }).get("t");
            """
        )
        assert (found["thrown"]["name"], found["thrown"]["status"]) == ("ApiError", 200)
        assert "no danqing server" in found["thrown"]["message"]

    def test_a_surrounding_without_web_crypto_is_told(self) -> None:
        """Node 18 has none, and was promised once: nothing is sent that could not be repeated under a key."""
        found = served(
            """
            delete globalThis.crypto;
            const url = await serve((request, response) => tell(response, { data: task }));
            const failed = await new Danqing({ url }).submit("a hill", { model: "m" }).catch((error) => error);
            return { name: failed.name, message: failed.message, asked: asked.length };
            """
        )
        assert (found["name"], found["asked"]) == ("DanqingError", 0)
        assert "Node 20" in found["message"]

    def test_an_option_that_is_none_is_named(self) -> None:
        """A size beside the input would buy a picture of another one."""
        found = served(
            """await new Danqing({ url: "http://127.0.0.1:1" }).generate("a hill", { model: "m", size: "1K" });"""
        )
        assert found["thrown"]["name"] == "DanqingError"
        assert "size" in found["thrown"]["message"]


class TestWhere:
    def test_a_server_may_be_under_a_path(self) -> None:
        """Of a proxy that has others beside it."""
        found = served(
            """
            const url = await serve((request, response) => tell(response, { data: task }));
            await new Danqing({ url: `${url}/danqing/` }).get("t");
            return asked[0].url;
            """
        )
        assert found == "/danqing/api/v1/tasks/t"

    def test_an_empty_variable_is_none(self) -> None:
        """As Compose files leave them."""
        found = served(
            """
            Object.assign(process.env, { DANQING_URL: "", DANQING_KEY: "", DANQING_USER_ID: "" });
            const { url, key, userId } = new Danqing();
            return [url, key, userId, new Danqing({ key: "" }).key];
            """
        )
        assert found == ["http://127.0.0.1:8080", None, "default", None]

    def test_a_filter_that_is_undefined_is_none(self) -> None:
        """As a program has it that passes on what it was given."""
        found = served(
            """
            const page = { tasks: [task], next_cursor: null };
            const url = await serve((request, response) => tell(response, { data: page }));
            for await (const row of new Danqing({ url }).tasks({ status: undefined, partial: true })) void row;
            return asked[0].url;
            """
        )
        assert found == "/api/v1/tasks?partial=true"


class TestKeys:
    def test_null_is_no_idempotency_key(self) -> None:
        """As for every other option: two submissions of "null" were one."""
        found = run(
            SERVER
            + """
            const url = await serve((request, response) => tell(response, { data: task }, 201));
            const danqing2 = new Danqing({ url, key: "k" });
            for (const idempotencyKey of [null, undefined, "mine"]) {
              await danqing2.submit("a hill", { model: "m", idempotencyKey });
            }
            return asked.map((each) => each.key);
            """
        )
        assert found[2] == "mine"
        assert len({*found}) == 3
        assert "null" not in found
