"""What became of every trial, asked for when nothing fails any more."""
import json
import time

from chaos_world.event_stream import Stream

FINAL = {"completed", "pruned", "failed", "infeasible", "cancelled"}
ENDED = {"completed", "failed", "cancelled"}


class Results:
    """Every result that a node ever showed; one that differs from what was shown is wrong."""

    def __init__(self, wrong):
        self.shown = {}  # (study, number) -> what was first shown as final
        self.wrong = wrong

    def __len__(self):
        return len(self.shown)

    def note(self, study, trial, is_end=False):
        shown = (trial["state"], trial["value"]) if trial["state"] in FINAL else None
        known = self.shown.get((study, trial["number"]))
        if known is None and shown is not None:
            self.shown[study, trial["number"]] = shown
        elif known is not None and shown != known and (shown is not None or is_end):
            self.wrong.append(f"trial {trial['number']} of {study} was {known} and is {shown}")


class Verdict:
    """Over a swarm that is whole again."""

    def __init__(self, chaos):
        self.chaos = chaos
        self.client = chaos.client
        self.wrong = chaos.wrong
        self.states = {}

    def report(self):
        self.judge_register()
        self.judge_nodes()
        for study in self.chaos.studies:
            self.judge_study(study)
        doubled = self.judge_events()
        asked = self.chaos.options.trials * len(self.chaos.studies)
        final = sum(count for state, count in self.states.items() if state in FINAL)
        lost = sum("is None" in line for line in self.wrong)
        return {"trials": {"asked": asked, "final": final, "lost": asked - final + lost,
                           "doubled": doubled, "states": self.states}, **self.of_stream()}

    def judge_study(self, study):
        shown = self.client(f"/api/v1/studies/{study}")
        if shown["status"] != "completed":
            self.wrong.append(f"study {study} is {shown['status']}: {shown['stop_reason']}")
        trials = self.client(f"/api/v1/studies/{study}/trials")["trials"]
        if [trial["number"] for trial in trials] != list(range(self.chaos.options.trials)):
            self.wrong.append(f"study {study} has {len(trials)} trials")
        for trial in trials:
            self.states[trial["state"]] = self.states.get(trial["state"], 0) + 1
            if trial["state"] in ("failed", "infeasible"):
                self.wrong.append(f"trial {trial['number']} of {study} is {trial['state']}: {trial['error']}")
            self.chaos.results.note(study, trial, is_end=True)

    def judge_register(self):
        self.chaos.writer.stop()
        why = self.chaos.writer.why_wrong()
        if why:
            self.wrong.append(why)

    def judge_nodes(self):
        """Every node shows the same studies."""
        last = self.client("/api/v1/swarm")["commit_index"]
        shown = set()
        for node in self.chaos.nodes:
            self.chaos.wait(f"{node.name} to have applied all", lambda: self.applied(node) >= last)
            url = node.addresses["http"]
            answer = [self.client.ask(url, f"/api/v1/studies/{study}/trials") for study in self.chaos.studies]
            shown.add(json.dumps(answer, sort_keys=True))
        if len(shown) != 1:
            self.wrong.append("nodes show different trials")

    def applied(self, node):
        try:
            return self.client.ask(node.addresses["http"], "/api/v1/swarm")["applied_index"]
        except OSError:
            return -1

    def judge_events(self):
        """What the stream saw is what the log holds; how often a trial ended twice."""
        stream = self.chaos.stream
        until = time.monotonic() + 20
        fresh = Stream(self.client)
        fresh.start()
        while time.monotonic() < until and (
                fresh.cursor != stream.cursor or len(fresh.seen) < len(stream.seen)):
            time.sleep(0.1)
        if fresh.cursor != stream.cursor or not stream.is_alive() or not fresh.seen:
            self.wrong.append(f"the event stream is at {stream.cursor}, not {fresh.cursor}")
        stream.is_over = fresh.is_over = True
        cursors = [cursor for cursor, _, _ in stream.seen]
        if cursors != [cursor for cursor, _, _ in fresh.seen][:len(cursors)]:
            self.wrong.append("the event stream has a gap or a double")
        ends = [(data["study"], data["number"]) for _, kind, data in fresh.seen
                if kind == "trial_finished"]
        return len(ends) - len(set(ends))

    def of_stream(self):
        stream = self.chaos.stream
        return {"requeued": sum(kind == "trial_requeued" for _, kind, _ in stream.seen),
                "stolen": sum(kind == "trial_moved" and "stolen" in data["reason"]
                              for _, kind, data in stream.seen),
                "redone_s_at_most": round(stream.redone_s, 1),
                "stream": {"events": len(stream.seen), "connections": stream.moves}}
