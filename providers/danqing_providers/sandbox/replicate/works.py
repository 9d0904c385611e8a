"""What a prediction makes, and what is bought with it."""

from __future__ import annotations

from typing import Final

from danqing_providers.sandbox.gallery import Work
from danqing_providers.sandbox.ledger import Purchase
from danqing_providers.sandbox.replicate.inputs import Ask

__all__ = ["REMOVED_S", "purchase_of", "work_of"]

REMOVED_S: Final = 3600.0


def work_of(id_: str, model: str, ask: Ask, index: int, now_s: float) -> Work:
    """Return output *index* of prediction *id_*."""
    return Work(
        name=f"{id_}-{index}",
        dialect="replicate",
        model=model,
        prompt=ask.prompt,
        form=ask.form,
        made_s=now_s,
        index=index,
        seed=ask.seed,
        width=ask.width,
        height=ask.height,
        seconds=3.0 if ask.kind == "video" else 0,
        kept_s=REMOVED_S,
    )


def purchase_of(work: Work, ask: Ask, key: str) -> Purchase:
    """Return what *work* is billed as."""
    id_ = work.name.rpartition("-")[0]
    return Purchase(
        time_s=work.made_s,
        dialect="replicate",
        model=work.model,
        prompt=work.prompt,
        api_key=key,
        request_id=id_,
        kind=ask.kind,
        image_index=work.index,
        size="" if ask.kind == "text" else f"{work.width}x{work.height}",
        job=id_,
        work="" if ask.kind == "text" else work.name,
    )
