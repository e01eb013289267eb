"""The events of the swarm, as a browser follows them."""
import http.client
import json
import threading
import time

from chaos_world.client import OPENER


class Stream(threading.Thread):
    """Follows the events from node to node by the cursor, and notes what it sees when."""

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client = client
        self.cursor = "0.0"
        self.seen = []  # (cursor, kind, data)
        self.moves = 0
        self.redone_s = 0.0
        self.since = {}
        self.is_over = False

    def run(self):
        while not self.is_over:
            for url in self.client.urls()[:1]:
                try:
                    self.follow(url)
                except (OSError, ValueError, http.client.HTTPException):
                    pass
                self.moves += 1
            time.sleep(0.05)

    def follow(self, url):
        with OPENER.open(f"{url}/api/v1/events?after={self.cursor}", timeout=3) as lines:
            event = {}
            for raw in lines:
                line = raw.decode().rstrip("\n")
                if not line and "id" in event:
                    self.take(event["id"], event["event"], json.loads(event["data"]))
                if not line:
                    event = {}
                elif not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    event[name] = value
                if self.is_over:
                    return

    def take(self, cursor, kind, data):
        self.cursor = cursor
        self.seen.append((cursor, kind, data))
        trial = (data.get("study"), data.get("number"))
        if kind == "trial_started":
            self.since[trial] = time.monotonic()
        elif kind == "trial_requeued" and trial in self.since:
            self.redone_s += time.monotonic() - self.since.pop(trial)  # at most: checkpoints keep some
