"""A rival as a server: `python -m tests.bench.rivals.app --fd N --queue blmove|arq|saq`."""

from __future__ import annotations

import argparse
import asyncio
import socket
from typing import Any

from sanic import HTTPResponse, Request, Sanic
from sanic.response import json

from tests.bench.rivals.pipeline import Pipeline, Settings
from tests.bench.rivals.queues import open_queue


def create_app(queue_kind: str) -> Sanic[Any, Any]:
    """Return the application with one queue behind it."""
    app: Sanic[Any, Any] = Sanic("rival", configure_logging=False)
    app.config.KEEP_ALIVE_TIMEOUT = 75
    settings = Settings()

    @app.before_server_start
    async def open_all(app: Sanic[Any, Any]) -> None:
        pipeline = app.ctx.pipeline = Pipeline(settings)
        await pipeline.prepare()
        app.ctx.queue = open_queue(
            queue_kind, settings.redis_url, settings.prefix, settings.concurrency, pipeline.carry_out
        )
        if settings.runs_workers:
            app.ctx.working = asyncio.create_task(app.ctx.queue.work())

    @app.after_server_stop
    async def close_all(app: Sanic[Any, Any]) -> None:
        await app.ctx.queue.close()
        await app.ctx.pipeline.close()

    _add_routes(app)
    return app


def _add_routes(app: Sanic[Any, Any]) -> None:
    @app.get("/health")
    async def health(_request: Request[Any, Any]) -> HTTPResponse:
        return json({"status": "ok"})

    @app.post("/api/v1/ai/tasks")
    async def create(request: Request[Any, Any]) -> HTTPResponse:
        body = request.json
        if not all(body.get(name) for name in ("type", "model", "input", "user_id")):
            return json({"success": False, "message": "a field is missing"}, 400)
        task = await app.ctx.pipeline.submit(body)
        await app.ctx.queue.push({"id": task["_id"], "type": task["type"], "input": task["input"]})
        return json({"success": True, "data": {"id": task["_id"], "status": "pending"}, "message": "created"}, 201)

    @app.get("/api/v1/tasks/<task_id>")
    async def show(_request: Request[Any, Any], task_id: str) -> HTTPResponse:
        task = await app.ctx.pipeline.find(task_id)
        if task is None:
            return json({"success": False, "message": "no such task"}, 404)
        shown = {name: value for name, value in task.items() if name != "_id"} | {"id": task["_id"]}
        for name in ("created_at", "updated_at", "started_at", "completed_at"):
            if name in shown:
                shown[name] = shown[name].isoformat()
        return json({"success": True, "data": shown, "message": "found"})


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--queue", required=True)
    arguments = parser.parse_args()
    listening = socket.socket(fileno=arguments.fd)
    application = create_app(arguments.queue)
    application.run(sock=listening, single_process=True, motd=False, access_log=False, backlog=4096)
