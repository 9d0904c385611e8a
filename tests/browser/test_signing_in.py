"""Checks 22 and 23 in a browser: signing in, staying signed in, and what each may see."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import expect

from tests.browser.conftest import ADMIN, CHEN, KEYS, LIN, WU, OpenPage, Studio, Watched
from tests.browser.test_axe import violations
from tests.support.examples import starting

EVERYTHING_KEPT = """async () => JSON.stringify([
  {...localStorage}, {...sessionStorage}, document.cookie, location.href, history.state,
  await indexedDB.databases(), await globalThis.caches?.keys(), document.documentElement.outerHTML])"""

ASK = """
() => {
  const base = document.querySelector('script[type=module]').src.replace(/main\\.js$/, '');
  window.found = import(base + 'api.js').then(({ api }) => api.get('/tasks', { limit: 1 }));
}
"""

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A server that asks for keys, and where it writes its log."""
    folder = tmp_path_factory.mktemp("guarded")
    with starting(folder, {**KEYS, "LOG_LEVEL": "debug"}) as serve:
        serve.until_ready(timeout_s=90)
        yield serve.base_url, folder


@pytest.fixture(scope="module")
def base(guarded: tuple[str, Path]) -> str:
    """How that server is reached."""
    return guarded[0]


async def sign_in(page: Any, key: str, name: str = "Lin") -> None:
    """Fill the dialog and send it."""
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Your name").fill(name)
    await dialog.get_by_label("API key").fill(key)
    await dialog.get_by_label("API key").press("Enter")


async def signed_in(open_page: OpenPage, base: str, key: str, name: str = "Lin", **options: Any) -> Any:
    """Open the studio as whoever has *key*."""
    page = await open_page("/studio/", base_url=base, **options)
    await sign_in(page, key, name)
    await expect(page.get_by_role("dialog")).to_have_count(0)
    return page


class TestSigningIn:
    async def test_key_opens_the_studio_and_is_kept_nowhere(
        self, open_page: OpenPage, guarded: tuple[str, Path]
    ) -> None:
        """Not in the page, a storage, an address or the log; the cookie is none that a script could read."""
        base, folder = guarded
        page = await open_page("/studio/tasks", base_url=base)
        await expect(page.get_by_role("dialog", name="Sign in")).to_be_visible()
        await page.keyboard.press("Escape")  # there is nothing behind it
        await expect(page.get_by_label("Your name")).to_be_focused()
        assert await violations(page) == {}
        await sign_in(page, LIN)
        await expect(page.get_by_role("button", name="Lin", exact=True)).to_be_visible()
        [cookie] = await page.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
        kept = await page.evaluate(EVERYTHING_KEPT)
        log = "".join((folder / name).read_text() for name in ("output.txt", "errors.txt"))
        assert LIN not in kept + log
        assert cookie["value"] not in kept + log
        await page.reload()
        await expect(page.get_by_role("button", name="Lin", exact=True)).to_be_visible()

    @pytest.mark.parametrize("name", ["Wilhelmina-" * 11, "诸葛" * 40, "שלום 🏔️ " * 12])
    async def test_a_long_name_leaves_room_for_the_places(self, open_page: OpenPage, base: str, name: str) -> None:
        """It is cut where it stands, and whole as its title."""
        page = await signed_in(open_page, base, LIN, name.strip(), width=961)
        person = page.locator(".bar-person")
        await expect(person).to_be_visible()
        assert await person.get_attribute("title") == name.strip()
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        await expect(page.get_by_role("link", name="Settings", exact=True)).to_be_in_viewport(ratio=1)

    async def test_late_refusal_asks_for_no_key_that_is_there(self, open_page: OpenPage, base: str) -> None:
        """What was asked before somebody signed in is asked again, without a word."""
        page = await open_page("/studio/", base_url=base)
        refused, released = asyncio.Event(), asyncio.Event()

        async def late(route: Any) -> None:
            if refused.is_set():
                await route.continue_()
                return
            answer = await route.fetch()
            refused.set()
            await released.wait()
            await route.fulfill(response=answer)

        await expect(page.get_by_role("dialog", name="Sign in")).to_be_visible()
        await page.route("**/api/v1/tasks?limit=1", late)
        await page.evaluate(ASK)
        await refused.wait()
        await sign_in(page, LIN)
        await expect(page.get_by_role("dialog")).to_have_count(0)
        released.set()
        async with asyncio.timeout(15):
            assert await page.evaluate("window.found.then(({ tasks }) => tasks)") == []
        await expect(page.get_by_role("dialog")).to_have_count(0)

    async def test_sixth_wrong_key_has_to_wait(self, open_page: OpenPage, base: str) -> None:
        """The dialog says what is wrong, then for how long; a key that was right from here before is let in."""
        elsewhere = {"extra_http_headers": {"X-Forwarded-For": "10.9.9.9"}}
        await signed_in(open_page, base, LIN, **elsewhere)
        page = await open_page("/studio/", base_url=base, **elsewhere)
        button = page.get_by_role("dialog").get_by_role("button", name="Sign in", exact=True)
        for at in range(5):
            await sign_in(page, f"wrong-key-{at:08}")
            await expect(page.get_by_label("API key")).to_have_attribute("aria-invalid", "true")
            await expect(button).to_be_enabled()
        await sign_in(page, CHEN)
        await expect(
            page.get_by_text(re.compile(r"Too many wrong keys\. Try again in \d+ seconds"))
        ).to_be_visible()
        await expect(button).to_be_disabled()
        assert await violations(page) == {}
        await signed_in(open_page, base, LIN, **elsewhere)

    async def test_signing_out_ends_it_in_every_tab(self, open_page: OpenPage, base: str) -> None:
        """And the cookie that was is worth nothing; what was written is not there for the next."""
        page = await signed_in(open_page, base, LIN)
        cookies = await page.context.cookies()
        other = await page.context.new_page()
        await other.goto("/studio/")
        for tab in (page, other):
            await tab.get_by_role("textbox", name="Prompt", exact=True).fill("a secret garden")
        await page.get_by_role("button", name="Paint").click()
        await expect(page.get_by_role("article", name="a secret garden")).to_be_visible()
        await page.get_by_role("button", name="Lin", exact=True).click()
        await page.get_by_role("menuitem", name="Sign out").click()
        await expect(page.get_by_role("dialog", name="Sign in")).to_be_visible()
        await expect(other.get_by_role("dialog", name="Sign in")).to_be_visible()
        assert await page.context.cookies() == []
        await sign_in(page, CHEN, "Chen")
        await expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_have_value("")
        assert "a secret garden" not in await page.evaluate(EVERYTHING_KEPT)
        await page.context.clear_cookies()
        await page.context.add_cookies(cookies)
        await page.reload()
        await expect(page.get_by_role("dialog", name="Sign in")).to_be_visible()

    async def test_signing_in_in_one_tab_opens_the_others(self, open_page: OpenPage, base: str) -> None:
        """Nothing is asked twice."""
        page = await open_page("/studio/", base_url=base)
        other = await page.context.new_page()
        await other.goto("/studio/costs")
        await expect(other.get_by_role("dialog", name="Sign in")).to_be_visible()
        await sign_in(page, LIN)
        await expect(other.get_by_role("button", name="Lin", exact=True)).to_be_visible()
        await expect(other.get_by_role("dialog")).to_have_count(0)

    async def test_no_keys_no_sign_in(self, page: Any) -> None:
        """The machine's own people are not asked, and there is nobody to sign out."""
        await expect(page.get_by_role("link", name="Queue", exact=True)).to_be_visible()
        await expect(page.get_by_role("dialog")).to_have_count(0)


async def two_keys(house: Studio, name: str) -> list[tuple[str, str]]:
    """Make a project with two keys; return their ids and secrets."""
    project = await house.ask("POST", "/api/v1/projects", {"name": name})
    body = {"project": project["id"], "name": "k"}
    made = [await house.ask("POST", "/api/v1/keys", body) for _ in range(2)]
    return [(each["key"]["id"], each["secret"]) for each in made]


async def painted_as(house: Studio, secret: str, prompt: str) -> list[Any]:
    """Return the tasks of that prompt which a key sees."""
    found = await house.ask("GET", f"/api/v1/tasks?q={prompt}", headers={"authorization": f"Bearer {secret}"})
    return list(found["tasks"])


class TestRevoked:
    async def test_revoked_key_asks_again_and_the_form_goes_on(
        self, open_page: OpenPage, base: str, house: Studio
    ) -> None:
        """What is typed stays, is sent once the next key is there, and once only; put off, it stays as it is."""
        [(first, secret), (_, successor)] = await two_keys(house, "poster shop")
        page = await signed_in(open_page, base, secret)
        prompt = page.get_by_role("textbox", name="Prompt")
        await prompt.fill("a fox of the poster shop")
        paint = page.get_by_role("button", name=re.compile("^Paint"))
        await expect(paint).to_contain_text("·")
        await house.ask("POST", f"/api/v1/keys/{first}/revoke")
        await paint.click()
        dialog = page.get_by_role("dialog", name="Sign in again")
        await expect(dialog).to_contain_text("What you typed is kept")
        await page.keyboard.press("Escape")
        await expect(page.get_by_text("You are signed out. What you typed is kept.").first).to_be_visible()
        await expect(prompt).to_have_value("a fox of the poster shop")
        assert await painted_as(house, successor, "fox") == []
        async with asyncio.timeout(20):  # two presses within a moment are one
            while not await dialog.is_visible():
                await paint.dispatch_event("click")
        await sign_in(page, successor)
        await expect(dialog).to_have_count(0)
        await expect(page.get_by_text("You are signed out.")).to_have_count(0)
        await expect(prompt).to_have_value("a fox of the poster shop")
        await expect(page.get_by_role("article", name="a fox of the poster shop")).to_be_visible()
        [task] = await painted_as(house, successor, "fox")
        assert task["user_id"] == "Lin"

    async def test_another_projects_key_sends_nothing_of_the_first(
        self, open_page: OpenPage, base: str, house: Studio
    ) -> None:
        """What waited was meant to be paid by somebody else: the page begins anew."""
        [(first, secret), _] = await two_keys(house, "tea shop")
        page = await signed_in(open_page, base, secret)
        await page.get_by_role("textbox", name="Prompt").fill("a teapot of the tea shop")
        paint = page.get_by_role("button", name=re.compile("^Paint"))
        await expect(paint).to_contain_text("·")
        await house.ask("POST", f"/api/v1/keys/{first}/revoke")
        await paint.click()
        await sign_in(page, LIN)
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(page.get_by_role("textbox", name="Prompt")).to_be_visible()
        assert await painted_as(house, LIN, "teapot") == []


class TestRights:
    async def test_one_key_is_shown_nothing_of_another(self, open_page: OpenPage, base: str, house: Studio) -> None:
        """Check 23: not in any place, nor as it happens, though the other is called alike."""
        [(_, secret), _] = await two_keys(house, "other shop")
        pages = [await signed_in(open_page, base, secret) for _ in range(2)]
        await pages[1].goto("/studio/tasks")
        bearer = {"authorization": f"Bearer {LIN}"}
        body = {
            "type": "image",
            "model": "doubao-seedream-4-0-250828",
            "input": {"prompt": "hidden heron"},
            "user_id": "Lin",
        }
        made = await house.ask("POST", "/api/v1/ai/tasks", body, headers=bearer)
        await house.ask("GET", f"/api/v1/tasks/{made['id']}", headers={**bearer, "prefer": "wait=20"})
        for page in pages:
            assert "heron" not in await page.content()
        for place in ("", "gallery", "tasks", "queue", "costs"):
            await pages[0].goto(f"/studio/{place}")
            await pages[0].wait_for_load_state("networkidle")
            shown = await pages[0].content()
            assert "heron" not in shown
            assert made["id"] not in shown

    async def test_who_is_signed_in_is_listed_and_ended(
        self, open_page: OpenPage, base: str, house: Studio
    ) -> None:
        """From Settings; the other browser is asked for its key at its next step."""
        [(_, secret), _] = await two_keys(house, "lost phone")
        lost = await signed_in(open_page, base, secret, "Phone")
        page = await signed_in(open_page, base, secret)
        await page.goto("/studio/settings/sessions")
        rows = page.get_by_role("main").get_by_role("listitem")
        await expect(rows).to_have_count(2)
        await expect(rows.filter(has_text="this browser")).to_contain_text("Lin")
        await rows.filter(has_text="Phone").get_by_role("button", name="Sign out").click()
        await expect(rows).to_have_count(1)
        await lost.reload()
        await expect(lost.get_by_role("dialog", name="Sign in")).to_be_visible()

    async def test_viewer_is_shown_costs_alone(self, open_page: OpenPage, base: str) -> None:
        """Wherever they come in."""
        page = await signed_in(open_page, base, WU, name="Ms Wu")
        await expect(page).to_have_url(re.compile("/studio/costs$"))
        places = page.get_by_role("navigation", name="Places").get_by_role("link")
        assert await places.all_inner_texts() == ["Costs"]
        await page.goto("/studio/tasks")
        await expect(page.get_by_text("Your key does not show this place.")).to_be_visible()

    async def test_viewer_is_told_of_no_lost_connection(self, open_page: OpenPage, base: str) -> None:
        """Nor asks for what it may not have; whether the server is there it sees."""
        page = await signed_in(open_page, base, WU, name="Ms Wu")
        async with page.expect_response("**/health") as asked:
            pass
        assert (await asked.value).ok
        await expect(page.get_by_text("Not connected since")).to_have_count(0)
        await expect(page.get_by_text("simulated and cost nothing")).to_be_visible()
        await expect(page.get_by_role("link", name="How to go live")).to_have_count(0)

    async def test_operator_reads_another_projects_task(self, open_page: OpenPage, base: str) -> None:
        """Check 23: the row comes without its prompt; who opens the task sees all of it and changes nothing."""
        async with aiohttp.ClientSession(headers={"authorization": f"Bearer {LIN}"}) as http:
            task = await Studio(base, http).painted("what Lin alone may read")
            waiting = await Studio(base, http).paint("what Lin asked for later", delay=3600)
        async with aiohttp.ClientSession(headers={"authorization": f"Bearer {CHEN}"}) as http:
            await Studio(base, http).painted("what Chen made")
        page = await signed_in(open_page, base, CHEN, name="Chen")
        await page.goto("/studio/tasks")
        await expect(page.get_by_role("main")).to_contain_text("lin")
        await expect(page.get_by_role("main")).not_to_contain_text("what Lin alone may read")
        await page.goto(f"/studio/tasks?task={task['id']}")
        sheet = page.get_by_role("dialog", name="Task", exact=True)
        await expect(sheet).to_contain_text("what Lin alone may read")
        await expect(sheet).to_contain_text("Another project’s task")
        await expect(sheet.get_by_role("button", name="Delete")).to_have_count(0)
        await page.goto(f"/studio/tasks?task={waiting['id']}")
        await expect(sheet.locator(".waits")).to_contain_text("scheduled")

    async def test_operator_chooses_its_own_alone(self, open_page: OpenPage, base: str) -> None:
        """Others' rows have nothing to choose by, and are not counted; one project is asked for by its name."""
        for key, prompt in ((LIN, "Lin's own"), (CHEN, "Chen's own")):
            async with aiohttp.ClientSession(headers={"authorization": f"Bearer {key}"}) as http:
                await Studio(base, http).painted(prompt, user_id="choosing")
        page = await signed_in(open_page, base, CHEN, name="Chen")
        await page.goto("/studio/tasks?user_id=choosing")
        rows = page.locator(".tasks-line")
        await expect(rows).to_have_count(2)
        await expect(rows.get_by_role("checkbox")).to_have_count(1)
        await page.get_by_role("checkbox", name="Choose all").check()
        await expect(page.get_by_text("1 chosen", exact=True)).to_be_visible()
        await page.get_by_role("textbox", name="Project").fill("lin")
        await expect(rows).to_have_count(1)
        await expect(rows).to_contain_text("(of project lin)")
        await expect(rows.get_by_role("checkbox")).to_have_count(0)

    async def test_administrator_makes_nothing(self, open_page: OpenPage, base: str) -> None:
        """So there is no Create."""
        page = await signed_in(open_page, base, ADMIN, name="Ops")
        places = page.get_by_role("navigation", name="Places").get_by_role("link")
        await expect(places).to_have_text(["Tasks", "Queue", "Costs", "Settings"])


@pytest_asyncio.fixture(loop_scope="session")
async def other_program() -> AsyncIterator[str]:
    """Another program of this machine, on a port of its own: to a browser its pages are of the same site."""

    async def show(_request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>another program</title>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", show)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


ATTACKS = """async (base) => {
  const tried = [];
  const attempt = async (path, options) => {
    try {
      const answer = await fetch(base + path, { credentials: 'include', ...options });
      tried.push([path, answer.type, (await answer.text()).length]);
    } catch {
      tried.push([path, 'refused', 0]);
    }
  };
  await attempt('/api/v1/tasks', {});
  await attempt('/studio/session', {});
  await attempt('/studio/session', { method: 'DELETE', headers: { 'x-danqing-studio': '1' } });
  const plain = { method: 'POST', headers: { 'content-type': 'text/plain' } };
  const task = { type: 'image', model: 'doubao-seedream-4-0-250828', input: { prompt: 'stolen' }, user_id: 'x' };
  const body = JSON.stringify(task);
  await attempt('/api/v1/ai/tasks', { ...plain, body });
  await attempt('/api/v1/ai/tasks', { ...plain, mode: 'no-cors', body });
  await attempt('/studio/session', { ...plain, mode: 'no-cors', body: '{"key": "chen-secret-012345"}' });
  return tried;
}"""


class TestOtherPages:
    async def test_page_of_another_port_reads_and_changes_nothing(
        self, open_page: OpenPage, base: str, house: Studio, other_program: str, watched: Watched
    ) -> None:
        """Its requests carry the cookie: `SameSite` knows no ports."""
        watched.expect("")
        page = await signed_in(open_page, base, LIN)
        before = await page.context.cookies()
        foreign = await page.context.new_page()
        await foreign.goto(other_program)
        tried = await foreign.evaluate(ATTACKS, base)
        assert [read for _, _, read in tried] == [0] * 6
        assert [(one["name"], one["value"]) for one in await page.context.cookies()] == [
            (one["name"], one["value"]) for one in before
        ]
        await page.reload()
        await expect(page.get_by_role("button", name="Lin", exact=True)).to_be_visible()
        tasks = await house.ask("GET", "/api/v1/tasks?user_id=x")
        assert tasks["tasks"] == []
