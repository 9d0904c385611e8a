"""Settings: keys, limits, webhooks, plugins, each for whom it is."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.browser.conftest import PATIENCE_MS, OpenPage, Studio
from tests.browser.test_axe import violations
from tests.support.examples import starting
from tests.support.installed import all_but
from tests.support.receiver import Receiver, run_receiver
from tests.support.studio_plugins import write_plugins

expect.set_options(timeout=PATIENCE_MS)

ADMIN, SHOP, BOOKS = "a" * 24, "s" * 24, "b" * 24


@pytest.fixture(scope="module")
def receiving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A receiver of webhooks."""
    with run_receiver(tmp_path_factory.mktemp("receiver")) as receiver:
        yield receiver


@pytest.fixture(scope="module")
def guarded_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that asks for keys, has a viewer, may send to loopback, and finds two plugins of ours."""
    variables = {
        "DANQING_ADMIN_KEY": ADMIN,
        "DANQING_API_KEYS": f"shop:{SHOP},books:{BOOKS}",
        "DANQING_VIEWERS": "books",
        "DANQING_WEBHOOK_TARGETS": "127.0.0.0/8",
        "DANQING_DISABLED_PLUGINS": all_but("volcengine"),
        "PYTHONPATH": str(write_plugins(tmp_path_factory.mktemp("plugins"))),
    }
    with starting(tmp_path_factory.mktemp("guarded"), variables) as serve:
        serve.until_ready(timeout_s=90)
        yield serve.base_url


@pytest_asyncio.fixture(loop_scope="session")
async def guarded(guarded_url: str) -> AsyncIterator[Studio]:
    """That server's API."""
    async with aiohttp.ClientSession() as http:
        yield Studio(guarded_url, http)


async def sign_in(open_page: OpenPage, url: str, key: str, part: str = "", *, place: bool = True) -> Any:
    """Open a part of Settings as whom *key* belongs to; *place* False: it has none."""
    page = await open_page(f"/studio/settings/{part}", base_url=url)
    await page.get_by_label("API key").fill(key)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    if place:
        await expect(page.get_by_role("heading", name="Settings", exact=True)).to_be_visible()
    return page


async def status_of(studio: Studio, path: str, key: str, body: Any = None) -> tuple[int, str | None]:
    """Ask with a key, posting *body*; return the status and the code of a refusal."""
    headers, method = {"Authorization": f"Bearer {key}"}, "GET" if body is None else "POST"
    async with studio.http.request(method, f"{studio.base_url}{path}", json=body, headers=headers) as answer:
        return answer.status, (await answer.json()).get("code")


class TestKeys:
    async def test_a_key_is_made_used_and_revoked(
        self, open_page: OpenPage, guarded: Studio, guarded_url: str
    ) -> None:
        """Its secret is shown once; a project with a limit refuses what is more; revoked it is nobody's."""
        project, name = f"Shop {uuid4().hex[:6]}", f"till {uuid4().hex[:6]}"
        page = await sign_in(open_page, guarded_url, ADMIN, "projects")
        await page.get_by_role("button", name="New project").click()
        await page.get_by_label("Name").fill(project)
        await page.get_by_label("Money a day").fill("12.50 XYZ")
        await page.get_by_label("Requests a minute").fill("3")
        await page.get_by_role("button", name="Create", exact=True).click()
        await expect(page.get_by_label("Money a day")).to_have_attribute("aria-invalid", "true")
        await page.get_by_label("Money a day").fill("12.50 CNY")
        await page.get_by_role("button", name="Create", exact=True).click()
        row = page.get_by_role("listitem").filter(has_text=project)
        await expect(row).to_contain_text("¥12.50 a day · 3 requests a minute")
        await row.get_by_role("link", name="its keys").click()
        await page.get_by_role("button", name="New key").click()
        await page.get_by_label("Name").fill(name)
        await page.get_by_role("button", name="Create", exact=True).click()
        secret = await page.get_by_label("Secret", exact=True).inner_text()
        assert await violations(page) == {}
        await page.get_by_role("button", name="I have kept it").click()
        await expect(page.get_by_text(secret)).to_have_count(0)
        key = page.get_by_role("listitem").filter(has_text=name)
        await expect(key).to_contain_text("never used")
        painting = {"prompt": "a hill", "user_id": "u"}
        seen = [await status_of(guarded, "/api/v1/ai/image/task", secret, painting) for _ in range(8)]
        assert seen[0] == (201, None)
        assert seen[-1] == (429, "too_many_requests")
        await key.get_by_role("button", name=f"Actions for {name}").click()
        await page.get_by_role("menuitem", name="Revoke").click()
        await page.get_by_role("button", name="Revoke", exact=True).click()
        await expect(key).to_contain_text("revoked")
        assert await status_of(guarded, "/api/v1/key", secret) == (401, "api_key_revoked")

    @pytest.mark.parametrize("administers", [True, False])
    async def test_the_first_key_locks_nobody_out(
        self, open_page: OpenPage, tmp_path: Path, administers: bool
    ) -> None:
        """A server without keys: while its secret is shown one is signed in with it, and then goes on with it."""
        with starting(tmp_path, {}) as serve:
            serve.until_ready(timeout_s=90)
            page = await open_page("/studio/settings/keys", base_url=serve.base_url)
            await page.get_by_role("button", name="New key").click()
            await page.get_by_label("administer").set_checked(administers)
            await page.get_by_label("Name").fill("first")
            async with page.expect_response("**/studio/session") as answer:
                await page.get_by_role("button", name="Create", exact=True).click()
            assert (await answer.value).status == 201
            dialog = page.get_by_role("dialog", name="The secret of first")
            await expect(dialog.get_by_label("Secret", exact=True)).to_be_visible()
            await expect(dialog.get_by_text("This browser is signed in with it.")).to_be_visible()
            await expect(page.get_by_text("You are signed out.")).to_have_count(0)
            await dialog.get_by_role("button", name="I have kept it").click()
            await expect(page.get_by_role("dialog")).to_have_count(0)
            await expect(page.get_by_role("button", name="studio", exact=True)).to_be_visible()
            await expect(page.get_by_text("You are signed out.")).to_have_count(0)
            more = page.get_by_role("button", name="New key")
            await expect(more).to_have_count(1 if administers else 0)
            await page.reload()
            await expect(page.get_by_role("button", name="studio", exact=True)).to_be_visible()
            if administers:
                row = page.get_by_role("listitem").filter(has_text="first")
                await expect(row).to_contain_text("administer")
            await page.close()  # it would tell of the server that stops


class TestWebhooks:
    async def test_one_fails_is_seen_and_sent_again(
        self, open_page: OpenPage, guarded_url: str, receiving: Receiver
    ) -> None:
        """Made, tested, refused by its receiver: the try says so; mended and turned on it arrives."""
        where = uuid4().hex[:8]
        page = await sign_in(open_page, guarded_url, SHOP, "webhooks")
        await page.get_by_role("button", name="New webhook").click()
        await page.get_by_label("URL").fill(f"{receiving.url}/gone/{where}")
        await page.get_by_label("What it is for").fill(where)
        await page.get_by_role("button", name="Create", exact=True).click()
        await expect(page.get_by_label("Secret", exact=True)).to_contain_text("whsec_")
        await page.get_by_role("button", name="I have kept it").click()
        await expect(page.get_by_role("heading", name=where)).to_be_visible()
        await page.get_by_role("button", name="Send a test").click()
        await expect(page.get_by_text("given up", exact=True).last).to_be_visible()
        await page.get_by_text("One try").click()
        await expect(page.get_by_role("listitem").filter(has_text="answered 410").last).to_be_visible()
        await page.get_by_role("link", name="All webhooks").click()
        await expect(page.get_by_role("listitem").filter(has_text=where)).to_contain_text("off: it answered 410")
        await page.get_by_role("link", name=where).click()
        await page.get_by_role("button", name=f"Actions for {where}").click()
        await page.get_by_role("menuitem", name="Edit").click()
        await page.get_by_label("URL").fill(f"{receiving.url}/ok/{where}")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await page.get_by_role("button", name=f"Actions for {where}").click()
        await page.get_by_role("menuitem", name="Turn on").click()
        await expect(page.get_by_text("on", exact=True)).to_be_visible()
        await page.get_by_role("button", name="Send again").click()
        await expect(page.get_by_text("2 tries")).to_be_visible()
        await expect(page.get_by_text("arrived", exact=True).last).to_be_visible()
        assert len(receiving.received(f"/ok/{where}")) == 1


class TestPlugins:
    async def test_how_to_go_live_is_told(self, page: Any) -> None:
        """Where the sandbox's banner leads: what to set for each, and what becomes of the others."""
        await page.get_by_role("link", name="How to go live").click()
        await expect(page.get_by_text(re.compile("in its environment or .env, and restart it"))).to_be_visible()
        ark = page.get_by_role("listitem").filter(has_text="volcengine")
        await expect(ark.first).to_contain_text("Set VOLCENGINE_API_KEY")

    async def test_what_is_wrong_with_a_plugin_is_told(self, open_page: OpenPage, guarded_url: str) -> None:
        """A broken one in words for its author, with the line; texts without a language, beside the form."""
        page = await sign_in(open_page, guarded_url, ADMIN, "providers")
        broken = page.get_by_role("listitem").filter(has_text="broken_hills")
        await expect(broken).to_contain_text("The plugin could not be imported")
        await expect(broken).to_contain_text("No module named 'no_such_library_of_hills'")
        await expect(broken).to_contain_text(re.compile(r"broken_hills\.py:3"))
        half = page.get_by_role("listitem").filter(has_text="Half Hills")
        await expect(half).to_contain_text("2 language gaps")
        await half.get_by_role("link", name="Half 1").click()
        gaps = page.get_by_role("list", name="Language gaps")
        await expect(gaps).to_contain_text("mood title: no Chinese")
        await expect(gaps).to_contain_text("mood description: no English")
        await expect(page.get_by_role("textbox", name="Prompt")).to_be_visible()
        await expect(page.get_by_text("Mood of the hills").first).to_be_visible()

    async def test_health_says_who_works(self, open_page: OpenPage, guarded_url: str) -> None:
        """What it stands on, and the processes."""
        page = await sign_in(open_page, guarded_url, ADMIN, "health")
        checks = page.get_by_role("list", name="What the server stands on")
        await expect(checks).to_contain_text(re.compile(r"MongoDB\d+\.\d+"))
        await expect(page.get_by_role("heading", name="One process at work")).to_be_visible()


class TestRights:
    @pytest.mark.parametrize(
        ("key", "parts"),
        [
            (SHOP, ["This browser", "Your key", "Webhooks", "Providers", "Users", "Signed in", "About"]),
            (ADMIN, ["This browser", "Keys", "Projects", "Providers", "Health", "Signed in", "About"]),
        ],
        ids=["client", "administrator"],
    )
    async def test_what_one_may_not_do_is_not_shown(
        self, open_page: OpenPage, guarded_url: str, key: str, parts: list[str]
    ) -> None:
        """Not under its own address either."""
        page = await sign_in(open_page, guarded_url, key)
        links = page.get_by_role("navigation", name="Settings").get_by_role("link")
        await expect(links).to_have_text(parts)
        if key != ADMIN:
            await page.goto("/studio/settings/keys")
            await expect(page.get_by_role("heading", name="This browser")).to_be_visible()

    async def test_a_viewer_sees_none_of_it(self, open_page: OpenPage, guarded_url: str) -> None:
        """Costs are all there is; the place is not shown, under its address either."""
        page = await sign_in(open_page, guarded_url, BOOKS, "keys", place=False)
        await expect(page.get_by_role("navigation", name="Places").get_by_role("link")).to_have_text(["Costs"])
        await expect(page.get_by_role("heading", name="Settings", exact=True)).to_have_count(0)


KEPT = ["zone", "theme", "density", "sound", "viewer", "prompts", "person", "draft.one", "sandbox", "signed_in"]


class TestBrowser:
    async def test_zone_is_this_browsers_own(self, page: Any) -> None:
        """Times are shown in it from now on; one that does not exist is no zone."""
        await page.goto("/studio/settings/browser")
        zone = page.get_by_label("Time zone")
        await zone.fill("Mars/Olympus")
        await expect(zone).to_have_attribute("aria-invalid", "true")
        await zone.fill("Asia/Shanghai")
        await expect(page.get_by_text(re.compile("in Asia/Shanghai"))).to_be_visible()
        await page.reload()
        await expect(page.get_by_label("Time zone")).to_have_value("Asia/Shanghai")

    @pytest.mark.parametrize("garbage", ["Mars/Olympus", "null", '{"draft":{"values":null,"terms":7}}'])
    async def test_what_the_browser_kept_breaks_no_place(
        self, open_page: OpenPage, studio: Studio, garbage: str
    ) -> None:
        """An older page, another program or a hand may have written it: the browser's zone is taken, and so on."""
        await studio.painted("kept kestrel")
        page = await open_page(None, timezone_id="Asia/Tokyo")
        await page.add_init_script(
            f"for (const name of {KEPT}) localStorage.setItem(`danqing.${{name}}`, {garbage!r});"
        )
        for place in ("", "gallery", "tasks", "costs"):
            await page.goto(f"/studio/{place}")
            await expect(page.locator("main h1, main form").first).to_be_visible()
            await expect(page.locator("main .skeleton")).to_have_count(0)
        await page.goto("/studio/settings/browser")
        await expect(page.get_by_text(re.compile("in Asia/Tokyo"))).to_be_visible()


class TestAccess:
    @pytest.mark.parametrize(
        "part",
        [
            "browser",
            "keys",
            "projects",
            "webhooks",
            "providers",
            "providers/volcengine/doubao-seedream-4-0-250828",
            "health",
            "users",
            "about",
        ],
    )
    async def test_no_part_keeps_anybody_out(self, studio: Studio, open_page: OpenPage, part: str) -> None:
        """Check 24: no violation on a wide light page in English, nor on a dark phone in Chinese."""
        if part == "projects":
            await studio.ask("POST", "/api/v1/projects", {"name": f"p {uuid4().hex[:6]}"})
        for options in ({"language": "en"}, {"language": "zh", "theme": "dark", "width": 360, "height": 740}):
            page = await open_page(f"/studio/settings/{part}", **options)
            await expect(page.locator("main h2").first).to_be_visible()
            await expect(page.locator("main .skeleton")).to_have_count(0)
            found = (await Axe().run(page)).response["violations"]
            assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in found] == []
            assert await page.evaluate("document.documentElement.scrollWidth") <= options.get("width", 1280)
            await page.context.close()
