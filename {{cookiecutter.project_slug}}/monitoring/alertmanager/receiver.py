"""Prints the alerts of Alertmanager, one JSON line each: `python receiver.py [HOST:PORT]`."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver(BaseHTTPRequestHandler):
    """Takes Alertmanager's webhook."""

    def do_GET(self) -> None:
        """Say that it is there."""
        self.send_response(200)
        self.end_headers()

    def do_POST(self) -> None:
        """Print each alert of a notification."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            alerts = json.loads(body)["alerts"]
            for alert in alerts:
                kept = {key: alert[key] for key in ("status", "labels", "annotations", "startsAt")}
                print(json.dumps(kept), flush=True)
        except (ValueError, KeyError, TypeError):
            self.send_error(400, "not a notification of Alertmanager")
            return
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of the requests themselves."""


if __name__ == "__main__":
    host, _, port = (sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:9094").rpartition(":")
    ThreadingHTTPServer((host, int(port)), Receiver).serve_forever()
