"""What the clients of a run ask for: plain tasks, and every kind that meets trouble nobody's death brings."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

__all__ = [
    "BATCHED",
    "BRIEF",
    "CAPPED",
    "DELETED",
    "IMPATIENT",
    "KINDS",
    "MIX",
    "MODEL",
    "PLAIN",
    "ROUTE",
    "ROUTED",
    "VOLCENGINE",
    "WORDS",
    "Kind",
    "draw_kind",
]

VOLCENGINE = "volcengine"
MODEL = "doubao-seedream-4-0-250828"
NO_END = float("inf")
CAPPED = "capped"
WORDS = "words"
"""The provider with a spend limit and the one whose answer is no picture; see `hooks`."""
ROUTE = "poster"
"""In place of a provider: the route over two of them; see `whole`."""
FIRST_FAILS = ("", "[sandbox:fail x1]", "[sandbox:429 x1]", "[sandbox:overloaded x1]", "[sandbox:401 x1]")

ODD_ANSWERS = (
    "[sandbox:answer-status=201]",
    "[sandbox:answer-status=202]",
    "[sandbox:bom]",
    "[sandbox:answer-length]",
    "[sandbox:bytes]",
    "[sandbox:base64-lines]",
    "[sandbox:base64-unpadded]",
    "[sandbox:both]",
    "[sandbox:relative]",
    "[sandbox:hostless]",
    "[sandbox:mislabelled]",
)
ODD_STREAMS = ("[sandbox:mislabelled]", "[sandbox:stream-sample]", "[sandbox:stream-no-completed]")


@attrs.frozen(kw_only=True)
class Kind:
    """One kind of task.

    `words` draws what its prompt asks of the sandbox. `images` are the counts it is drawn from, `groups` how often
    it is one call for several. `may_fail`: it may end without every picture though nothing was killed; `doubtful`:
    its calls may be of unknown outcome for that reason, too; `frail`: both, when something was killed in its life.
    `course` is what its user does with it, see `moves`. `usual_s` is the time within which it ends when nothing is
    killed. `asks` is what its input has besides the prompt and a count. `costs`: its service bills at all; where it
    does not, making a thing twice is no purchase.
    """

    name: str
    share: float
    words: Callable[[random.Random], str] = lambda _random: ""
    images: Sequence[int] = (1, 1, 1, 2, 4)
    groups: float = 0.0
    provider: str = VOLCENGINE
    model: str = MODEL
    type: str = "image"
    asks: Mapping[str, Any] = attrs.field(factory=lambda: {"size": "1280x720"})
    costs: bool = True
    policies: Sequence[str] = ("fail", "retry")
    may_fail: bool = False
    doubtful: bool = False
    frail: bool = False
    course: str = "wait"
    usual_s: float = 25.0

    @property
    def waits_for_its_limit(self) -> bool:
        """Whether nothing but the task's time limit may end it."""
        ends_late = self.frail or (self.usual_s == NO_END and self.provider == VOLCENGINE)
        return ends_late and self.course == "wait"


def _always(words: str) -> Callable[[random.Random], str]:
    return lambda _random: words


def _any_of(choices: Sequence[str]) -> Callable[[random.Random], str]:
    return lambda random_: random_.choice(choices)


def _seconds(word: str, least: float, most: float) -> Callable[[random.Random], str]:
    return lambda random_: f"[sandbox:{word}={random_.uniform(least, most):.1f}]"


def _slow(random_: random.Random) -> str:
    return random_.choice(("", "", f"[sandbox:slow={random_.uniform(0.2, 1.2):.2f}]"))


def _under_way(random_: random.Random) -> str:
    return f"[sandbox:slow={random_.uniform(0.5, 3.0):.2f}]"


ALL_TRIES_S = 180.0
"""A plugin's own failure is tried eight times, with ever longer pauses."""


PLAIN = Kind(name="plain", share=25, words=_slow, groups=0.06)
ROUTED = Kind(name="routed", share=6, words=_any_of(FIRST_FAILS), images=(1, 1, 2), provider=ROUTE, usual_s=40)

MIX: Sequence[Kind] = (
    Kind(
        name="dashscope, ordered",
        share=7,
        words=_any_of(FIRST_FAILS[:3]),
        images=(1, 1, 2),
        provider="dashscope",
        model="wan2.2-t2i-flash",
        asks={"size": "1280x720"},
        usual_s=60,
    ),
    Kind(
        name="dashscope, a video",
        share=0.3,
        images=(1,),
        provider="dashscope",
        model="wan2.7-t2v",
        type="video",
        asks={"duration": 2},
        usual_s=90,
    ),
    Kind(
        name="fal, ordered",
        share=7,
        words=_any_of(FIRST_FAILS[:3]),
        images=(1, 1, 2),
        provider="fal",
        model="fal-ai/flux/schnell",
        usual_s=60,
    ),
    Kind(
        name="comfyui",
        share=4,
        images=(1, 1, 2),
        provider="comfyui",
        model="text_to_image",
        costs=False,
        usual_s=60,
    ),
    Kind(
        name="openai",
        share=3,
        words=_slow,
        images=(1, 1, 2),
        provider="openai",
        model="gpt-image-2",
        asks={"size": "1536x1024"},
        usual_s=40,
    ),
)
"""Real providers beside Ark's, with a fifth of all tasks: two whose calls are orders, one that costs nothing and
forgets its queue when it dies, one that answers at once."""

BATCHED = Kind(name="in a batch", share=2, words=_slow, images=(1,), course="batch", usual_s=60)

DELETED = Kind(name="deleted and repeated", share=4, words=_under_way, images=(1,), course="delete", usual_s=120)

KINDS: Sequence[Kind] = (
    PLAIN,
    ROUTED,
    *MIX,
    BATCHED,
    Kind(name="unbilled failure", share=2, words=_always("[sandbox:fail x1]"), usual_s=40),
    Kind(name="odd answer", share=10, words=_any_of(ODD_ANSWERS), groups=0.15, images=(1, 1, 2)),
    Kind(name="odd stream", share=1, words=_any_of(ODD_STREAMS), groups=1.0),
    Kind(
        name="dead link",
        share=2,
        words=_any_of(("[sandbox:download-status=404]", "[sandbox:download-status=403]", "[chaos:unsigned]")),
        images=(1, 1, 2),
        may_fail=True,
        doubtful=True,
        usual_s=NO_END,
    ),
    Kind(
        name="lost link",
        share=1,
        words=_always("[chaos:link-lost][sandbox:fail x1]"),
        images=(2,),
        may_fail=True,
        doubtful=True,
        usual_s=NO_END,
    ),
    Kind(name="late link", share=4, words=_seconds("link-late", 1, 12), images=(1, 2), usual_s=40),
    Kind(name="dying link", share=2, words=_seconds("link-dies", 8, 20), frail=True),
    Kind(name="torn link", share=1, words=_always("[sandbox:download-truncate x2]"), images=(1,), usual_s=35),
    Kind(name="slow link", share=2, words=_seconds("link-slow", 2, 12), images=(1, 2), usual_s=40),
    Kind(
        name="no picture behind the link",
        share=1,
        words=_always("[sandbox:link-html]"),
        images=(1, 2),
        may_fail=True,
    ),
    Kind(name="refused write", share=2, words=_any_of(("[chaos:vast]", "[chaos:nul]")), images=(1, 2)),
    Kind(
        name="refused checkpoint",
        share=0.3,
        words=_always("[chaos:checkpoint]"),
        images=(0,),
        provider=WORDS,
        type="words",
        may_fail=True,
        usual_s=ALL_TRIES_S,
    ),
    Kind(name="no picture asked", share=2, words=_slow, images=(0,), provider=WORDS, type="words"),
    Kind(
        name="no picture asked, no answer",
        share=1,
        words=_always("[sandbox:reset-after-billing]"),
        images=(0,),
        provider=WORDS,
        type="words",
        may_fail=True,
        doubtful=True,
        usual_s=60,
    ),
    Kind(name="repeated", share=4, words=_slow, images=(1, 2), course="repeat"),
    Kind(name="cancelled and retried", share=7, words=_under_way, images=(1, 1, 2), course="waver", usual_s=120),
    DELETED,
    Kind(name="hammered", share=2, words=_under_way, images=(1, 2), course="hammer", usual_s=120),
    Kind(name="capped", share=3, words=_slow, images=(1, 2, 3), provider=CAPPED, usual_s=NO_END),
    Kind(
        name="capped, no picture",
        share=2,
        words=_always("[sandbox:link-html]"),
        images=(1, 2),
        provider=CAPPED,
        may_fail=True,
        usual_s=NO_END,
    ),
    Kind(
        name="capped and cancelled",
        share=1,
        words=_under_way,
        images=(2, 3),
        provider=CAPPED,
        course="cancel",
        usual_s=NO_END,
    ),
)


def _impatient(kind: Kind) -> Kind:
    if kind.provider != CAPPED and (kind.waits_for_its_limit or kind.usual_s >= ALL_TRIES_S):
        return attrs.evolve(kind, course="cancel")
    return attrs.evolve(kind, words=_seconds("link-slow", 1, 3)) if kind.name == "slow link" else kind


IMPATIENT = tuple(map(_impatient, KINDS))
"""The same kinds, but that nobody waits for what takes long: for a short run."""

BRIEF = tuple(kind for kind in IMPATIENT if kind.provider != CAPPED and not kind.frail)
"""Of these, all that end soon after the last fault: nothing that a limit holds back, no link that dies."""


def draw_kind(random_: random.Random, kinds: Sequence[Kind] = KINDS) -> Kind:
    """Draw one of *kinds* by its share."""
    return random_.choices(kinds, [kind.share for kind in kinds])[0]
