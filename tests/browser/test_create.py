"""Create: a form of any schema, what is written kept, sent once, and what came of it."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import expect

from tests.browser.conftest import OpenPage, Studio

PROMPT = {"en": "Prompt", "zh": "提示词"}
NOTHING = {"success": True, "data": {"tasks": [], "count": 0, "next_cursor": None, "searched_to": None}}
SETTLED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def picture(shade: int) -> bytes:
    """Return a small PNG of its own colour."""
    made = io.BytesIO()
    Image.new("RGB", (96, 64), (shade, 255 - shade, 90)).save(made, "PNG")
    return made.getvalue()


def file(shade: int) -> Any:
    """Return a picture as a file chooser gives it."""
    return {"name": f"{shade}.png", "mimeType": "image/png", "buffer": picture(shade)}


def prompt_of(page: Any, language: str = "en") -> Any:
    """Return the field for the prompt."""
    return page.get_by_role("textbox", name=PROMPT[language], exact=True)


def paint_of(page: Any) -> Any:
    """Return the button."""
    return page.get_by_role("button", name=re.compile("^Paint( [0-9]|$)|^开始绘制|^绘制"))


def result_of(page: Any, prompt: str) -> Any:
    """Return the results of a prompt."""
    return page.get_by_role("article", name=prompt)


async def tasks_of(studio: Studio, words: str) -> Any:
    """Return the tasks with *words* in their prompts, the youngest first."""
    return (await studio.ask("GET", f"/api/v1/tasks?q={words}"))["tasks"]


async def drop(page: Any, target: Any, *shades: int, kind: str = "drop") -> None:
    """Let pictures fall onto *target*, or be pasted there, as a browser would tell of it."""
    given = [base64.b64encode(picture(shade)).decode() for shade in shades]
    await target.evaluate(
        """(node, [kind, given]) => {
          const data = new DataTransfer();
          for (const [place, text] of given.entries()) {
            const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
            data.items.add(new File([bytes], `${kind}-${place}.png`, { type: 'image/png' }));
          }
          const shared = { bubbles: true, cancelable: true };
          node.dispatchEvent(kind === 'drop'
            ? new DragEvent('drop', { ...shared, dataTransfer: data })
            : new ClipboardEvent('paste', { ...shared, clipboardData: data }));
        }""",
        [kind, given],
    )


def schemas(language: str) -> Iterator[dict[str, Any]]:
    """Yield every provider that ships, as the API shows it; the last has all widgets and shapes nobody knows."""
    from danqing_plugins.messages import spoken
    from tests.unit.plugins.test_ours import PROVIDERS

    for provider in PROVIDERS:
        info = provider.info
        models = [
            shown(model.id, str(model.title), spoken(model.parameters, language), model.types, model.kind.value)
            for model in info.models
        ]
        yield offered(info.name, models, list(info.reference_fields))
    yield offered("other", [shown("all", "All", ODD, ("image",), "image")], ["picture"])


def shown(id_: str, title: str, parameters: Any, types: tuple[str, ...], kind: str) -> dict[str, Any]:
    """Return a model as the API shows it."""
    return {
        "id": id_,
        "title": title,
        "types": list(types),
        "aliases": [],
        "kind": kind,
        "price": None,
        "parameters": parameters,
    }


def offered(name: str, models: list[Any], pictures: list[str]) -> dict[str, Any]:
    """Return a provider as the API shows it."""
    return {
        "name": name,
        "title": name,
        "sandbox": True,
        "homepage": None,
        "default_model": models[0]["id"],
        "types": ["image"],
        "reference_fields": pictures,
        "images_per_minute": None,
        "models": models,
    }


def odd(title: str, widget: str | None, **schema: Any) -> dict[str, Any]:
    """Return a property; without *widget* it has no `x-ui`."""
    hints = {} if widget is None else {"x-ui": {"order": 1, "group": "main", "widget": widget}}
    return {"title": title, "description": "d", **schema, **hints}


ODD = {
    "type": "object",
    "required": ["prompt", "shape"],
    "properties": {
        "prompt": {"type": "string"},
        "line": odd("A line", "text", type="string"),
        "size": odd("A size", "size", type="string", enum=["1x1", "2x2"]),
        "picture": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        "flag": odd("A flag", "switch", type="boolean"),
        "one": odd("One of", "chips", enum=["a", "b"]),
        "many": odd("Many of", "chips", type="array", items={"enum": ["a", "b"]}),
        "from_list": odd("From a list", "select", enum=["a", "b"]),
        "count": odd("A count", "number", type="integer", minimum=1),
        "seed": odd("A seed", "seed", type="integer"),
        "inner": odd(
            "Inside",
            "group",
            type="object",
            properties={
                "deep": {"type": "string", "title": "Deep"},
                "mask": odd("A mask", "references", type="string"),
            },
        ),
        "free": odd("Anything", "json"),
        "dial": odd("A dial", "dial", type="object", additionalProperties=True),
        "misfit": odd("A misfit", "switch", type="array", items={"type": "object"}),
        "shape": {"oneOf": [{"type": "string"}, {"type": "object"}]},
        "bare": True,
    },
}
MISSING = """
async ([id, value, titles]) => {
  const select = document.getElementById(id);
  select.value = value;
  select.dispatchEvent(new Event('change', { bubbles: true }));
  let left = titles;
  for (const ends = performance.now() + 4000; left.length && performance.now() < ends;) {
    await new Promise((done) => setTimeout(done, 8));
    document.querySelector('details.more').open = true;
    const found = document.querySelectorAll('form .field-head label, form legend, form .switch-row label');
    const shown = [...found].map((each) => each.textContent);
    left = titles.filter((each) => !shown.includes(each));
  }
  return left;
}
"""


def has_effect(part: Any) -> bool:
    """Tell whether a property is shown while nothing is filled in."""
    hints = part.get("x-ui", {}) if isinstance(part, dict) else {}
    return all(None in allowed for allowed in hints.get("when", {}).values())


class TestForm:
    @pytest.mark.parametrize("language", ["en", "zh"])
    async def test_every_property_of_every_model_has_a_field(self, open_page: OpenPage, language: str) -> None:
        """Check 4: under its title, in either language; of a plugin with shapes nobody knows, too."""
        providers = list(schemas(language))
        page = await open_page(None, language=language)
        answer = {
            "success": True,
            "data": {"default": "volcengine", "providers": providers, "routes": [], "plugins": []},
        }
        await page.route("**/api/v1/providers/", lambda route: route.fulfill(json=answer))
        await page.route(
            "**/api/v1/ai/tasks/check", lambda route: route.fulfill(status=400, json={"success": False})
        )
        await page.goto("/studio/")
        await expect(prompt_of(page, language)).to_be_visible()
        for provider in providers:
            for model in provider["models"]:
                titles = [
                    (part.get("title") if isinstance(part, dict) else None) or name.replace("_", " ")
                    for name, part in model["parameters"]["properties"].items()
                    if has_effect(part)
                ]
                chosen = f"{provider['name']}/{model['id']}"
                assert (chosen, await page.evaluate(MISSING, ["create-model", chosen, titles])) == (chosen, [])

    async def test_unknown_shape_is_written_as_json(self, open_page: OpenPage) -> None:
        """And sent as it was written; what is no JSON yet is said, and not sent."""
        page = await open_page(None)
        answer = {
            "success": True,
            "data": {"default": "other", "providers": [*schemas("en")][-1:], "routes": [], "plugins": []},
        }
        asked: list[Any] = []

        async def check(route: Any) -> None:
            asked.append(route.request.post_data_json["input"])
            await route.fulfill(status=400, json={"success": False})

        await page.route("**/api/v1/providers/", lambda route: route.fulfill(json=answer))
        await page.route("**/api/v1/ai/tasks/check", check)
        await page.goto("/studio/")
        dial = page.get_by_role("textbox", name="A dial")
        await dial.fill("{oops")
        await expect(page.get_by_text("This is no JSON yet.")).to_be_visible()
        await dial.fill('{"up": 3}')
        mask = "https://example.com/mask.png"  # no picture to be chosen: the server takes none out of an object
        await page.get_by_role("textbox", name="A mask").fill(mask)
        await page.get_by_role("button", name="b", exact=True).first.click()
        async with asyncio.timeout(10):
            while not asked or "one" not in asked[-1]:
                await page.evaluate(SETTLED)
        assert asked[-1] == {"prompt": "…", "dial": {"up": 3}, "one": "b", "inner": {"mask": mask}}
        await dial.fill('{"up": 3, ')
        async with asyncio.timeout(10):
            while "dial" in asked[-1]:
                await page.evaluate(SETTLED)
        await dial.fill('{"up": 4}')
        await page.get_by_role("button", name="Reset").click()
        await expect(dial).to_have_value("")


class TestRefusals:
    async def test_each_wrong_field_says_so(self, page: Any) -> None:
        """Check 5: at the field, the focus on the first, a summary that is read out, and nothing lost."""
        await prompt_of(page).fill("   ")
        await page.get_by_role("textbox", name="Pictures", exact=True).fill("99")
        await paint_of(page).click()
        await expect(page.get_by_role("alert").filter(has_text="2 fields need another look")).to_be_visible()
        await expect(prompt_of(page)).to_be_focused()
        for field in (prompt_of(page), page.get_by_role("textbox", name="Pictures", exact=True)):
            await expect(field).to_have_attribute("aria-invalid", "true")
        await expect(page.get_by_role("textbox", name="Pictures", exact=True)).to_have_value("99")
        await prompt_of(page).fill("a heron")
        await expect(page.get_by_role("alert").filter(has_text="One field needs another look")).to_be_visible()


class TestDrafts:
    async def test_what_is_written_survives(self, open_page: OpenPage) -> None:
        """Check 6: a reload, a closed tab; and two tabs have drafts of their own."""
        first = await open_page()
        await prompt_of(first).fill("half a heron")
        await first.get_by_label("Reference pictures").set_input_files([file(10), file(20)])
        await expect(first.get_by_text("2 of 14", exact=True)).to_be_visible()
        await expect(first.get_by_role("progressbar")).to_have_count(0)
        await first.reload()
        await expect(prompt_of(first)).to_have_value("half a heron")
        await expect(first.get_by_role("img", name="Reference 2")).to_be_visible()
        other = await first.context.new_page()
        await other.goto("/studio/")
        await expect(prompt_of(other)).to_have_value("")
        await prompt_of(other).fill("a whole crane")
        await first.reload()
        await expect(prompt_of(first)).to_have_value("half a heron")
        await first.close(run_before_unload=True)
        later = await other.context.new_page()
        await later.goto("/studio/")
        await expect(prompt_of(later)).to_have_value("half a heron")
        await expect(later.get_by_text("2 of 14", exact=True)).to_be_visible()
        await other.reload()
        await expect(prompt_of(other)).to_have_value("a whole crane")

    async def test_earlier_prompts_come_back(self, page: Any) -> None:
        """By the arrow up at the beginning, and the arrow down leads back to what was being written."""
        await prompt_of(page).fill("first egret")
        await paint_of(page).click()
        await expect(result_of(page, "first egret")).to_be_visible()
        await prompt_of(page).fill("second thought")
        await prompt_of(page).press("Control+Home")
        await prompt_of(page).press("ArrowUp")
        await expect(prompt_of(page)).to_have_value("first egret")
        await prompt_of(page).press("ArrowDown")
        await expect(prompt_of(page)).to_have_value("second thought")

    async def test_an_earlier_prompt_is_cut_between_its_letters(self, open_page: OpenPage) -> None:
        """The list shows its beginning; half of an emoji would be none."""
        page = await open_page(None)
        await page.add_init_script(
            f"localStorage.setItem('danqing.prompts', {json.dumps(json.dumps(['a' + '🏔' * 99]))})"
        )
        await page.goto("/studio/")
        await page.get_by_role("button", name="Earlier prompts").click()
        listed = await page.get_by_role("menuitem").text_content()
        assert listed == f"a{'🏔' * 89}…"


class TestSending:
    async def test_twice_pressed_is_one_task(self, page: Any, studio: Studio) -> None:
        """Check 7: within 50 ms, by whatever hand."""
        await prompt_of(page).fill("twice pressed swan")
        await paint_of(page).evaluate("(button) => { button.click(); setTimeout(() => button.click(), 50); }")
        await prompt_of(page).press("Control+Enter")
        await expect(result_of(page, "twice pressed swan").get_by_text("done")).to_be_visible()
        assert len(await tasks_of(studio, "twice pressed swan")) == 1

    async def test_lost_answer_is_sent_again_as_the_same(self, page: Any, studio: Studio, watched: Any) -> None:
        """Check 7: the request arrived, its answer did not; nothing is sent by itself, Send makes no second one."""
        watched.expect("net::ERR")
        lost: list[str] = []

        async def lose(route: Any) -> None:
            if lost:
                await route.fallback()
                return
            lost.append((await route.fetch()).status)
            await route.abort()

        await page.route("**/api/v1/ai/tasks", lose)
        await prompt_of(page).fill("lost answer swan")
        await paint_of(page).click()
        send = page.get_by_role("button", name="Send", exact=True)
        await expect(send).to_be_visible()
        await page.reload()
        await expect(page.get_by_role("alert")).to_contain_text("never makes it twice")
        await send.click()
        await expect(paint_of(page)).to_be_visible()
        [task] = await tasks_of(studio, "lost answer swan")
        assert lost == [201]
        assert len((await studio.ended(task["id"]))["calls"]) == 1

    async def test_input_method_submits_nothing(self, page: Any, studio: Studio) -> None:
        """Check 8: neither while it composes nor right after; and Enter is a new line."""
        cdp = await page.context.new_cdp_session(page)
        await prompt_of(page).fill("composed stork ")
        await prompt_of(page).press("End")
        await cdp.send("Input.imeSetComposition", {"text": "shui", "selectionStart": 4, "selectionEnd": 4})
        await page.keyboard.press("Control+Enter")
        await cdp.send("Input.insertText", {"text": "水"})
        await prompt_of(page).press("Enter")
        await expect(prompt_of(page)).to_have_value(re.compile("composed stork .*\n$", re.DOTALL))
        await page.evaluate(SETTLED)
        assert await tasks_of(studio, "composed stork") == []

    async def test_price_is_the_servers(self, page: Any, studio: Studio) -> None:
        """Check 10: what the button says is what the check says, and what the task costs in the end."""
        await prompt_of(page).fill("priced pelican")
        await page.get_by_role("button", name="More: Pictures").click()
        await expect(paint_of(page)).to_have_text(re.compile(r"Paint 2 · ¥0\.40"))
        await paint_of(page).click()
        result = result_of(page, "priced pelican")
        await expect(result.get_by_text("2 of 2", exact=True)).to_be_visible()
        await expect(result.get_by_text("¥0.40")).to_be_visible()
        [row] = await tasks_of(studio, "priced pelican")
        assert row["cost"]["amount"] == "0.40"


class TestReferences:
    async def test_what_is_no_picture_is_named(self, page: Any) -> None:
        """And the picture beside it is taken."""
        notes = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"a heron"}
        await page.get_by_label("Reference pictures").first.set_input_files([notes, file(10)])
        await expect(page.get_by_text("notes.txt is no picture, and was left out.").first).to_be_visible()
        await expect(page.get_by_text("1 of 14", exact=True)).to_be_visible()

    async def test_order_is_what_the_task_gets(self, page: Any, studio: Studio) -> None:
        """Check 9: dropped, pasted, picked, put in order by keyboard, the fifteenth refused."""
        made = await studio.painted("picked kingfisher")
        await prompt_of(page).fill("ordered ibis")
        form = page.get_by_role("form", name="What to paint")
        await drop(page, form, 1, 2, 3)
        await expect(page.get_by_text("3 of 14", exact=True)).to_be_visible()
        await drop(page, page.locator("body"), 4, kind="paste")
        await page.get_by_role("button", name="From the gallery").click()
        await page.get_by_role("dialog").get_by_role("button", name="picked kingfisher").first.click()
        await expect(page.get_by_text("5 of 14", exact=True)).to_be_visible()
        await expect(page.get_by_role("progressbar")).to_have_count(0)
        for place in (5, 4, 3, 2):
            await page.get_by_role("button", name=f"Reference {place}: one place earlier").press("Enter")
        await paint_of(page).click()
        await expect(result_of(page, "ordered ibis").get_by_text("done")).to_be_visible()
        [row] = await tasks_of(studio, "ordered ibis")
        images = (await studio.ask("GET", f"/api/v1/tasks/{row['id']}"))["input"]["image"]
        assert len(images) == 5
        assert images[0].rpartition("/")[2] == made["output"]["images"][0]["url"].rpartition("/")[2]
        shades = []
        for url in images[1:]:
            async with studio.http.get(url) as answer:
                shades.append(Image.open(io.BytesIO(await answer.read())).convert("RGB").getpixel((5, 5))[0])
        assert shades == [1, 2, 3, 4]
        await drop(page, form, *range(30, 40))
        await expect(form.get_by_text("At most 14 pictures")).to_be_visible()
        await expect(page.get_by_text("14 of 14")).to_be_visible()

    async def test_task_is_taken_over_with_its_references(self, page: Any, studio: Studio) -> None:
        """By its address, from whatever place; and what was being written can be had back."""
        made = await studio.painted("reused rail", input={"n": 2, "size": "1K"})
        url = made["output"]["images"][0]["url"]
        again = await studio.painted("reused rail with a picture", input={"image": [url], "n": 2})
        await prompt_of(page).fill("what I was writing")
        await page.get_by_role("button", name="+ a second model").click()
        await page.goto(f"/studio/?reuse={again['id']}")
        await expect(prompt_of(page)).to_have_value("reused rail with a picture")
        await expect(page.get_by_role("img", name="Reference 1")).to_be_visible()
        await expect(page.get_by_role("textbox", name="Pictures", exact=True)).to_have_value("2")
        assert "reuse" not in page.url
        await page.get_by_role("button", name="Undo").click()
        await expect(prompt_of(page)).to_have_value("what I was writing")
        await expect(page.get_by_role("combobox", name="Second model")).to_be_visible()


class TestResults:
    async def test_rejected_picture_says_whose_rule(self, page: Any, studio: Studio) -> None:
        """Check 11: the others come, whose rule it was is said; not billed; bought anew once, after its price."""
        await prompt_of(page).fill("four owls [sandbox:moderation x1]")
        await page.get_by_role("textbox", name="Pictures", exact=True).fill("4")
        await paint_of(page).click()
        result = result_of(page, "four owls")
        await expect(result.get_by_text("3 of 4", exact=True)).to_be_visible()
        await expect(result.get_by_text("partly done")).to_be_visible()
        await expect(result.get_by_text("Billed: no")).to_be_visible()
        await result.get_by_role("link", name="Paint the missing 1").click()
        ask = page.get_by_role("dialog", name="Try this task again?")
        await expect(ask).to_contain_text("It costs ¥0.20, at most ¥0.40")
        await ask.get_by_role("button", name="Try again", exact=True).dblclick()
        await expect(ask).to_have_count(0)
        await page.keyboard.press("Escape")
        await expect(result.get_by_text("4 of 4", exact=True)).to_be_visible()
        await expect(result.get_by_text("done")).to_be_visible()
        tasks = await tasks_of(studio, "four owls")
        assert [(each["images"], each["kept"], each["cost"]["amount"]) for each in tasks] == [(4, 4, "0.80")]

    async def test_failed_card_speaks_the_readers_language(self, open_page: OpenPage, studio: Studio) -> None:
        """In our words first; the provider's are one click below."""
        page = await open_page(language="zh")
        await prompt_of(page, "zh").fill("a rude owl [sandbox:moderation x1]")
        await page.get_by_role("button", name="绘制 1 张").click()
        why = result_of(page, "a rude owl").locator(".why")
        await expect(why).to_contain_text("内容违反了 volcengine 的审核规则。 已计费：否")
        [task] = await tasks_of(studio, "a rude owl")
        told = (await studio.ended(task["id"]))["error"]
        said = why.get_by_text(told["message"])
        await expect(said).to_be_hidden()
        await why.get_by_text("服务商原始信息").click()
        await expect(said).to_contain_text(told["provider_code"])

    async def test_waiting_task_says_where_it_stands_and_is_cancelled(self, page: Any) -> None:
        """While it is under way, too: what has not left never does."""
        await prompt_of(page).fill("slow loon [sandbox:slow=60]")
        await paint_of(page).click()
        result = result_of(page, "slow loon")
        await expect(result.get_by_text("painting")).to_be_visible()
        await result.get_by_role("button", name=re.compile("^Cancel")).click()
        await expect(result.get_by_text("cancelled").first).to_be_visible()

    async def test_call_is_shown_as_code(self, page: Any) -> None:
        """The same body as is sent, and a curl of it."""
        await prompt_of(page).fill("it's a coot")
        await page.get_by_role("button", name="As code").click()
        dialog = page.get_by_role("dialog", name="As code")
        body = json.loads(await dialog.locator("pre").first.inner_text())
        assert body["input"] == {"prompt": "it's a coot"}
        await expect(dialog.get_by_role("button", name="Copy as curl")).to_be_visible()

    async def test_empty_day_offers_a_beginning(self, open_page: OpenPage) -> None:
        """In the reader's language; one click fills it in."""
        page = await open_page(None, language="zh")
        await page.route("**/api/v1/tasks?**", lambda route: route.fulfill(json=NOTHING))
        await page.goto("/studio/")
        await page.get_by_role("button", name="水墨山谷").click()
        await expect(prompt_of(page, "zh")).to_have_value(re.compile("^水墨山谷"))

    @pytest.mark.parametrize(("language", "begins"), [("en", "An ink wash valley"), ("zh", "水墨山谷")])
    async def test_who_comes_first_by_phone_sees_examples(
        self, open_page: OpenPage, language: str, begins: str
    ) -> None:
        """Without scrolling, as long as nothing is written; one fills the prompt, Paint is next, then it."""
        page = await open_page(None, language=language, width=390, height=844, has_touch=True, is_mobile=True)
        await page.route("**/api/v1/tasks?**", lambda route: route.fulfill(json=NOTHING))
        await page.goto("/studio/")
        example = page.get_by_role("button", name=re.compile(f"^{begins}"))
        await expect(example).to_be_in_viewport(ratio=1)
        await example.tap()
        await expect(prompt_of(page, language)).to_have_value(re.compile(f"^{begins}"))
        await expect(paint_of(page)).to_be_focused()
        await expect(example).to_have_count(0)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        await paint_of(page).tap()
        await expect(page.get_by_role("article").get_by_role("img").first).to_be_in_viewport(ratio=1)

    async def test_phone_paints_from_its_camera(self, open_page: OpenPage, studio: Studio) -> None:
        """Check 25: 360 × 740, touch, the camera's file chooser."""
        page = await open_page(width=360, height=740, has_touch=True, is_mobile=True)
        await prompt_of(page).fill("phone grebe")
        async with page.expect_file_chooser() as choosing:
            await page.get_by_role("button", name="Camera", exact=True).tap()
        chooser = await choosing.value
        assert await chooser.element.get_attribute("capture") == "environment"
        await chooser.set_files([file(77)])
        await expect(page.get_by_text("1 of 14", exact=True)).to_be_visible()
        await expect(page.get_by_role("progressbar")).to_have_count(0)
        await paint_of(page).tap()
        await expect(result_of(page, "phone grebe").get_by_text("done")).to_be_in_viewport()
        await expect(result_of(page, "phone grebe").get_by_role("img")).to_be_in_viewport(ratio=1)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360


class TestFilms:
    async def test_a_film_among_the_older_results_can_be_opened(self, studio: Studio, open_page: OpenPage) -> None:
        """Of all but the last twelve no more is known than where it is."""
        await studio.painted("filmed by the river", type="video", model="doubao-seedance-1-0-pro-250528")
        await asyncio.gather(*(studio.painted(f"after the film, {number}") for number in range(12)))
        page = await open_page()
        film = page.get_by_role("article", name="filmed by the river")
        await expect(film.get_by_role("link", name="Open the file")).to_be_visible()
