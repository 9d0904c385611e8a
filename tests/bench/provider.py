"""The provider that our own server runs in the benchmark: one POST to the stub, and what it answers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from danqing_plugins import (
    Job,
    ModelInfo,
    PluginContext,
    Prepared,
    Provider,
    ProviderInfo,
    Request,
    Result,
    Run,
    Source,
    Unavailable,
)

__all__ = ["BenchProvider", "entry_point_folder"]


INFO = ProviderInfo(
    name="bench",
    title="Benchmark",
    models=(ModelInfo(id="bench", title="Benchmark", types=("text", "image")),),
    default_model="bench",
    concurrency=256,
)


@attrs.define(eq=False)
class BenchProvider(Provider):
    """Type `text` stores the URL that the stub answers; type `image` fetches and keeps the picture there."""

    upstream: str = ""

    @property
    def info(self) -> ProviderInfo:
        return INFO

    def configure(self, context: PluginContext) -> None:
        self.upstream = context.environment["BENCH_UPSTREAM"]

    def prepare(self, request: Request) -> Prepared:
        model = self.find_model(request)
        images = int(request.type == "image")
        return Prepared(model=model.id, input=dict(request.input), outputs=images, single_call=True)

    async def generate(self, job: Job, run: Run) -> Result | None:
        async with run.call(run.missing, "bench"):
            async with run.session.post(self.upstream, json=job.input) as response:
                if response.status != 200:
                    raise Unavailable("the stub did not answer")
                answer = await response.json()
            if job.outputs:
                await run.deliver(0, Source.from_url(answer["url"]))
        return None if job.outputs else Result(output={"url": answer["url"]})


@contextmanager
def entry_point_folder() -> Iterator[Path]:
    """Yield a folder that, on PYTHONPATH, makes the provider an installed plugin."""
    with tempfile.TemporaryDirectory(prefix="danqing-bench-") as folder:
        described = Path(folder) / "danqing_bench-0.dist-info"
        described.mkdir()
        (described / "METADATA").write_text("Metadata-Version: 2.1\nName: danqing-bench\nVersion: 0\n")
        (described / "entry_points.txt").write_text("[danqing]\nbench = tests.bench.provider:BenchProvider\n")
        yield Path(folder)
