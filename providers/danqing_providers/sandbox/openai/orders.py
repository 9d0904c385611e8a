"""An order: an accepted request with everything settled that the model would settle by itself, and its bill."""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from typing import Any, Final

import attrs

from danqing_providers.sandbox.faults import Target
from danqing_providers.sandbox.gallery import Work
from danqing_providers.sandbox.ledger import Purchase
from danqing_providers.sandbox.openai.catalogue import PARTIAL_TOKENS, REFERENCE_TOKENS, count_of
from danqing_providers.sandbox.openai.validation import Wish

__all__ = ["Order"]

_AUTO: Final = "auto"
_CHARACTERS_PER_TOKEN: Final = 4


@attrs.frozen(kw_only=True)
class Order:
    """What will be made: pictures of `width` x `height`.

    `tokens` name the references for the painter, `seed` tells repeats apart, `key` is the fingerprint of the
    caller's key.
    """

    wish: Wish
    dialect: str
    request_id: str
    key: str
    edits: bool
    width: int
    height: int
    tokens: tuple[str, ...]
    seed: int | None
    now_s: float

    @property
    def target(self) -> Target:
        """What faults may strike."""
        return Target(prompt=self.wish.prompt, models=(self.wish.model.id,), dialect=self.dialect)

    @property
    def quality(self) -> str:
        """The quality that `auto` stands for: the model's choice, here always `medium`."""
        return "medium" if self.wish.quality == _AUTO else self.wish.quality

    @property
    def size(self) -> str:
        """Width and height as answers have them."""
        return f"{self.width}x{self.height}"

    def works(self) -> list[Work]:
        """Return the pictures."""
        stem = secrets.token_hex(8)
        return [
            Work(
                name=f"{stem}{index:02d}",
                dialect=self.dialect,
                model=self.wish.model.id,
                prompt=self.wish.prompt,
                form=self.wish.form,
                index=index,
                seed=self.seed,
                width=self.width,
                height=self.height,
                tokens=self.tokens,
                made_s=self.now_s,
            )
            for index in range(self.wish.count)
        ]

    def usage(self, made: int) -> dict[str, Any]:
        """Return what an answer with *made* pictures says of their tokens."""
        text, images = self._input_tokens()
        output = made * self._output_tokens()
        return {
            "input_tokens": text + images,
            "input_tokens_details": {"text_tokens": text, "image_tokens": images},
            "output_tokens": output,
            "output_tokens_details": {"text_tokens": 0, "image_tokens": output},
            "total_tokens": text + images + output,
        }

    def purchases(self, works: Sequence[Work]) -> list[Purchase]:
        """Return the lines of the ledger for *works*; the first one bears the cost of what came in."""
        rates = self.wish.model.rates
        text, images = self._input_tokens()
        inputs = text * rates.text_in + images * rates.image_in
        each = self._output_tokens() * rates.image_out
        return [
            Purchase(
                time_s=work.made_s,
                dialect=self.dialect,
                model=self.wish.model.id,
                prompt=self.wish.prompt,
                request_id=self.request_id,
                api_key=self.key,
                image_index=work.index,
                size=self.size,
                cost_micro=math.ceil(each + (inputs if number == 0 else 0)),
                currency="USD",
            )
            for number, work in enumerate(works)
        ]

    def _input_tokens(self) -> tuple[int, int]:
        return math.ceil(len(self.wish.prompt) / _CHARACTERS_PER_TOKEN), REFERENCE_TOKENS * len(self.tokens)

    def _output_tokens(self) -> int:
        one = count_of(self.wish.model, self.quality, self.width, self.height)
        return one + self.wish.partials * PARTIAL_TOKENS
