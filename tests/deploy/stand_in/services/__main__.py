"""Stands in for the four services: ready when the database's port answers, and dies on request (`POST /die`)."""

import http.server
import json
import os
import socket
import sys
from urllib.parse import urlsplit

TOLD = ("REGULARS_SECRET", "REGULARS_BOOTSTRAP_WRITE_KEY", "REGULARS_BOOTSTRAP_API_KEY", "REGULARS_EVENTS_URL")


def reach_database() -> None:
    url = urlsplit(os.environ["REGULARS_DATABASE_URL"])
    socket.create_connection((url.hostname or "", url.port or 0), timeout=5).close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        try:
            reach_database()
        except OSError:
            self.send_error(503)
            return
        body = json.dumps({"pid": os.getpid(), **{name: os.environ[name] for name in TOLD}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        os._exit(3)


def main(name: str, *options: str) -> None:
    if name == "migrate":
        reach_database()
        return
    sys.stderr.write('{"event": "stand_in_started", "level": "warning", "timestamp": "now"}\n')
    port = int(os.environ[f"REGULARS_{name.upper()}_PORT"])
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
