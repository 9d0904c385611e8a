"""即梦 as a provider, against a service that checks signatures and keeps its rules."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from danqing_plugins import (
    AccountProblem,
    ContentRejected,
    InvalidRequest,
    OutcomeUnknown,
    OutputKind,
    PluginContext,
    RateLimited,
    Reference,
    ReferenceData,
    Request,
    Unavailable,
)
from danqing_plugins.billing import CallOutcome
from danqing_plugins.testing import check_failed_order, check_provider
from danqing_providers.jimeng import plugin
from danqing_providers.jimeng.orders import service_at
from danqing_providers.jimeng.plugin import JimengProvider
from tests.integration.sandbox.serving import served
from tests.support.providers import picture
from tests.support.simulated import Simulated

FILM = "jimeng_ti2v_v30_pro"
SMALL = "jimeng_t2i_v31"


def provider_at(url: str, folder: Path) -> JimengProvider:
    """Return the provider as it asks a simulator at *url*."""
    provider = JimengProvider()
    defaults = {setting.name: setting.default for setting in JimengProvider.settings}
    context = PluginContext(
        name="jimeng", options=defaults, data_dir=folder, call_timeout_s=20, sandbox=True, sandbox_url=url
    )
    provider.configure(context)
    return provider


@pytest.fixture
async def jimeng(tmp_path: Path) -> AsyncIterator[Simulated]:
    """Yield the provider beside its simulator."""
    async with served(tmp_path, queued_s=0.0, running_s=0.0) as sandbox:
        yield Simulated(provider_at(f"{sandbox.url}/jimeng", tmp_path), sandbox)


def asked(prompt: str = "山水", model: str | None = SMALL, type_: str = "image", **input_: object) -> Request:
    """Return a submission for a small picture."""
    small = {"size": "512x512"} if model == SMALL else {}
    return Request(provider="jimeng", type=type_, model=model, input={"prompt": prompt, **small, **input_})


class TestPictures:
    """A task that goes well."""

    async def test_it_keeps_the_servers_rules(self, jimeng: Simulated) -> None:
        """The conformance kit."""
        await check_provider(jimeng.provider, asked(), session=jimeng.sandbox.session)

    async def test_a_picture_comes_as_it_was_asked_for(self, jimeng: Simulated) -> None:
        """Signed, one task, one bill."""
        run = await jimeng.made(asked(seed=5))
        assert await jimeng.sizes(run) == [(512, 512)]
        assert [bill["size"] for bill in await jimeng.sandbox.ledger()] == ["512x512"]

    async def test_a_group_keeps_every_picture_that_is_billed(self, jimeng: Simulated) -> None:
        """The model chooses how many there are."""
        run = await jimeng.made(asked("3 只猫", model="jimeng_t2i_v40", force_single=False, size="1024x1024"))
        assert run.job.outputs == 15
        assert set(run.pictures) == {0, 1, 2}
        assert len(await jimeng.sandbox.ledger()) == 3

    @pytest.mark.parametrize("model", ["jimeng_t2i_v40", "jimeng_seedream46_cvtob"])
    @pytest.mark.parametrize("left_out", [{}, {"force_single": None}])
    async def test_one_picture_is_bought_unless_a_group_is_asked_for(
        self, jimeng: Simulated, model: str, left_out: dict[str, None]
    ) -> None:
        """Whatever the prompt says: the service would make, and bill, three."""
        run = await jimeng.made(asked("3 只猫", model=model, size="1024x1024", **left_out))
        assert set(run.pictures) == {0}
        assert len(await jimeng.sandbox.ledger()) == 1

    async def test_a_film_with_a_first_frame(self, jimeng: Simulated) -> None:
        """Its picture goes out as base64; the price is that of its seconds."""
        frame = Reference(field="image", asset="own/frame")
        request = attrs.evolve(asked(model=FILM, type_="video", frames=241), references=(frame,))
        data = ReferenceData(body=picture(640, 360), media_type="image/png")
        run = await jimeng.made(request, references={"image": data})
        assert run.job.kind is OutputKind.VIDEO
        bills = await jimeng.sandbox.ledger()
        price = jimeng.provider.prepare(request).price
        assert price is not None
        assert [(bill["kind"], bill["cost_micro"]) for bill in bills] == [("video", price.amount_micro)]

    @pytest.mark.parametrize(
        ("request_", "fields"),
        [
            (asked("", size="100x100", seedling=1), {"prompt", "size", "seedling"}),
            (asked(model=FILM, type_="video", frames=100), {"frames"}),
        ],
    )
    def test_every_wrong_field_is_named(self, jimeng: Simulated, request_: Request, fields: set[str]) -> None:
        """Before anything is sent."""
        with pytest.raises(InvalidRequest) as caught:
            jimeng.provider.prepare(request_)
        assert {problem.field for problem in caught.value.problems} == fields

    def test_a_first_frame_has_a_shortest_side(self, jimeng: Simulated) -> None:
        """The service refuses what is shorter than 320 pixels."""
        small, large = (Reference(field="image", asset="own", width=640, height=side) for side in (319, 320))
        film = asked(model=FILM, type_="video")
        with pytest.raises(InvalidRequest) as caught:
            jimeng.provider.prepare(attrs.evolve(film, references=(small,)))
        assert [problem.field for problem in caught.value.problems] == ["image"]
        assert jimeng.provider.prepare(attrs.evolve(film, references=(large,))).outputs == 1

    def test_a_picture_of_our_own_is_no_url(self, jimeng: Simulated) -> None:
        """The model would not see it."""
        own = Reference(field="image[0]", asset="own/picture")
        with pytest.raises(InvalidRequest, match="URL"):
            jimeng.provider.prepare(attrs.evolve(asked(model="jimeng_t2i_v40"), references=(own,)))


class TestTrouble:
    """A task that does not."""

    @pytest.mark.parametrize(
        ("word", "error", "code"),
        [
            ("moderation", ContentRejected, "50412"),
            ("moderation-output", Unavailable, "50511"),
            ("overdue", AccountProblem, "50400"),
            ("401", AccountProblem, "SignatureDoesNotMatch"),
            ("429", RateLimited, "50429"),
            ("fail", OutcomeUnknown, "50500"),
            ("job-fails", Unavailable, "50500"),
            ("reset-after-billing", OutcomeUnknown, "connection_lost"),
            ("garbled", OutcomeUnknown, None),
            ("html502", OutcomeUnknown, None),
        ],
    )
    async def test_each_code_means_what_the_table_says(
        self, jimeng: Simulated, word: str, error: type[Exception], code: str | None
    ) -> None:
        """And the bill agrees with what the server will write."""
        run = jimeng.run(asked(f"山水 [sandbox:{word}]"))
        found = await jimeng.failed(run)
        assert isinstance(found, error)
        assert code is None or found.code == code
        assert "山水" not in found.message
        billed = bool(await jimeng.sandbox.ledger())
        assert billed <= (CallOutcome.UNKNOWN in [call.outcome for call in run.calls])

    async def test_a_failed_task_is_settled(self, jimeng: Simulated) -> None:
        """`done` with another code; the next attempt submits another."""
        await check_failed_order(jimeng.provider, jimeng.run(asked("山水 [sandbox:job-fails]")))

    @pytest.mark.parametrize("status", [200, 400, 500])
    @pytest.mark.parametrize("data", [None, {"status": "done", "image_urls": None}])
    async def test_a_task_failed_however_its_state_is_told(
        self, jimeng: Simulated, tmp_path: Path, status: int, data: object
    ) -> None:
        """With or without its state beside the code, under any HTTP status: it is not asked for again and again."""

        async def act(request: web.Request) -> web.Response:
            if request.query["Action"] == "CVSync2AsyncSubmitTask":
                return web.json_response({"code": 10000, "message": "Success", "data": {"task_id": "7"}})
            told = {"code": 50411, "message": "Pre Img Risk Not Pass", "data": data}
            return web.json_response(told, status=status)

        app = web.Application()
        app.router.add_post("/", act)
        async with TestServer(app) as service:
            odd = provider_at(str(service.make_url("")).rstrip("/"), tmp_path)
            found = await attrs.evolve(jimeng, provider=odd).refused(asked())
        assert (type(found), found.code) == (ContentRejected, "50411")

    async def test_questions_that_fail_are_asked_again(self, jimeng: Simulated) -> None:
        """They cost nothing; the order stands."""
        run = await jimeng.made(asked("山水 [sandbox:poll-fail x2]"))
        assert len(run.calls) == 1
        assert run.pictures

    async def test_a_third_task_makes_none(self, jimeng: Simulated) -> None:
        """Two of a model run at a time; more are to come later."""
        service = service_at(f"{jimeng.sandbox.url}/jimeng", *plugin.SANDBOX_KEYS, 20)
        submit = {"Action": "CVSync2AsyncSubmitTask", "Version": "2022-08-31"}
        body = {"req_key": SMALL, "prompt": "山水 [sandbox:running=60]"}
        for _ in range(2):
            await service.post(jimeng.sandbox.session, "/", body, params=submit)
        found = await jimeng.refused(asked())
        assert isinstance(found, RateLimited)
        assert (found.code, found.scope, found.retry_after_s) == ("50430", "model", 2)

    async def test_a_wrong_secret_is_refused_by_the_gateway(self, jimeng: Simulated) -> None:
        """In its own envelope."""
        service = service_at(f"{jimeng.sandbox.url}/jimeng", "AKLTsandbox", "wrong", 20)
        with pytest.raises(AccountProblem) as caught:
            await service.post(jimeng.sandbox.session, "/", {}, params={"Action": "X", "Version": "Y"})
        assert caught.value.code == "SignatureDoesNotMatch"

    @pytest.mark.parametrize("data", [None, {}, {"task_id": ""}, []])
    async def test_a_task_without_an_id_may_be_paid_for(
        self, jimeng: Simulated, tmp_path: Path, data: object
    ) -> None:
        """It was taken, and nobody can ask for it: not a fault of the plugin, and never bought again unasked."""

        async def take(_request: web.Request) -> web.Response:
            return web.json_response({"code": 10000, "message": "Success", "data": data})

        app = web.Application()
        app.router.add_post("/", take)
        async with TestServer(app) as service:
            odd = provider_at(str(service.make_url("")).rstrip("/"), tmp_path)
            found = await attrs.evolve(jimeng, provider=odd).refused(asked())
        assert (type(found), found.code) == (OutcomeUnknown, "unreadable_answer")

    async def test_a_task_of_yesterday_is_not_found(self, jimeng: Simulated) -> None:
        """After twelve hours."""
        run = jimeng.run(asked())
        run.saved = {"order_0": {"indexes": [0], "order": {"id": "7392616336519610409", "placed_s": 0.0}}}
        found = await jimeng.failed(run)
        assert (type(found), found.code) == (OutcomeUnknown, "not_found")
