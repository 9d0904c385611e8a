"""Texts and translations: what is asked for, checked before anything is queued."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from danqing_plugins import Message, Prepared, Request, Text
from danqing_plugins.kit.parameters import Line, Number, Parameters, Prompt, Whole
from danqing_providers.volcengine.text.models import TextPrices

__all__ = ["TEXT_FORM", "TEXT_TYPES", "TRANSLATION", "messages_of", "prepare_text"]

TRANSLATION: Final = "translation"
TEXT_TYPES: Final = ("text", "text_generation", TRANSLATION)
LONGEST: Final = 200_000
MOST_TOKENS: Final = 65_536
LANGUAGES: Final[Mapping[str, str]] = {
    "zh": "Chinese",
    "en": "English",
    "ja": "Japanese",
    "ko": "Korean",
    "fr": "French",
    "de": "German",
    "es": "Spanish",
    "ru": "Russian",
    "pt": "Portuguese",
    "it": "Italian",
    "ar": "Arabic",
    "vi": "Vietnamese",
    "th": "Thai",
}
_CHINESE: Final = re.compile(r"[\u3400-\u9fff]")

NEEDED: Final = Message(key="text_needed", en="needed: the text, or text", zh="必填：可用 prompt 或 text 提供内容")
GIVEN_TWICE: Final = Message(key="text_twice", en="give either prompt or text", zh="prompt 与 text 只能提供一个")
ONLY_TRANSLATION: Final = Message(
    key="text_only_translation", en="only for type translation", zh="仅用于 translation 类型"
)

TEXT_FORM: Final = Parameters(
    Prompt(
        required=False,
        most=LONGEST,
        description=Text("What is asked, or the text to translate", "要提出的问题，或要翻译的文本"),
    ),
    Line(
        "text",
        title=Text("Text", "文本"),
        description=Text("Another name of the prompt, for translations", "提示词的另一名称，用于翻译"),
        least=1,
        most=LONGEST,
    ),
    Line(
        "target_language",
        title=Text("Into", "目标语言"),
        description=Text(
            "A code (en, zh, ja) or a name; unless given, English for Chinese and Chinese for all others",
            "语言代码（en、zh、ja）或名称；默认中文译为英文，其他译为中文",
        ),
        least=1,
        most=64,
        group="main",
    ),
    Line(
        "source_language",
        title=Text("From", "源语言"),
        description=Text("Unless given, the model finds out", "默认由模型判断"),
        least=1,
        most=64,
    ),
    Line(
        "system",
        title=Text("Instruction", "系统提示词"),
        description=Text("How the model is to answer", "对模型回答方式的要求"),
        least=1,
        most=LONGEST,
    ),
    Number(
        "temperature",
        title=Text("Temperature", "温度"),
        description=Text("Higher is more varied", "越高越随机"),
        least=0,
        most=2,
        step=0.1,
    ),
    Number(
        "top_p",
        title=Text("Top p", "核采样"),
        description=Text("Which part of the likely words is drawn from", "候选词的累计概率范围"),
        least=0,
        most=1,
        step=0.05,
    ),
    Whole(
        "max_tokens",
        title=Text("Longest answer", "最大长度"),
        description=Text("In tokens; a longer answer is cut", "以 token 计，超出则截断"),
        least=1,
        most=MOST_TOKENS,
    ),
)


def prepare_text(request: Request, model: str, prices: TextPrices) -> Prepared:
    """Check *request*; its answer is no output, but data.

    Raises:
        InvalidRequest: with one problem per wrong field, all of them.
    """
    fields = TEXT_FORM.read(request, model=model)
    if fields.has("prompt") and fields.has("text"):
        fields.refuse("text", GIVEN_TWICE())
    if not fields.has("prompt") and not fields.has("text"):
        fields.refuse("prompt", NEEDED())
    if request.type != TRANSLATION:
        for name in ("target_language", "source_language"):
            if fields.has(name):
                fields.refuse(name, ONLY_TRANSLATION())
    fields.finish()
    kept = fields.given
    kept["prompt"] = kept.pop("text", None) or kept["prompt"]
    messages = messages_of(request.type, kept)
    return Prepared(
        model=model,
        input=kept,
        outputs=0,
        single_call=True,
        price=prices.estimate(model, messages, kept.get("max_tokens")),
    )


def messages_of(type_: str, asked: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
    """Return the messages that a task of *type_* sends."""
    instruction = asked.get("system", "")
    if type_ == TRANSLATION:
        instruction = f"{_translate(asked)} {instruction}".strip()
    system = [{"role": "system", "content": instruction}] if instruction else []
    return [*system, {"role": "user", "content": asked["prompt"]}]


def _translate(asked: Mapping[str, Any]) -> str:
    usual = "en" if _CHINESE.search(asked["prompt"]) else "zh"
    into = _named(asked.get("target_language", usual))
    source = f" from {_named(asked['source_language'])}" if "source_language" in asked else ""
    return f"Translate the user's text{source} into {into}. Answer with the translation alone."


def _named(language: str) -> str:
    return LANGUAGES.get(language.lower().partition("-")[0].partition("_")[0], language)
