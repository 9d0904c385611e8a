"""A video that a task made, in a real browser: it plays, and it seeks.

Needs Chromium (`apt-get install chromium`); without it these tests are skipped, and say so.
"""

from __future__ import annotations

import json
import shutil
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.examples import serving

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
]

WANTED = {"prompt": "a boat between mountains", "resolution": "480p", "duration": 4, "ratio": "16:9"}
PLAY = """
() => new Promise((done) => {
  const video = document.querySelector("video");
  video.onerror = () => done({ error: video.error.message });
  setTimeout(() => done({ error: `not ready: ${video.readyState}` }), 20000);
  const goOn = () => {
    const from = video.currentTime;
    video.ontimeupdate = () => {
      if (video.currentTime > from + 0.5) {
        done({ width: video.videoWidth, height: video.videoHeight, duration: video.duration, from });
      }
    };
    video.play().catch((error) => done({ error: String(error) }));
  };
  video.onseeked = goOn;
  const seek = () => { video.currentTime = video.duration / 2; };
  if (video.readyState >= 2) seek(); else video.onloadeddata = seek;
})
"""


def ask(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the `data` of an answer."""
    sent = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=sent, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        data: dict[str, Any] = json.load(answer)["data"]
    return data


def made(base_url: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return a task when it has ended."""
    task = ask(f"{base_url}/api/v1/ai/tasks", {"user_id": "u", **body})
    ends_s = time.monotonic() + 90
    while task["status"] not in ("completed", "failed") and time.monotonic() < ends_s:
        time.sleep(0.3)
        task = ask(f"{base_url}/api/v1/tasks/{task['id']}")
    assert task["status"] == "completed", task["error"]
    return task


class TestVideo:
    def test_it_plays_from_its_middle(self, tmp_path: Path) -> None:
        """As large and as long as the task says."""
        wanted = {"provider": "volcengine", "model": "doubao-seedance-1-0-pro-fast-251015", "type": "video"}
        with serving(tmp_path, {}) as serve, sync_api.sync_playwright() as playwright:
            [video] = made(serve.base_url, {**wanted, "input": WANTED})["output"]["videos"]
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            try:
                page = browser.new_page()
                page.set_content(f'<video muted src="{video["url"]}"></video>')
                played = page.evaluate(PLAY)
            finally:
                browser.close()
        assert "error" not in played
        assert (played["width"], played["height"]) == (video["width"], video["height"])
        assert played["duration"] == pytest.approx(video["duration_s"], abs=0.1)
        assert played["from"] == pytest.approx(video["duration_s"] / 2, abs=0.2)
