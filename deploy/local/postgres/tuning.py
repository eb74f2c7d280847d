"""The server's settings. Given on its command line, so that nothing inside the database overrules them."""

from collections.abc import Mapping

DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
FOR_TESTS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "300",
    "deadlock_timeout": "100ms",  # some provoke deadlocks, and would wait a second for each
}

REACH = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a path over 107 bytes could not be bound, and nobody needs one
    "max_connections": "100",
    "ssl": "off",
}
MODEST = {
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "10min",
    "random_page_cost": "1.1",
    "jit": "off",  # compiling costs more than these statements take
}
QUIET = {  # as few wake-ups as can be while nothing happens
    "bgwriter_delay": "10s",
    "autovacuum_naptime": "60s",
    "max_logical_replication_workers": "0",
    "max_wal_senders": "0",
}
LOGS = {  # about the machinery only: no statements, no values, no keys
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "UTC",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
    "log_autovacuum_min_duration": "-1",
    "lc_messages": "C",
    "timezone": "UTC",
}


LEAST_BUFFERS, MOST_BUFFERS = 128, 1024  # MB


def server_settings(*, port: int, durable: bool, memory: int = 0) -> Mapping[str, str]:
    """`memory`: megabytes of the machine. A sixteenth of it are the server's buffers, for there are others on the machine; it
    takes them only as it needs them."""
    safety = DURABLE if durable else FOR_TESTS
    buffers = min(max(memory // 16, LEAST_BUFFERS), MOST_BUFFERS)
    sizes = {"shared_buffers": f"{buffers}MB", "effective_cache_size": f"{max(memory // 2, 1024)}MB"}
    return {**REACH, **MODEST, **sizes, **QUIET, **LOGS, **safety, "port": str(port)}


def as_arguments(settings: Mapping[str, str]) -> list[str]:
    return [part for name, value in sorted(settings.items()) for part in ("-c", f"{name}={value}")]


def initdb_arguments(*, major: int, durable: bool) -> list[str]:
    """Text is ordered by code point, as the condition language wants it, whatever the machine's locale."""
    locale = ["--locale-provider=builtin", "--locale=C.UTF-8"] if major >= 17 else ["--locale=C"]
    checksums = [] if major >= 18 else ["--data-checksums"]  # the default since 18
    in_a_hurry = [] if durable else ["--no-sync"]
    if not durable and major >= 16:
        in_a_hurry.append("--set=scram_iterations=1")  # the usual 4096 take as long as all else of connecting
    return ["--auth=scram-sha-256", "--username=regulars", "--encoding=UTF8", *locale, *checksums, *in_a_hurry]
