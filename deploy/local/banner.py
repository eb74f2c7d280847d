"""What is printed when everything is ready."""

from collections.abc import Mapping
from pathlib import Path

DOES = {
    "profiles": "who a customer is",
    "events": "what happened",
    "segments": "who belongs where",
    "messaging": "what is said",
}


def shown(path: Path, *, relative_to: Path) -> str:
    """The path as one would type it here."""
    return str(path.relative_to(relative_to)) if path.is_relative_to(relative_to) else str(path)


def next_steps(addresses: Mapping[str, str], credentials: str) -> list[str]:
    """Commands to copy: an event in, the profile it made."""
    return [
        f"""WRITE_KEY=$(python3 -c 'import json; print(json.load(open("{credentials}"))["write_key"])')""",
        f"""API_KEY=$(python3 -c 'import json; print(json.load(open("{credentials}"))["api_key"])')""",
        f"curl -u \"$WRITE_KEY:\" {addresses['events']}/v1/track -H 'Content-Type: application/json' \\",
        """  -d '{"userId": "ada", "event": "Order Completed", "properties": {"order_id": "1", "total": 42}}'""",
        "sleep 1",
        f"curl -H \"Authorization: Bearer $API_KEY\" '{addresses['profiles']}/v1/profiles/lookup?user_id=ada'",
    ]


def lines(*, addresses: Mapping[str, str], credentials: str, logs: str, database: str) -> list[tuple[str, str]]:
    """Label and text of each line."""
    services = [(name, f"{address}/docs  {DOES.get(name, '')}") for name, address in addresses.items()]
    return [*services, ("database", database), ("keys", credentials), ("logs", logs)]


def show(*, addresses: Mapping[str, str], credentials: str, logs: str, database: str) -> None:
    # Loaded here: a run that never gets ready, and the tests' server, do without it.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    table = Table.grid(padding=(0, 2))
    for label, text in lines(addresses=addresses, credentials=credentials, logs=logs, database=database):
        table.add_row(Text(label, style="bold"), Text(text))  # as text: paths may have brackets
    console.print("\n[bold green]Regulars is ready.[/] Ctrl-C stops everything.\n")
    console.print(table)
    console.print("\nTry it:")
    for line in next_steps(addresses, credentials):
        console.print(f"  {line}", markup=False)
    console.print()
