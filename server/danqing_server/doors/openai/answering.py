"""A completed task as OpenAI's clients read it: its pictures inside the answer, or links to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from danqing_server.codec.bodies import dump_json
from danqing_server.doors.encoding import Encoded, Piece
from danqing_server.doors.openai.reading import Form, Manner
from danqing_server.doors.output_views import pictures_of
from danqing_server.http.links import picture_url
from danqing_server.records.outputs import Asset
from danqing_server.records.tasks import Task

__all__ = ["Gallery"]

USAGE = ("input_tokens", "output_tokens", "total_tokens")
TOKENS = ("prompt_tokens", "completion_tokens", "total_tokens")
"""What a chat calls the same."""


@attrs.frozen(kw_only=True)
class Gallery:
    """The pictures of a completed task, for one client."""

    base: str
    task: Task
    manner: Manner

    @property
    def pieces(self) -> list[Piece]:
        """The whole answer, with the pictures in their places."""
        if self.manner.form is Form.CHAT:
            return [dump_json({**self.chat("chat.completion", "message"), "usage": self._tokens()})]
        moment = self.task.completed_at or self.task.created_at
        pieces: list[Piece] = [b'{"created":%d,"data":[' % int(moment.timestamp())]
        for place, asset in enumerate(pictures_of(self.task)):
            pieces += [b","] if place else []
            pieces += self._item(asset)
        return [*pieces, self._end()]

    def picture(self, asset: Asset) -> Encoded:
        """Return a picture as base64, in the format that was asked for."""
        is_sent = self.manner.form in (Form.B64, Form.BOTH)
        return Encoded(asset, self.manner.output_format if is_sent else None)

    def facts(self, asset: Asset) -> dict[str, Any]:
        """Return what is said of a picture, or of all by the first: what it is, not what was asked for."""
        picture = self.picture(asset)
        format_ = picture.wanted if picture.is_converted else asset.media_type.partition("/")[2]
        return {"size": f"{asset.width}x{asset.height}", "output_format": format_}

    @property
    def usage(self) -> Mapping[str, Any] | None:
        """What the service counted, if it counts as OpenAI does."""
        usage = self.task.usage
        return usage if all(isinstance(usage.get(name), int) for name in USAGE) else None

    def link(self, asset: Asset) -> str:
        """Return where a picture is fetched."""
        return picture_url(self.base, asset.key)

    def chat(self, kind: str, member: str) -> dict[str, Any]:
        """Return the pictures as what an assistant says: links, as markdown and by themselves."""
        links = [self.link(asset) for asset in pictures_of(self.task)]
        said = {
            "role": "assistant",
            "content": "\n\n".join(f"![image]({link})" for link in links),
            "images": [{"type": "image_url", "image_url": {"url": link}} for link in links],
        }
        moment = self.task.completed_at or self.task.created_at
        return {
            "id": f"chatcmpl-{self.task.id}",
            "object": kind,
            "created": int(moment.timestamp()),
            "model": self.task.model,
            "choices": [{"index": 0, member: said, "finish_reason": "stop"}],
        }

    def _tokens(self) -> dict[str, int]:
        """Return the tokens of a chat, which always has some: programs read them unasked (smolagents 1.26.0)."""
        counted = self.usage or dict.fromkeys(USAGE, 0)
        return {told: counted[name] for told, name in zip(TOKENS, USAGE, strict=True)}

    def _end(self) -> bytes:
        pictures = pictures_of(self.task)
        told: dict[str, Any] = self.facts(pictures[0]) if pictures else {}
        if self.usage is not None:
            told["usage"] = self.usage
        return b"]," + dump_json(told)[1:] if told else b"]}"

    def _item(self, asset: Asset) -> list[Piece]:
        link = b'"url":' + dump_json(self.link(asset))
        if self.manner.form is Form.URL:
            return [b"{" + link + b"}"]
        before = b"{" if self.manner.form is Form.B64 else b"{" + link + b","
        return [before + b'"b64_json":"', self.picture(asset), b'"}']
