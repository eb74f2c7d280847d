"""What the README and the pages that go on from it show works when pasted, line by line."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.support.deployment import CHECKOUT, Deployment

PAGES = (
    "messages.md",
    "preferences.md",
    "journeys.md",
    "tasks.md",
    "segments.md",
    "life-of-an-event.md",
    "sending-events.md",
)


def _examples() -> str:
    """The shell blocks behind the two commands, and those of the pages that go on from there, as one script."""
    text = (CHECKOUT / "README.md").read_text().split("## A first event", 1)[1]
    text += "\n".join((CHECKOUT / "docs" / page).read_text() for page in PAGES)
    return "set -euo pipefail\n" + "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_the_readmes_examples_work_when_pasted(tmp_path: Path) -> None:
    async with Deployment(tmp_path / "home") as deployment:
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            _examples(),
            env=deployment.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    assert '"user_id":"ann"' in output
    assert '"value":true' in output
    assert '"on_violation":"report"' in output
    assert '"key":"vip-300"' in output
    assert '"first_unknown":[{"namespace":"user_id","value":"nobody"}]' in output
    assert '"added":0,"removed":1,"kept":0' in output, "a list"
    assert '"message_id":"my-first-event"' in output, "the cause of a change"
    assert '"dry_run":true' in output
    assert '"member_since":"' in output
    assert '"by_currency":[{"currency":' in output
    assert '"decision":"sent"' in output
    assert '"subject":"Thank you, Ben"' in output
    assert '"status":"withdrawn"' in output
    assert '"subject":"Danke, Ben"' in output, "a language"
    assert '<html lang="de">' in output, "a page"
    assert '"topics":{"wine":true}' in output, "what was chosen on it"
    assert 'font-weight: bold;\\">150 EUR</p>' in output, "MJML with its styles inlined"
    assert '"segment":"good-customers","channel":"email"' in output, "a check of a template"
    assert '"walking":0,"ended":{"finished":1},"steps":[' in output, "a journey"
    assert '"title":"Call Emil about order 1003"' in output, "a task"
    assert '"to":"me@shop.example","provider":"mailbox","status":"sent"' in output, "a test message"
