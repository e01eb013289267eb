"""A client that writes all the time, so that the log of the swarm grows and needs room on every disk."""
import http.client
import json
import threading
import time

from chaos_world.client import Client

PATH = "/api/v1/registers/chaos"
FILLING = "x" * 4000  # a register holds 4,096 bytes
PAUSE_S = 0.1
SECONDS_MAX = 2  # for one write; what becomes of it later is not known then


class RegisterWriter(threading.Thread):
    """Writes 1, 2, 3, ... into one register; without a pause while `is_urgent` and they are taken."""

    def __init__(self, nodes, is_urgent):
        super().__init__(daemon=True)
        self.client = Client(nodes)
        self.is_urgent = is_urgent
        self.is_over = False
        self.sent = 0
        self.acknowledged = 0  # the last one
        self.unknown = set()

    def run(self):
        while not self.is_over:
            for url in self.client.urls()[:1]:
                self.write(url)
            is_taken = self.acknowledged == self.sent
            time.sleep(0 if is_taken and self.is_urgent() else PAUSE_S)

    def write(self, url):
        self.sent += 1
        value = json.dumps({"number": self.sent, "filling": FILLING}).encode()
        try:
            self.client.ask(url, PATH, value, "application/octet-stream", method="PUT", seconds=SECONDS_MAX)
            self.acknowledged = self.sent
        except (OSError, ValueError, http.client.HTTPException):
            self.unknown.add(self.sent)  # Refused, or written now, or later.

    def stop(self):
        self.is_over = True
        self.join()

    def why_wrong(self):
        """Asked at the end. Empty if what was acknowledged last is there, or what may have come later."""
        if self.acknowledged == 0:
            return ""
        shown = self.client(PATH)["number"]
        if shown >= self.acknowledged or shown in self.unknown:
            return ""
        return f"the register holds write {shown}, and {self.acknowledged} was acknowledged"

    def report(self):
        return {"writes": self.sent, "acknowledged": self.sent - len(self.unknown)}
