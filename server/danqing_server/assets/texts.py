"""What users read of pictures and other outputs that cannot be taken, fetched or kept."""

from __future__ import annotations

from danqing_plugins import Message, OutputKind, Text

__all__ = [
    "BASE64_BREAKS_OFF",
    "BASE64_CONTINUES",
    "BASE64_DAMAGED",
    "BASE64_FOREIGN",
    "CUT_OFF",
    "EMPTY",
    "FILE_CUT_OFF",
    "FORMS",
    "FRAMES_TOO_LARGE",
    "HELD_ELSEWHERE",
    "KINDS",
    "NOT_A_DATA_URI",
    "NOT_A_PICTURE",
    "NOT_A_REFERENCE",
    "NOT_DECODABLE",
    "NOT_HERE",
    "NOT_OF_KIND",
    "NOT_TEXT",
    "NO_FILM_INSIDE",
    "NO_SOUND_ALONE",
    "SOURCE_ANSWERED",
    "SOURCE_BROKE_OFF",
    "SOURCE_CHANGED",
    "SOURCE_ENDED_EARLY",
    "SOURCE_MALFORMED",
    "SOURCE_NOT_HTTP",
    "SOURCE_NOT_PUBLIC",
    "SOURCE_REDIRECTS",
    "SOURCE_REDIRECTS_TO",
    "SOURCE_REDIRECTS_WITH_PASSWORD",
    "SOURCE_SILENT",
    "SOURCE_SLOW",
    "SOURCE_WITH_PASSWORD",
    "TOO_LARGE_TO_DECODE",
    "TOO_MANY",
    "TOO_MANY_BYTES",
    "TOO_MANY_PIXELS",
    "TOO_MANY_TAGS",
    "URL_WITH_PASSWORD",
    "WRONG_KIND",
    "WRONG_SHAPE",
]

FORMS = Text(
    "an http(s) URL, data:image/<format>;base64,..., upload://<id>, or one of this server's own pictures",
    "http(s) 地址、data:image/<format>;base64,...、upload://<id> 或本服务器上的图片",
)
WRONG_SHAPE = Message(
    key="reference_shape",
    en="a string or a list of strings: {forms}",
    zh="必须是字符串或字符串数组：{forms}",
)
TOO_MANY = Message(key="too_many_references", en="at most {most} references", zh="参考图最多 {most} 张")
NOT_TEXT = Message(key="reference_not_text", en="not a string; allowed: {forms}", zh="不是字符串；可用：{forms}")
NOT_A_REFERENCE = Message(
    key="reference_kind", en="no such kind of reference; allowed: {forms}", zh="不支持这种参考图；可用：{forms}"
)
URL_WITH_PASSWORD = Message(
    key="url_with_password", en="a URL must not hold a user name or password", zh="地址中不能包含用户名或密码"
)
NOT_A_DATA_URI = Message(
    key="not_a_data_uri",
    en="a data URI must begin with data:image/<format>;base64,",
    zh="data URI 必须以 data:image/<format>;base64, 开头",
)
NOT_HERE = Message(
    key="no_such_picture", en="no such picture here, or no longer", zh="此服务器上没有这张图片，或已被删除"
)

TOO_MANY_BYTES = Message(key="too_many_bytes", en="larger than {most} bytes", zh="超过 {most} 字节")
TOO_MANY_PIXELS = Message(
    key="too_many_pixels",
    en="{width}x{height} are {pixels} pixels; at most {most} are kept",
    zh="{width}x{height} 共 {pixels} 像素，最多允许 {most} 像素",
)
NOT_A_PICTURE = Message(
    key="not_a_picture",
    en="not a picture of a known kind ({kinds})",
    zh="不是支持的图片格式（{kinds}）",
)
TOO_LARGE_TO_DECODE = Message(
    key="too_large_to_decode", en="the {kind} picture is too large to be decoded", zh="{kind} 图片过大，无法解码"
)
TOO_MANY_TAGS = Message(
    key="too_many_tags",
    en="the tiff picture has {tags} tags, at most {most}",
    zh="tiff 图片有 {tags} 个标签，最多允许 {most} 个",
)
NOT_DECODABLE = Message(
    key="not_decodable",
    en="a {kind} picture cannot be decoded here, and so not be proved whole",
    zh="此服务器无法解码 {kind} 图片，因此无法确认其完整",
)
CUT_OFF = Message(key="cut_off", en="the {kind} picture is cut off or damaged", zh="{kind} 图片不完整或已损坏")
EMPTY = Message(key="picture_empty", en="it is empty", zh="内容为空")
KINDS = {
    OutputKind.IMAGE: Text("a picture", "图片"),
    OutputKind.VIDEO: Text("a video", "视频"),
    OutputKind.AUDIO: Text("audio", "音频"),
    OutputKind.MODEL: Text("a 3D model", "三维模型"),
    OutputKind.FILE: Text("a file", "文件"),
}
WRONG_KIND = Message(
    key="wrong_kind",
    en="{found} ({format}) where {wanted} was asked for",
    zh="应为{wanted}，实际是{found}（{format}）",
)
NOT_OF_KIND = Message(key="not_of_kind", en="not {wanted} of a known format", zh="不是支持的{wanted}格式")
NO_FILM_INSIDE = Message(
    key="no_film_inside", en="the {format} file holds no video", zh="该 {format} 文件中没有视频"
)
NO_SOUND_ALONE = Message(
    key="no_sound_alone", en="the {format} file does not hold sound alone", zh="该 {format} 文件不是纯音频"
)
FILE_CUT_OFF = Message(
    key="file_cut_off",
    en="the {format} file is cut off or damaged ({reason})",
    zh="{format} 文件不完整或已损坏",
)
FRAMES_TOO_LARGE = Message(
    key="frames_too_large",
    en="its frames of {width}x{height} are {pixels} pixels, more than is decoded",
    zh="单帧 {width}x{height} 共 {pixels} 像素，超过允许的上限",
)
BASE64_DAMAGED = Message(key="base64_damaged", en="the base64 is damaged: {what}", zh="base64 已损坏：{what}")
BASE64_BREAKS_OFF = Message(
    key="base64_breaks_off",
    en="it breaks off after {count} characters, in the middle of a byte",
    zh="在第 {count} 个字符后中断，最后一个字节不完整",
)
BASE64_CONTINUES = Message(
    key="base64_continues", en="there is more after its padding ('=')", zh="填充符（=）之后还有内容"
)
BASE64_FOREIGN = Message(
    key="base64_foreign",
    en="character {at}, not counting white space, is none of base64's",
    zh="第 {at} 个字符（不计空白）不是 base64 字符",
)

HELD_ELSEWHERE = Message(
    key="held_elsewhere",
    en="another machine's disk holds it, or did",
    zh="它保存在（或曾保存在）另一台机器的磁盘上",
)
SOURCE_SLOW = Message(key="source_slow", en="the source was too slow", zh="来源响应过慢")
SOURCE_MALFORMED = Message(key="source_malformed", en="the URL is malformed", zh="地址格式错误")
SOURCE_NOT_PUBLIC = Message(
    key="source_not_public", en="the URL leads to an address that is not public", zh="该地址指向非公网主机"
)
SOURCE_SILENT = Message(key="source_silent", en="the source cannot be reached", zh="无法连接来源")
SOURCE_BROKE_OFF = Message(
    key="source_broke_off", en="the source broke off ({error})", zh="与来源的连接中断（{error}）"
)
SOURCE_NOT_HTTP = Message(
    key="source_not_http", en="the URL is neither http nor https", zh="地址不是 http 或 https"
)
SOURCE_REDIRECTS = Message(
    key="source_redirects",
    en="the source redirects more than {most} times",
    zh="来源的重定向超过 {most} 次",
)
SOURCE_REDIRECTS_TO = Message(
    key="source_redirects_to", en="the source redirects to {scheme!r}", zh="来源重定向到 {scheme!r}"
)
SOURCE_WITH_PASSWORD = Message(
    key="source_with_password",
    en="the URL holds a user name or password",
    zh="URL 中含有用户名或密码",
)
SOURCE_REDIRECTS_WITH_PASSWORD = Message(
    key="source_redirects_with_password",
    en="the source redirects with a password",
    zh="来源重定向到带密码的地址",
)
SOURCE_ANSWERED = Message(key="source_answered", en="the source answered {status}", zh="来源返回 {status}")
SOURCE_CHANGED = Message(
    key="source_changed",
    en="the source changed between two parts of a download",
    zh="分段下载期间来源内容发生了变化",
)
SOURCE_ENDED_EARLY = Message(
    key="source_ended_early", en="{got} of {announced} bytes came", zh="只收到 {got} 字节，应为 {announced} 字节"
)
