"""What the environment says about a local run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.faults import Fault

DEFAULT_PORTS = {"profiles": 8001, "events": 8002, "segments": 8003, "messaging": 8004}


def port_variable(service: str) -> str:
    return f"REGULARS_{service.upper()}_PORT"


def database_variable(service: str) -> str:
    return f"REGULARS_{service.upper()}_DATABASE_URL"


@dataclass(frozen=True)
class Settings:
    """A local run: where its state is, which ports, and whose PostgreSQL."""

    home: Path
    ports: Mapping[str, int]
    needs_postgres: bool
    host: str = "127.0.0.1"

    def addresses(self) -> dict[str, str]:
        """Where each service is reached from this machine."""
        return {service: f"http://{self.host}:{port}" for service, port in self.ports.items()}

    def ports_by_variable(self) -> dict[str, int]:
        return {port_variable(service): port for service, port in self.ports.items()}


def _port(environment: Mapping[str, str], service: str) -> int:
    text = environment.get(port_variable(service), "").strip()
    if not text:
        return DEFAULT_PORTS[service]
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise Fault(f"{port_variable(service)} is {text!r}; it must be a port number, 1 to 65535.")
    return int(text)


def _reached(host: str) -> str:
    """Who listens on all addresses is reached on the loopback one."""
    return "127.0.0.1" if host in ("", "0.0.0.0", "::", "localhost") else host  # noqa: S104 (compared, not bound)


def read_settings(environment: Mapping[str, str]) -> Settings:
    given = environment.get("REGULARS_DATABASE_URL") or all(
        environment.get(database_variable(service)) for service in DEFAULT_PORTS
    )
    return Settings(
        home=Path(environment.get("REGULARS_HOME") or ".local"),
        ports={service: _port(environment, service) for service in DEFAULT_PORTS},
        needs_postgres=not given,
        host=_reached(environment.get("REGULARS_HOST", "")),
    )


def service_environment(
    base: Mapping[str, str],
    *,
    settings: Settings,
    secret: str,
    credentials: Mapping[str, str],
    database_url: str | None,
) -> dict[str, str]:
    """What every service of this run is told; what the caller set himself stays."""
    told = {
        "REGULARS_HOME": str(settings.home.absolute()),
        "REGULARS_SECRET": base.get("REGULARS_SECRET") or secret,
        "REGULARS_BOOTSTRAP_WRITE_KEY": credentials["write_key"],
        "REGULARS_BOOTSTRAP_API_KEY": credentials["api_key"],
        "PYTHONUNBUFFERED": "1",
    }
    for service, address in settings.addresses().items():
        told[port_variable(service)] = str(settings.ports[service])
        url = f"REGULARS_{service.upper()}_URL"
        told[url] = base.get(url) or address
    if database_url:
        told["REGULARS_DATABASE_URL"] = database_url
        told["REGULARS_DISK_PATH"] = base.get("REGULARS_DISK_PATH") or told["REGULARS_HOME"]
    return {**base, **told}
