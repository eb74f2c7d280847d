"""`make demo`: real purchases in, segments and messages out. Runs on what `make run` runs, or starts it."""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.demo import steps
from deploy.demo.api import Api, DemoError, connect, is_ready, service_urls
from deploy.demo.findings import Findings, read_findings
from deploy.demo.people import Person, make_people
from deploy.demo.plan import SEGMENTS
from deploy.demo.purchases import Purchase, read_purchases, sample_file

console = Console()


async def play(api: Api) -> Findings:
    """All steps, with a bar each."""
    today = datetime.now(UTC).date()
    purchases = read_purchases(sample_file(), today=today)
    people = make_people((p.customer for p in purchases), today=today)
    columns = (TextColumn("{task.description:<52}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:

        def bar(text: str, total: int) -> steps.Advance:
            task = progress.add_task(text, total=total)
            return lambda by: progress.advance(task, by)

        await _send(api, purchases, people, bar)
        findings_bar = bar("reading back what came out", 1)
        findings = await read_findings(api, first=purchases[0].at.date(), last=purchases[-1].at.date())
        findings_bar(1)
    return findings


async def _send(api: Api, purchases: list[Purchase], people: list[Person], bar: steps.MakeBar) -> None:
    sender = steps.Sender(api)
    try:
        sender.announce(people)
        await sender.deliver(len(people), bar("customers, by the Segment SDK", len(people)))
        await steps.settle(api, bar)
        await steps.write_down_consents(api, people, bar)
        await steps.set_up(api)
        sender.identify(people)
        await sender.deliver(len(people), bar("traits (made up), by the Segment SDK", len(people)))
        await steps.settle(api, bar)
        sender.order(purchases)
        await sender.deliver(len(purchases), bar("purchases (real), by the Segment SDK", len(purchases)))
        await steps.settle(api, bar)
    finally:
        sender.close()


def show(findings: Findings) -> None:
    """Three tables and where to read on."""
    sizes = Table("segment", "customers", title="Who belongs where, now")
    for segment in SEGMENTS:
        sizes.add_row(str(segment["name"]), f"{findings.sizes[segment['key']]:,}")
    crossings = Table("total spend", "customer", "on", title="First dates over a threshold")
    for (amount, nth), day in findings.crossings.items():
        crossings.add_row(f"{amount} dollars", f"no. {nth}", str(day or "not yet"))
    decisions = Table("campaign", "decision", "reason", "customers", title="Messages sent and not sent")
    for (campaign, decision, reason), count in sorted(findings.decisions.items(), key=str):
        decisions.add_row(campaign, decision, reason or "", f"{count:,}")
    for table in (sizes, crossings, decisions):
        console.print(table)
    mailbox = service_urls()["messaging"] + "/v1/mailbox"
    home = os.environ.get("REGULARS_HOME", ".local")
    console.print(f"The mailbox ({findings.mails:,} messages):")
    console.print(
        f'  key=$(python3 -c \'import json; print(json.load(open("{home}/credentials.json"))["api_key"])\')',
        soft_wrap=True,
    )
    console.print(f'  curl -s -H "Authorization: Bearer $key" "{mailbox}?limit=1"', soft_wrap=True)


async def _ready_now() -> bool:
    try:
        async with connect() as api:
            return await is_ready(api)
    except DemoError:
        return False


@asynccontextmanager
async def _deployment() -> AsyncIterator["subprocess.Popen[bytes] | None"]:
    """What runs already (None), or one of our own, which ends with us however we end."""
    if await _ready_now():
        yield None
        return
    console.print("Nothing is running yet: starting it as `make run` does.")
    command = [sys.executable, "-m", "deploy.local", "--with-parent"]
    deployment = subprocess.Popen(command, start_new_session=True)  # noqa: ASYNC220
    try:
        await _until_ready(deployment)
        yield deployment
    finally:
        if deployment.poll() is None:
            deployment.send_signal(signal.SIGTERM)
            deployment.wait(30)


async def _until_ready(deployment: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        if deployment.poll() is not None:
            raise DemoError("It did not start; the line above says why.")
        if await _ready_now():
            return
        await asyncio.sleep(0.2)
    raise DemoError("It was not ready after two minutes; see the logs in .local/logs.")


async def main() -> None:
    """The demo on a running deployment, or on one of its own that then runs on until Ctrl-C."""
    async with _deployment() as deployment:
        async with connect() as api:
            findings = await play(api)
        show(findings)
        if deployment is not None and sys.stdin.isatty():
            console.print("Everything runs on for you to look at; Ctrl-C stops it.")
            await asyncio.to_thread(deployment.wait)


if __name__ == "__main__":
    argparse.ArgumentParser(prog="make demo", description=__doc__).parse_args()
    try:
        asyncio.run(main())
    except DemoError as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
