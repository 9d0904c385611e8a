"""An accepted order with everything settled that the model would settle by itself, as a job of the house.

Source of the numbers: volcengine.com/docs/82379/1520757 and measured usage, floor((24 s + 1) w h / 1024); read
2026-11-28. Not known, and ours: how long a film is that the model chooses the length of (5 to 10 seconds, by the
prompt), how long a film is that is only named (5 seconds), the least tokens of an order with a film in it (none).
"""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs

from danqing_providers.sandbox.ark.orders import Caller
from danqing_providers.sandbox.ark.sizes import Size
from danqing_providers.sandbox.ark.video.sizes import RATIOS, film_size, nearest_ratio
from danqing_providers.sandbox.ark.video.validation import VideoRequest
from danqing_providers.sandbox.faults import Target
from danqing_providers.sandbox.gallery import Work
from danqing_providers.sandbox.jobs import Job, JobPlan
from danqing_providers.sandbox.ledger import Purchase
from danqing_providers.sandbox.prompts import named_ratio, prompt_hash
from danqing_providers.sandbox.references import Reference
from danqing_providers.sandbox.troubles import TroubleKind

__all__ = ["FRAMES_PER_S", "FilmOrder", "constraint_issues", "new_task_id", "settle_film"]

FRAMES_PER_S: Final = 24
KEPT_S: Final = 7 * 86_400
_NAMED_FILM_S: Final = 5
_BEIJING: Final = timedelta(hours=8)
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_EDIT: Final = re.compile(r"替换|换成|改成|改为|修改|去掉|删除|replace|edit|remove|change", re.IGNORECASE)
_EXTEND: Final = re.compile(r"延长|续写|接着|extend|continue", re.IGNORECASE)


def new_task_id(now_s: float) -> str:
    """Return an id as Ark makes them: `cgt-`, the time in Beijing, five characters."""
    moment = datetime.fromtimestamp(now_s, UTC) + _BEIJING
    return f"cgt-{moment:%Y%m%d%H%M%S}-{''.join(secrets.choice(_LETTERS) for _ in range(5))}"


@attrs.frozen(kw_only=True)
class FilmOrder:
    """What will be made: `frames` frames of `size`; `input_s` is the length of the films in the order."""

    request: VideoRequest
    caller: Caller
    references: tuple[Reference, ...]
    ratio: str
    size: Size
    frames: int
    seed: int
    input_s: float
    draft_id: str = ""

    @property
    def target(self) -> Target:
        """What faults are matched against."""
        model = self.request.model
        names = (model.id, self.request.model_name, *model.aliases)
        return Target(prompt=self.request.prompt, models=names, dialect="ark")

    @property
    def tokens(self) -> int:
        """What is billed, in tokens."""
        frames = self.frames + self.input_s * FRAMES_PER_S
        tokens = frames * self.size.pixels / 1024
        if self.request.draft:
            silent, sounding = self.request.model.draft_shares
            tokens *= sounding if self.request.audio else silent
        return math.floor(tokens)

    @property
    def cost_micro(self) -> int:
        """What that costs, in millionths of a yuan."""
        model = self.request.model
        prices = model.prices.get(self.request.resolution, model.prices.get("", (0, 0)))
        price = prices[1 if self.input_s else 0]
        if model.silent_price is not None and not self.request.audio:
            price = model.silent_price
        return round(self.tokens * price / (2 if self.request.service_tier == "flex" else 1))

    def as_job(self, plan: JobPlan, task_id: str, now_s: float, kept_s: float) -> Job:
        """Return the job; its works are the film, and its last frame where that was asked for."""
        film = self._film(task_id, now_s, kept_s)
        still = attrs.evolve(
            film,
            name=f"{task_id}_last",
            form="png",
            watermark=False,
            place=f"/doubao-{self.request.model.family}/{task_id}_last.png",
        )
        failure = _late_failure(self.request)
        return Job.planned(
            attrs.evolve(plan, trouble=TroubleKind.INVALID) if failure and not plan.trouble else plan,
            id=task_id,
            dialect="ark",
            model=self.request.model.id,
            prompt=self.request.prompt,
            now_s=now_s,
            expires_after_s=self.request.expires_after_s,
            kept_s=KEPT_S,
            request=self._remembered(failure),
            works=(film, still) if self.request.last_frame else (film,),
            purchases=(self._purchase(task_id, now_s),),
        )

    def _film(self, task_id: str, now_s: float, kept_s: float) -> Work:
        form = self.request.output_format
        return Work(
            name=task_id,
            dialect="ark",
            model=self.request.model.id,
            prompt=self.request.prompt,
            form=form,
            made_s=now_s,
            seed=self.seed,
            width=self.size.width,
            height=self.size.height,
            seconds=self.frames / FRAMES_PER_S,
            sound=self.request.audio,
            watermark=self.request.watermark,
            tokens=tuple(reference.token for reference in self.references),
            place=f"/doubao-{self.request.model.family}/{task_id}.{form}",
            kept_s=kept_s,
        )

    def _purchase(self, task_id: str, now_s: float) -> Purchase:
        return Purchase(
            time_s=now_s,
            dialect="ark",
            kind="video",
            model=self.request.model.id,
            prompt=self.request.prompt,
            request_id=self.caller.request_id,
            client_request_id=self.caller.client_request_id,
            api_key=self.caller.api_key,
            size=str(self.size),
            quantity=self.tokens,
            unit="token",
            cost_micro=self.cost_micro,
            currency="CNY",
            job=task_id,
            work=task_id,
        )

    def _remembered(self, failure: Mapping[str, str] | None) -> dict[str, Any]:
        request = self.request
        return {
            "model": request.model_name,
            "text": request.content.text,
            "mode": request.content.mode,
            "tokens": self.tokens,
            "seed": self.seed,
            "resolution": request.resolution,
            "ratio": self.ratio,
            "frames": self.frames,
            "by_frames": request.frames is not None,
            "service_tier": request.service_tier,
            "execution_expires_after": request.expires_after_s,
            "generate_audio": request.audio,
            "with_audio": request.model.audio,
            "draft": request.draft,
            "draft_task_id": self.draft_id,
            "priority": request.priority if request.model.second_generation else None,
            "output_format": request.output_format if request.model.task_types else None,
            "web_search": request.web_search,
            "safety_identifier": request.safety_identifier,
            "references": [reference.token for reference in self.references],
            "input_s": self.input_s,
            "failure": failure,
        }


def settle_film(
    request: VideoRequest, caller: Caller, references: Sequence[Reference], films: Sequence[Work | None]
) -> FilmOrder:
    """Return the order for *request*; *films* are its films as far as they are our own, None for others."""
    ratio = _ratio(request, references)
    frames = request.frames or _seconds(request) * FRAMES_PER_S + 1
    seed = request.seed
    return FilmOrder(
        request=request,
        caller=caller,
        references=tuple(references),
        ratio=ratio,
        size=film_size(request.model, request.resolution, ratio),
        frames=frames,
        seed=int(prompt_hash(request.prompt)[:7], 16) if seed is None else seed,
        input_s=sum(_NAMED_FILM_S if film is None else film.seconds for film in films),
    )


def _ratio(request: VideoRequest, references: Sequence[Reference]) -> str:
    if request.ratio in RATIOS:
        return request.ratio
    seen = next((reference.ratio for reference in references if reference.ratio is not None), None)
    return nearest_ratio(seen or named_ratio(request.prompt) or 16 / 9)


def _seconds(request: VideoRequest) -> int:
    if request.duration != -1:
        return request.duration or _NAMED_FILM_S
    least, most = request.model.durations
    return max(least, 5 + int(prompt_hash(request.prompt)[:8], 16) % (min(most, 10) - 4))


def _late_failure(request: VideoRequest) -> dict[str, str] | None:
    """Return what the model finds wrong with the kind of task only when it looks at it; None for most."""
    if not request.model.task_types or request.content.mode != "reference":
        return None
    if request.task_type in ("edit", "extend") and not request.content.films:
        return _failure("TaskTypeMismatch", f"the content does not fit the task type {request.task_type}")
    if request.task_type == "auto" and request.content.films:
        kind = "edit" if _EDIT.search(request.prompt) else "extend" if _EXTEND.search(request.prompt) else ""
        if issues := constraint_issues(request, kind):
            return _failure("TaskTypeConstraint", f"the task type {kind} needs {issues}")
    return None


def constraint_issues(request: VideoRequest, kind: str) -> str:
    """Return what a task of *kind* needs and *request* has not; empty when it has all."""
    issues = []
    if kind in ("edit", "extend", "first_frame", "first_and_last") and request.ratio != "adaptive":
        issues.append("ratio=adaptive")
    if kind == "edit" and request.duration != -1:
        issues.append("duration=-1")
    return ", ".join(issues)


def _failure(code: str, reason: str) -> dict[str, str]:
    message = f"The parameter `omni_reference_task_type` specified in the request is not valid: {reason}."
    return {"code": f"InvalidParameter.{code}", "message": message}
