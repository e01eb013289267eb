"""Who asks the swarm from outside."""
import http.client
import json
import random
import time
import urllib.error
import urllib.request

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # nodes are asked directly
ASKS_CUT_OFF = 0.1  # of all questions: a node that is cut off knows that it is behind, or waits in vain


class Client:
    """Asks any node that works, at times first one that does not; a node that does not answer is only
    another reason to ask the next."""

    def __init__(self, nodes):
        self.nodes = nodes
        self.written = 0  # every read is at least as new as the last write
        self.meanwhile = lambda: None  # done between two tries

    def urls(self):
        nodes = [node for node in self.nodes if node.answers]
        random.shuffle(nodes)
        others_first = random.random() < ASKS_CUT_OFF
        nodes.sort(key=lambda node: node.works == others_first)
        return [node.addresses["http"] for node in nodes]

    def ask(self, url, path, body=None, kind="application/json", key=None, seconds=5, method="POST"):
        request = urllib.request.Request(url + path, data=body, method=method if body else "GET")
        if body:
            request.add_header("Content-Type", kind)
        if key:
            request.add_header("Idempotency-Key", key)
        if self.written and not body:
            request.add_header("Starling-Min-Index", str(self.written))
        with OPENER.open(request, timeout=seconds) as answer:
            self.written = max(self.written, int(answer.headers.get("Starling-Index") or 0))
            return json.loads(answer.read())

    def __call__(self, path, body=None, kind="application/json", seconds=60):
        """With one idempotency key for all tries, so that a write counts once."""
        key = f"{random.getrandbits(64):016x}" if body else None
        until = time.monotonic() + seconds
        why = "no node works"
        while time.monotonic() < until:
            for url in self.urls():
                try:
                    return self.ask(url, path, body, kind, key)
                except urllib.error.HTTPError as error:
                    why = f"{url}: {error.read().decode(errors='replace')}"
                    if error.code not in (429, 503, 507):
                        raise RuntimeError(f"{path}: {why}") from error
                except (OSError, ValueError, http.client.HTTPException) as error:
                    why = f"{url}: {error}"
            self.meanwhile()
            time.sleep(0.1)
        raise RuntimeError(f"{path}: no answer for {seconds} s: {why}")
