"""What users read of a service that failed. What the service says itself is quoted as it is."""

from __future__ import annotations

from typing import Final

from danqing_plugins.messages import Message

__all__ = [
    "ANSWER_NO_JSON",
    "ANSWER_NO_OBJECT",
    "ANSWER_TOO_LARGE",
    "ANY_SIZE",
    "AT_MOST_REFERENCES",
    "CONNECTION_BROKE",
    "EMPTY_PROMPT",
    "EXACT_REFERENCES",
    "FOREIGN_ADDRESS",
    "GATEWAY_SILENT",
    "HAS_NO_EFFECT",
    "LIST_COUNT",
    "LONG_ITEM",
    "MISSPELT_PARAMETER",
    "NOTHING_MADE",
    "NOT_A_SIZE",
    "NOT_FOUND_ADDRESS",
    "NOT_REACHED",
    "NOT_TAKEN",
    "NOT_TEXT",
    "NO_ANSWER",
    "NO_FLAG",
    "NO_LIST",
    "NO_MULTIPLE",
    "NO_NUMBER",
    "NO_OBJECT",
    "NO_REFERENCES",
    "NO_STRING",
    "NO_TAKERS",
    "NO_WHOLE",
    "ONE_OF",
    "REDIRECTED",
    "REFERENCES_TOO_LARGE",
    "REFERENCE_BYTES",
    "REFERENCE_COUNT",
    "REFERENCE_KIND",
    "REFERENCE_NARROW",
    "REFERENCE_PIXELS",
    "REFERENCE_SIDES",
    "REFUSED",
    "REQUEST_TOO_LARGE",
    "REQUIRED",
    "SIZE_AREA",
    "SIZE_RATIO",
    "SIZE_SIDES",
    "SIZE_STEP",
    "SOME_REFERENCES",
    "SOME_WRONG",
    "TAKERS",
    "TOO_LONG",
    "TOO_SHORT",
    "UNKNOWN_PARAMETER",
]

REFUSED: Final = Message(
    key="refused", en="{service} refused the request ({code})", zh="{service}拒绝了请求（{code}）"
)
NOT_FOUND_ADDRESS: Final = Message(
    key="address_not_found",
    en="{service}'s address answers 404 without an error of its own: is {setting} right?",
    zh="{service}的地址返回 404 且没有错误信息，请检查 {setting} 是否正确",
)
REDIRECTED: Final = Message(
    key="address_redirects",
    en="{service}'s address redirects elsewhere: is {setting} right?",
    zh="{service}的地址重定向到别处，请检查 {setting} 是否正确",
)
NOT_REACHED: Final = Message(
    key="not_reached", en="{service} could not be reached ({error})", zh="无法连接{service}（{error}）"
)
NO_ANSWER: Final = Message(
    key="no_answer_in_time", en="{service} did not answer in time", zh="{service}未在限定时间内响应"
)
CONNECTION_BROKE: Final = Message(
    key="connection_broke", en="the connection to {service} broke ({error})", zh="与{service}的连接中断（{error}）"
)
GATEWAY_SILENT: Final = Message(
    key="gateway_silent",
    en="{service}'s gateway answered {status} without an error of its own",
    zh="{service}的网关返回 {status}，没有错误信息",
)
FOREIGN_ADDRESS: Final = Message(
    key="foreign_address",
    en="{service} named an address that is not its own: nothing was sent there",
    zh="{service}给出的地址不属于其服务器，未发送任何内容",
)
NOTHING_MADE: Final = Message(
    key="done_without_output",
    en="the service said that it is done and named no output",
    zh="服务称已完成，但没有返回任何结果",
)
ANSWER_NO_JSON: Final = Message(
    key="answer_no_json",
    en="{service}'s answer is neither a JSON object nor a stream of events",
    zh="{service}的响应既不是 JSON 对象，也不是事件流",
)
ANSWER_NO_OBJECT: Final = Message(
    key="answer_no_object", en="{service}'s answer is no JSON object", zh="{service}的响应不是 JSON 对象"
)
ANSWER_TOO_LARGE: Final = Message(
    key="answer_too_large",
    en="{service}'s answer has more than {most} bytes",
    zh="{service}的响应超过 {most} 字节",
)
REQUEST_TOO_LARGE: Final = Message(
    key="request_too_large",
    en="the request has {count} bytes with its reference pictures, at most {most}",
    zh="请求连同参考图共 {count} 字节，最多 {most} 字节",
)

REQUIRED: Final = Message(key="required", en="is required", zh="必填")
NO_STRING: Final = Message(key="not_text", en="must be a string", zh="必须是字符串")
NO_FLAG: Final = Message(key="not_a_flag", en="must be true or false", zh="必须是 true 或 false")
NO_WHOLE: Final = Message(
    key="not_whole_in_range",
    en="must be a whole number from {low} to {high}",
    zh="必须是 {low} 到 {high} 之间的整数",
)
NO_NUMBER: Final = Message(
    key="not_a_number", en="must be a number from {low:g} to {high:g}", zh="必须是 {low:g} 到 {high:g} 之间的数字"
)
NO_OBJECT: Final = Message(key="not_an_object_here", en="must be an object", zh="必须是 JSON 对象")
ONE_OF: Final = Message(key="not_among", en="must be one of {allowed}", zh="只能是：{allowed}")
UNKNOWN_PARAMETER: Final = Message(
    key="unknown_parameter", en="unknown parameter; known: {known}", zh="未知参数；可用参数：{known}"
)
MISSPELT_PARAMETER: Final = Message(
    key="misspelt_parameter",
    en="unknown parameter; did you mean {near}? known: {known}",
    zh="未知参数；是否想写 {near}？可用参数：{known}",
)
EMPTY_PROMPT: Final = Message(key="empty_prompt", en="must not be empty", zh="不能为空")
TOO_LONG: Final = Message(
    key="too_long", en="is too long: {count} characters, at most {most}", zh="过长：{count} 个字符，最多 {most} 个"
)
NOT_TEXT: Final = Message(
    key="prompt_not_text",
    en="holds characters that are no text (NUL or half of a surrogate pair)",
    zh="包含无效字符（NUL 或不完整的代理对）",
)
SOME_WRONG: Final = Message(key="some_wrong", en="{count} wrong in the input", zh="输入中有 {count} 处错误")
NOT_TAKEN: Final = Message(
    key="parameter_not_taken", en="{model} does not take it; {takers}", zh="{model} 不支持此参数；{takers}"
)
TAKERS: Final = Message(key="takers", en="models that take it: {models}", zh="支持的模型：{models}")
NO_TAKERS: Final = Message(key="no_takers", en="no model on offer takes it", zh="目前没有模型支持")
REFERENCE_COUNT: Final = Message(
    key="reference_count", en="takes {allowed}, not {count}", zh="{allowed}，收到 {count} 张"
)
NO_REFERENCES: Final = Message(key="no_references", en="no reference pictures", zh="不接受参考图")
EXACT_REFERENCES: Final = Message(
    key="exact_references", en="exactly {most} reference picture(s)", zh="需要恰好 {most} 张参考图"
)
SOME_REFERENCES: Final = Message(
    key="some_references", en="{least} to {most} reference pictures", zh="需要 {least} 到 {most} 张参考图"
)
AT_MOST_REFERENCES: Final = Message(
    key="at_most_references", en="at most {most} reference pictures", zh="最多接受 {most} 张参考图"
)
REFERENCE_KIND: Final = Message(
    key="reference_format",
    en="{media_type} is not taken; allowed: {allowed}",
    zh="不支持 {media_type}；可用：{allowed}",
)
REFERENCE_BYTES: Final = Message(
    key="reference_bytes", en="has {count} bytes, at most {most}", zh="共 {count} 字节，最多 {most} 字节"
)
REFERENCE_SIDES: Final = Message(
    key="reference_sides",
    en="is {width}x{height}: each side must have {least} to {most} pixels",
    zh="尺寸为 {width}x{height}，每边须为 {least} 到 {most} 像素",
)
REFERENCE_NARROW: Final = Message(
    key="reference_narrow",
    en="is too long and narrow: the ratio may be at most {widest:g}:1",
    zh="过于狭长，宽高比最多 {widest:g}:1",
)
REFERENCE_PIXELS: Final = Message(
    key="reference_pixels", en="has {count} pixels, at most {most}", zh="共 {count} 像素，最多 {most} 像素"
)
REFERENCES_TOO_LARGE: Final = Message(
    key="references_too_large",
    en="the pictures are too large together: {count} bytes of base64, at most {most}",
    zh="参考图合计过大：base64 共 {count} 字节，最多 {most} 字节",
)
HAS_NO_EFFECT: Final = Message(
    key="has_no_effect", en="has an effect only with {when}", zh="仅在以下条件下有效：{when}"
)
TOO_SHORT: Final = Message(key="too_short", en="must have at least {least} characters", zh="至少 {least} 个字符")
NO_MULTIPLE: Final = Message(key="no_multiple", en="must be a multiple of {step}", zh="必须是 {step} 的倍数")
NO_LIST: Final = Message(key="not_a_list", en="must be a list of strings", zh="必须是字符串列表")
LIST_COUNT: Final = Message(
    key="list_count",
    en="must have {least} to {most} entries, not {count}",
    zh="须有 {least} 到 {most} 项，收到 {count} 项",
)
LONG_ITEM: Final = Message(
    key="long_item", en="has an entry of more than {most} characters", zh="有一项超过 {most} 个字符"
)
NOT_A_SIZE: Final = Message(
    key="not_a_size", en="is no size on offer; allowed: {allowed}", zh="不支持此尺寸；可用：{allowed}"
)
SIZE_SIDES: Final = Message(
    key="size_sides", en="each side must have {least} to {most} pixels", zh="每边须为 {least} 到 {most} 像素"
)
SIZE_STEP: Final = Message(
    key="size_step", en="each side must be a multiple of {step}", zh="每边必须是 {step} 的倍数"
)
SIZE_AREA: Final = Message(
    key="size_area", en="has {area} pixels; allowed: {least} to {most}", zh="共 {area} 像素；允许 {least} 到 {most}"
)
SIZE_RATIO: Final = Message(
    key="size_ratio", en="is too long and narrow: at most {widest:g}:1", zh="过于狭长，宽高比最多 {widest:g}:1"
)
ANY_SIZE: Final = Message(key="any_size", en="WIDTH{separator}HEIGHT", zh="宽{separator}高")
