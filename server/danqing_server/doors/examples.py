"""One example of each shape in the OpenAPI document."""

from __future__ import annotations

__all__ = ["EXAMPLES", "example_error"]

TASK_ID = "volcengine_img_019ab3f2c1d4k7m2p9qxw4et6bz3"
LINK = f"http://localhost:8080/api/v1/assets/{TASK_ID}/0-4hq7mz2kx6vt.png"

_IMAGE = {
    "index": 0,
    "url": LINK,
    "width": 1024,
    "height": 1024,
    "media_type": "image/png",
    "size_bytes": 1482210,
    "sha256": "9f2feb0f1ef425b292f2f94bc8482494df430413b4e2d0d4a7d8f0b4d2a6c1e7",
}

_USER = {
    "id": "019ab3f2c1d4k7m2p9qxw4et6bz3",
    "email": "user@example.com",
    "name": "张三",
    "created_at": "2026-11-24T02:00:00Z",
    "updated_at": "2026-11-24T02:00:00Z",
}

_COST = {"amount": "0.20", "currency": "CNY", "images": 1, "estimated": False}

EXAMPLES: dict[str, object] = {
    "ImageTaskRequest": {"prompt": "一只可爱的小猫咪在花园里玩耍", "user_id": "user_123", "size": "1024x1024"},
    "TaskRequest": {
        "type": "image",
        "model": "doubao-seedream-4-0-250828",
        "input": {"prompt": "一只在竹林里的熊猫，水墨画", "size": "2K"},
        "user_id": "user_123",
        "delay": 60,
    },
    "UserRequest": {"email": "user@example.com", "name": "张三"},
    "UserChange": {"name": "李四"},
    "User": _USER,
    "ImageTaskCreated": {"task_id": TASK_ID, "status": "pending", "message": "任务已创建，正在处理中"},
    "ImageResult": {
        "task_id": TASK_ID,
        "status": "completed",
        "result": {
            "image_url": LINK,
            "image_urls": [LINK],
            "images": [_IMAGE],
            "partial": False,
            "usage": {"generated_images": 1},
            "cost": _COST,
        },
        "image_url": LINK,
    },
    "Task": {
        "id": TASK_ID,
        "user_id": "user_123",
        "type": "image",
        "status": "completed",
        "provider": "volcengine",
        "model": "doubao-seedream-4-0-250828",
        "input": {"prompt": "一只可爱的小猫咪在花园里玩耍", "size": "1024x1024"},
        "output": {"images": [_IMAGE], "errors": [], "partial": False},
        "error": None,
        "progress": 1.0,
        "attempts": 1,
        "cost": _COST,
        "billed": "yes",
    },
    "QueueStats": {
        "queued": 3,
        "delayed": 1,
        "held": 8,
        "lanes": {"volcengine": {"queued": 3, "delayed": 1, "held": 8}},
    },
    "Deleted": {"id": TASK_ID},
    "Health": {
        "status": "ok",
        "message": "服务正常运行",
        "checks": {"mongodb": "ok", "redis": "ok", "storage": "ok", "workers": "ok"},
        "version": "0.1.0",
        "sandbox": True,
        "pid": 4711,
    },
}


def example_error(status: int, code: str, title: str) -> dict[str, object]:
    """Return an error body as an example."""
    return {
        "success": False,
        "error": title,
        "message": title,
        "code": code,
        "type": f"/docs/errors#{code}",
        "title": title,
        "status": status,
        "retryable": status in (429, 503),
        "request_id": "k7m2p9qxw4et6bz3",
        "details": [],
    }
