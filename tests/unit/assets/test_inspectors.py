from __future__ import annotations

import io
import random
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from unittest import mock

import pytest
from PIL import Image

from danqing_plugins import OutputKind
from danqing_server.assets.inspection import Inspection
from danqing_server.assets.inspectors import inspect
from danqing_server.errors import PictureRejected
from tests.support.films import film, sound
from tests.support.providers import picture

MOST_PIXELS = 64_000_000
Look = Callable[[bytes, OutputKind], Inspection]

SHORT_OF_MEMORY = """
import resource, sys
from pathlib import Path
import av
from danqing_server.assets.films import decode

used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 64 * 1024 * 1024, resource.RLIM_INFINITY))
try:
    decode(Path(sys.argv[1]), "mp4", max_pixels=1_000_000)
except Exception as error:
    print(type(error).__name__)
"""


@pytest.fixture
def missing() -> set[str]:
    """The modules that are not installed while something is inspected."""
    return set()


@pytest.fixture
def look(tmp_path: Path, missing: set[str]) -> Look:
    """Inspect bytes as an output of a kind."""

    def inspect_bytes(body: bytes, kind: OutputKind = OutputKind.VIDEO) -> Inspection:
        path = tmp_path / "spooled"
        path.write_bytes(body)
        with mock.patch.dict(sys.modules, dict.fromkeys(missing)):
            return inspect(kind, path, max_pixels=MOST_PIXELS)

    return inspect_bytes


@pytest.fixture(params=["with PyAV", "without PyAV"])
def with_av(request: pytest.FixtureRequest, missing: set[str]) -> bool:
    """Whether PyAV is there; what a file promises of its length is checked either way."""
    if request.param == "without PyAV":
        missing.add("av")
    return not missing


def code_of(look: Look, body: bytes, kind: OutputKind) -> str:
    """Return the code that *body* is rejected with."""
    with pytest.raises(PictureRejected) as caught:
        look(body, kind)
    return caught.value.code


def headed(wav: bytes, around: int, own: int) -> bytes:
    """Return a WAV whose head gives these lengths: of what follows it, and of the sound."""
    at = wav.index(b"data") + 4
    return wav[:4] + struct.pack("<I", around) + wav[8:at] + struct.pack("<I", own) + wav[at + 4 :]


def film_with_endless_table() -> bytes:
    """Return a film whose table of times is said to have half a billion entries."""
    body = film(frames=24)
    at = body.index(b"stts") + 8
    return body[:at] + struct.pack(">I", 0x1FFF_FFFF) + body[at + 4 :]


def _inside_a_box(body: bytes, at: int) -> int:
    """Return *at*, or a place behind it where a box begins there: a film in pieces that ends so looks whole."""
    start = 0
    while start < at:
        start += int.from_bytes(body[start : start + 4])
    return at + 9 if start == at else at


class TestVideo:
    @pytest.mark.parametrize(
        ("format_", "media_type"),
        [
            ("mp4", "video/mp4"),
            ("mov", "video/quicktime"),
            ("webm", "video/webm"),
            ("matroska", "video/x-matroska"),
        ],
    )
    def test_it_is_measured_and_gets_a_poster(self, look: Look, format_: str, media_type: str) -> None:
        """Size, length, pace, sound, and a JPEG of its own size."""
        found = look(film(format_, with_sound=True), OutputKind.VIDEO)
        assert (found.media_type, found.width, found.height) == (media_type, 160, 90)
        assert found.duration_s == pytest.approx(2.0, abs=0.1)
        assert found.fps == pytest.approx(24, abs=0.1)
        assert found.has_audio
        assert found.decoded
        assert found.poster is not None
        with Image.open(io.BytesIO(found.poster.body)) as poster:
            assert (poster.format, poster.size) == ("JPEG", (160, 90))

    def test_its_structure_alone_says_as_much(self, look: Look, missing: set[str]) -> None:
        """Without PyAV everything but the poster is known, and that it was not decoded."""
        missing.add("av")
        for format_ in ("mp4", "webm"):
            found = look(film(format_, with_sound=True), OutputKind.VIDEO)
            assert (found.width, found.height, found.has_audio, found.decoded) == (160, 90, True, False)
            assert found.duration_s == pytest.approx(2.0, abs=0.1)
            assert found.poster is None

    def test_the_poster_is_not_black(self, look: Look) -> None:
        """Of a video that fades in, the first picture is not taken."""
        found = look(film(black=30), OutputKind.VIDEO)
        assert found.poster is not None
        with Image.open(io.BytesIO(found.poster.body)) as poster:
            assert poster.convert("L").getextrema()[1] > 60

    def test_a_video_of_one_dark_frame_has_a_poster_too(self, look: Look) -> None:
        """The brightest there is."""
        assert look(film(frames=1, black=1), OutputKind.VIDEO).poster is not None

    def test_one_that_was_filmed_upright_is_measured_so(self, look: Look, with_av: bool) -> None:
        """The matrix in its head turns what is stored: 160 by 90 is shown as 90 by 160."""
        body = film()
        at = body.index(b"tkhd") + 4 + 40
        turned = body[:at] + struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 90 << 16, 0, 1 << 30) + body[at + 36 :]
        found = look(turned, OutputKind.VIDEO)
        assert (found.width, found.height) == (90, 160)

    @pytest.mark.parametrize("kept", [0.02, 0.5, 0.9, 0.99])
    @pytest.mark.parametrize("movflags", ["", "faststart", "frag_keyframe+empty_moov+skip_trailer"])
    def test_one_that_breaks_off_is_rejected(self, look: Look, with_av: bool, kept: float, movflags: str) -> None:
        """Its head at the beginning, at the end, or in pieces: a cut is seen without decoding."""
        body = film(frames=96, group=24, movflags=movflags)
        assert code_of(look, body[: _inside_a_box(body, int(len(body) * kept))], OutputKind.VIDEO) == "truncated"

    @pytest.mark.parametrize("kept", [0.5, 0.9, 0.999])
    def test_a_webm_that_breaks_off_is_rejected(self, look: Look, with_av: bool, kept: float) -> None:
        """By the size of its segment."""
        body = film("webm")
        assert code_of(look, body[: int(len(body) * kept)], OutputKind.VIDEO) == "truncated"

    def test_a_head_that_lies_is_rejected(self, look: Look, with_av: bool) -> None:
        """A chunk that is said to lie behind the file's end."""
        body = film()
        at = body.index(b"stco") + 12
        lying = body[:at] + struct.pack(">I", len(body) - 8) + body[at + 4 :]
        assert code_of(look, lying, OutputKind.VIDEO) == "truncated"

    def test_tables_that_promise_millions_of_samples_cost_no_memory(self, look: Look, with_av: bool) -> None:
        """A count is believed only as far as its table goes."""
        body = film()
        at = body.index(b"stsz") + 12
        lying = body[:at] + struct.pack(">I", 0xFFFF_FFF0) + body[at + 4 :]
        assert code_of(look, lying, OutputKind.VIDEO) == "truncated"

    def test_huge_frames_are_rejected_before_they_are_decoded(self, look: Look, with_av: bool) -> None:
        """As pictures are."""
        body = film()
        at = body.index(b"tkhd") + 4 + 76
        huge = body[:at] + struct.pack(">II", 30_000 << 16, 30_000 << 16) + body[at + 8 :]
        assert code_of(look, huge, OutputKind.VIDEO) == "too_large"

    def test_media_without_content_is_rejected(self, look: Look) -> None:
        """Every sample is where it is said to be, and none of them is a frame."""
        body = film()
        start = body.index(b"mdat") + 4
        end = start - 8 + int.from_bytes(body[start - 8 : start - 4])
        hollow = body[:start] + bytes(end - start) + body[end:]
        assert code_of(look, hollow, OutputKind.VIDEO) == "truncated"

    def test_a_head_without_media_is_rejected(self, look: Look, with_av: bool) -> None:
        """An index that lists no sample."""
        empty = film(movflags="frag_keyframe+empty_moov")
        assert code_of(look, empty[: empty.index(b"moof") - 4], OutputKind.VIDEO) == "truncated"

    def test_sound_alone_is_no_video(self, look: Look, with_av: bool) -> None:
        """Though it comes in the same container."""
        assert code_of(look, sound("mp4"), OutputKind.VIDEO) == "wrong_kind"

    @pytest.mark.parametrize("body", [picture(), b"<html>not found</html>", b"#EXTM3U\nhttp://127.0.0.1/a.ts", b""])
    def test_what_is_no_video_is_rejected(self, look: Look, body: bytes) -> None:
        """A picture, an error page, a playlist that would lead elsewhere."""
        assert code_of(look, body, OutputKind.VIDEO) == "wrong_kind"

    def test_a_head_that_only_a_decoder_understands_is_left_to_it(self, look: Look, with_av: bool) -> None:
        """It is paid for: what plays is kept, whatever our own reader makes of it."""
        body = film()
        at = body.index(b"edts") - 4
        odd = body[:at] + struct.pack(">I", 0x7FFF_FFFF) + body[at + 4 :]
        if with_av:
            assert look(odd, OutputKind.VIDEO).decoded
        else:
            assert code_of(look, odd, OutputKind.VIDEO) == "truncated"

    def test_frames_too_large_to_be_decoded_are_kept_undecoded(self, look: Look) -> None:
        """Measured and read to their end; no poster."""
        found = look(film(frames=1, size=(4160, 4128)), OutputKind.VIDEO)
        assert (found.width, found.height, found.decoded, found.poster) == (4160, 4128, False, None)

    @pytest.mark.parametrize("seed", range(12))
    @pytest.mark.parametrize("format_", ["mp4", "webm"])
    def test_damage_of_any_kind_is_the_files_fault(self, look: Look, format_: str, seed: int) -> None:
        """Never the disk's, which would be waited for; some damage is none."""
        chance = random.Random(seed)
        body = bytearray(film(format_, frames=24))
        for _ in range(chance.choice([1, 5, 50])):
            body[chance.randrange(min(len(body), 4000))] = chance.randrange(256)
        with suppress(PictureRejected):
            assert look(bytes(body), OutputKind.VIDEO).kind is OutputKind.VIDEO

    def test_a_table_too_long_for_any_memory_is_the_files_fault(self, look: Look) -> None:
        """FFmpeg says of it that memory is short, and asking for the file again would bring the same."""
        assert code_of(look, film_with_endless_table(), OutputKind.VIDEO) == "truncated"

    def test_where_memory_is_short_nothing_is_said_of_the_file(self, tmp_path: Path) -> None:
        """The same answer of FFmpeg's, in a process that has nothing left for a decoder."""
        path = tmp_path / "spooled"
        path.write_bytes(film_with_endless_table())
        ended = subprocess.run(  # a limit that this process would keep
            [sys.executable, "-c", SHORT_OF_MEMORY, str(path)], capture_output=True, text=True, timeout=60
        )
        assert (ended.returncode, ended.stdout.split()) == (0, ["MemoryError"]), ended.stderr

    @pytest.mark.parametrize(("shown_ms", "from_unit"), [(500, 1024), (1000, 14_000), (1500, 30_000)])
    def test_one_that_is_cut_by_its_edit_list_is_whole(
        self, look: Look, with_av: bool, shown_ms: int, from_unit: int
    ) -> None:
        """Editors leave in the file what they cut away, and say what is shown: groups behind it give no frame."""
        body = film(frames=96, group=12)
        at = body.index(b"elst") + 12
        edited = body[:at] + struct.pack(">Ii", shown_ms, from_unit) + body[at + 8 :]
        found = look(edited, OutputKind.VIDEO)
        assert (found.width, found.decoded, found.poster is not None) == (160, with_av, with_av)

    def test_bytes_behind_its_end_are_no_harm(self, look: Look, with_av: bool) -> None:
        """Players pass over them, and it is paid for."""
        assert look(film() + b"appended by a tool", OutputKind.VIDEO).width == 160


class TestAudio:
    @pytest.mark.parametrize(
        ("format_", "media_type", "extension"),
        [
            ("mp3", "audio/mpeg", "mp3"),
            ("wav", "audio/wav", "wav"),
            ("flac", "audio/flac", "flac"),
            ("ogg", "audio/ogg", "ogg"),
            ("adts", "audio/aac", "aac"),
            ("mp4", "audio/mp4", "m4a"),
        ],
    )
    def test_it_is_measured(self, look: Look, with_av: bool, format_: str, media_type: str, extension: str) -> None:
        """It has a length and no size."""
        found = look(sound(format_), OutputKind.AUDIO)
        assert (found.media_type, found.extension, found.decoded) == (media_type, extension, with_av)
        assert (found.width, found.height, found.has_audio, found.poster) == (0, 0, True, None)
        if with_av:
            assert found.duration_s == pytest.approx(1.0, abs=0.1)

    @pytest.mark.parametrize("format_", ["wav", "ogg", "mp4"])
    def test_one_that_breaks_off_is_rejected(self, look: Look, with_av: bool, format_: str) -> None:
        """Where its head says how long it is."""
        body = sound(format_)
        assert code_of(look, body[: len(body) * 2 // 3], OutputKind.AUDIO) == "truncated"

    def test_a_flac_without_its_end_is_rejected(self, look: Look) -> None:
        """Every frame that is there can be decoded; its head counts the samples that are not."""
        body = sound("flac", seconds=4.0)
        assert look(body, OutputKind.AUDIO).duration_s == pytest.approx(4.0, abs=0.1)
        first_frame = body.index(b"\xff\xf8")
        assert code_of(look, body[: (first_frame + len(body)) // 2], OutputKind.AUDIO) == "truncated"

    @pytest.mark.parametrize(
        ("around", "own"),
        [
            (0xFFFF_FFFF, 0xFFFF_FFFF),
            (0x7FFF_FFFF, 0x7FFF_FFFF),
            (0x7FFF_FFBF, 0x7FFF_FF9B),
            (2_000_000_036, 2_000_000_000),
            (0, 0),
        ],
    )
    def test_a_wav_whose_head_was_written_first_is_whole(
        self, look: Look, with_av: bool, around: int, own: int
    ) -> None:
        """Services stream them, and put a number there that stands for none."""
        found = look(headed(sound("wav"), around, own), OutputKind.AUDIO)
        assert found.duration_s == pytest.approx(1.0, abs=0.1)

    @pytest.mark.parametrize("more", [2, 8, 36, 44])
    def test_a_wav_that_miscounts_what_is_around_the_sound_is_whole(
        self, look: Look, with_av: bool, more: int
    ) -> None:
        """Some writers count the file, and not what follows; players go by the sound's own length."""
        body = sound("wav")
        (own,) = struct.unpack_from("<I", body, body.index(b"data") + 4)
        assert look(headed(body, len(body) - 8 + more, own), OutputKind.AUDIO).duration_s is not None

    def test_a_video_is_no_sound(self, look: Look, with_av: bool) -> None:
        """Even one that has some."""
        assert code_of(look, film(with_sound=True), OutputKind.AUDIO) == "wrong_kind"


class TestFiles:
    def test_a_model_is_kept_under_its_type(self, look: Look) -> None:
        """A GLB says how long it is."""
        glb = struct.pack("<4sII", b"glTF", 2, 32) + bytes(20)
        assert look(glb, OutputKind.MODEL).media_type == "model/gltf-binary"
        assert code_of(look, glb[:-1], OutputKind.MODEL) == "truncated"

    @pytest.mark.parametrize(
        "body", [b"<script>alert(1)</script>", b"<svg onload='alert(1)'/>", b"o cube\nv 0 0 0"]
    )
    def test_what_is_not_known_gets_a_type_that_nothing_runs(self, look: Look, body: bytes) -> None:
        """Whatever its source calls it."""
        found = look(body, OutputKind.FILE)
        assert (found.media_type, found.extension) == ("application/octet-stream", "bin")


class TestPicture:
    def test_a_video_is_refused_by_name(self, look: Look) -> None:
        """The task's user reads what came in a picture's stead."""
        with pytest.raises(PictureRejected, match=r"a video \(mp4\) where a picture was asked for") as caught:
            look(film(), OutputKind.IMAGE)
        assert caught.value.code == "not_a_picture"
