"""What a submission brought along that is then refused: nothing of it stays in the storage."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from danqing_server.access.caller import Caller
from danqing_server.access.limits import CallerLimits
from danqing_server.desk.request import Repeat
from danqing_server.errors import BudgetExceeded
from danqing_server.records.tenancy import CLIENT_SCOPES, Limits
from danqing_server.settings.server import Settings
from tests.support.providers import ScriptedProvider, picture
from tests.support.system import running_system, until

POOR = CallerLimits(project=Limits(spend_per_day_micro={"CNY": 1}), key=Limits())
MASCOT = f"data:image/png;base64,{b64encode(picture()).decode()}"


def files_in(folder: Path) -> list[Path]:
    """Return every file that is kept."""
    return [path for path in folder.rglob("*") if path.is_file() and ".spool" not in path.parts]


@pytest.mark.parametrize("repeat", [None, Repeat(key="k", fingerprint="f")])
async def test_a_reference_picture_goes_with_its_submission(
    settings: Settings, tmp_path: Path, repeat: Repeat | None
) -> None:
    """Where there is no money for it; else a client that tries on fills the disk."""
    poor = Caller(project="alice", key="alice", scopes=CLIENT_SCOPES, limits=POOR)
    async with running_system(settings, [ScriptedProvider()], workers=False) as system:
        for _ in range(3):
            with pytest.raises(BudgetExceeded):
                await system.submit(caller=poor, image=MASCOT, repeat=repeat)
        await until(lambda: not files_in(tmp_path / "pictures"))
