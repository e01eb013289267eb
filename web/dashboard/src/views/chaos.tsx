// Faults at will in a demo's swarm (bootstrap/client/demo_chaos.h), and what must hold meanwhile.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { call, randomKey, sentence } from "../client";
import { useEvents, useResource } from "../hooks";
import { formatCount } from "../logic/format";
import { ResultWatch } from "../logic/invariants";
import type { Findings } from "../logic/invariants";
import { isFinal } from "../logic/trials";
import { isOutside } from "../logic/types";
import type { Dataset, Study, Trial } from "../logic/types";

interface Story {
  nodes: string[];
  storm_s: number;
  counts: Record<string, number>;
  log: { at_ms: number; what: string }[];
}

const kLookMs = 1000;
const kTrials = 60;
const kFaults = [
  { fault: "kill", label: "Kill", title: "Signal 9; it is started again after 1.5 s" },
  { fault: "stop", label: "Stop", title: "It hangs for 4 s: the others must notice" },
  { fault: "worker", label: "Kill a trial", title: "Signal 9 to the process of a trial there" },
];

/** Nothing in a swarm that no demo started. */
export function ChaosPanel() {
  const story = useResource<Story>("/registers/demo-chaos");
  const isDemo = story.data !== null;
  useTicks(story.reload, isDemo);
  const [fault, setFault] = useState("");
  if (!story.data) return null;
  const wish = (what: string, node: string) => {
    const body = { id: randomKey(), fault: what, node };
    call("/registers/demo-chaos-wish", { method: "PUT", body }).then(
      () => setFault(""),
      (error: unknown) => setFault(sentence(error)),
    );
  };
  return (
    <section class="card chaos" data-testid="chaos">
      <h2>Chaos</h2>
      <p class="quiet">
        These nodes are a demo's: kill them and see what becomes of the results. At most a minority
        is in trouble at once.
      </p>
      <Controls story={story.data} wish={wish} />
      {fault && <p class="fault">{fault}</p>}
      <Invariants />
      <History story={story.data} />
    </section>
  );
}

function useTicks(react: () => void, wanted: boolean): void {
  useEffect(() => {
    if (!wanted) return;
    const timer = window.setInterval(react, kLookMs);
    return () => clearInterval(timer);
  }, [react, wanted]);
}

function Controls({ story, wish }: { story: Story; wish: (fault: string, node: string) => void }) {
  const [node, setNode] = useState("");
  return (
    <div class="chaos-controls">
      <label>
        Node{" "}
        <select value={node} onChange={(event) => setNode(event.currentTarget.value)}>
          <option value="">any</option>
          {story.nodes.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      {kFaults.map(({ fault, label, title }) => (
        <button key={fault} type="button" title={title} onClick={() => wish(fault, node)}>
          {label}
          {story.counts[fault] ? <span class="tag tag-quiet num">{story.counts[fault]}</span> : null}
        </button>
      ))}
      {story.storm_s > 0 ? (
        <button type="button" onClick={() => wish("calm", "")}>
          End it ({story.storm_s} s left)
        </button>
      ) : (
        <button type="button" class="danger" onClick={() => wish("storm", "")}>
          30 s of faults
        </button>
      )}
    </div>
  );
}

/** The last study: its trials as squares, and the verdicts. */
function Invariants() {
  const studies = useResource<{ studies: Study[] }>("/studies");
  useEvents((event) => event.kind !== "trial_progress", studies.reload, kLookMs);
  const own = (studies.data?.studies ?? []).filter((one) => !isOutside(one));
  const study = own.reduce<Study | null>(
    (last, one) => (!last || one.created_ms > last.created_ms ? one : last),
    null,
  );
  const isOver = !study || ["completed", "failed", "cancelled"].includes(study.status);
  return (
    <>
      {study && <StudyInvariants key={study.id} study={study} />}
      {isOver && <StartOne dataset={study?.dataset ?? ""} target={study?.target ?? ""} />}
    </>
  );
}

interface Look {
  trials: Trial[];
  found: Findings;
}

/** Looks every second, at what the leader says: a node that was away shows what was before. */
function useLooks(id: string): Look | null {
  const [look, setLook] = useState<Look | null>(null);
  const watch = useRef(new ResultWatch());
  const react = useCallback(async () => {
    try {
      const path = `/studies/${id}`;
      const { trials } = await call<{ trials: Trial[] }>(`${path}/trials?consistency=linearizable`);
      // Read after the trials: it asks for as many at least.
      const study = await call<Study>(`${path}?consistency=linearizable`);
      setLook({ trials, found: watch.current.look(study.trials.requested, trials) });
    } catch {
      // Nobody leads just now: the next look tells.
    }
  }, [id]);
  useTicks(react, true);
  return look;
}

function StudyInvariants({ study }: { study: Study }) {
  const look = useLooks(study.id);
  if (!look) return null;
  const { trials, found } = look;
  const waiting = Math.max(0, found.asked - trials.length);
  return (
    <>
      <h3>
        <a href={`#/studies/${study.id}`}>{study.name}</a>{" "}
        <span class="quiet">{study.status}</span>
      </h3>
      <div class="squares" role="img" aria-label={`${found.final} of ${found.asked} trials final`}>
        {trials.map((trial) => (
          <span
            key={trial.number}
            class={`square ${squareOf(trial)}`}
            title={`trial ${trial.number}: ${trial.state} ${trial.node_name}`}
          />
        ))}
        {Array.from({ length: waiting }, (_, i) => (
          <span key={`waiting ${i}`} class="square" />
        ))}
      </div>
      <Verdicts found={found} />
    </>
  );
}

function squareOf(trial: Trial): string {
  if (trial.state === "running") return "square-run";
  if (!isFinal(trial.state)) return "";
  return trial.state === "completed" || trial.state === "pruned" ? "square-done" : "square-bad";
}

function Verdicts({ found }: { found: Findings }) {
  const fact = (name: string, value: number, isBad = false, testId = name) => (
    <div>
      <dt>{name}</dt>
      <dd class={isBad ? "num fault" : "num"} data-testid={`chaos-${testId}`}>
        {formatCount(value)}
      </dd>
    </div>
  );
  return (
    <dl class="facts">
      {fact("Asked for", found.asked, false, "asked")}
      {fact("Final", found.final, false, "final")}
      {fact("Running", found.running, false, "running")}
      {fact("Begun again", found.again, false, "again")}
      {fact("Lost", found.lost, found.lost > 0, "lost")}
      {fact("Doubled", found.doubled, found.doubled > 0, "doubled")}
    </dl>
  );
}

/** On the data of the last study; else the person starts one as always. */
function StartOne({ dataset, target }: { dataset: string; target: string }) {
  const [fault, setFault] = useState("");
  const data = useResource<Dataset>(dataset ? `/datasets/${dataset}` : null);
  if (!data.data) return null;
  const start = () => {
    const body = {
      dataset,
      target,
      name: `chaos-${Date.now().toString(36)}`,
      trials: kTrials,
      parallelism: 6,
    };
    call("/studies", { method: "POST", body }).then(
      () => setFault(""),
      (error: unknown) => setFault(sentence(error)),
    );
  };
  return (
    <p>
      <button type="button" class="primary" onClick={start} data-testid="chaos-start">
        Start {kTrials} trials to disturb
      </button>{" "}
      <span class="quiet">
        on {data.data.name}, to predict {target}
      </span>
      {fault && <span class="fault">{fault}</span>}
    </p>
  );
}

function History({ story }: { story: Story }) {
  if (story.log.length === 0) return null;
  return (
    <ol class="chaos-log" reversed data-testid="chaos-log">
      {[...story.log].reverse().map((entry) => (
        <li key={`${entry.at_ms} ${entry.what}`}>
          <span class="mono quiet">{new Date(entry.at_ms).toLocaleTimeString()}</span> {entry.what}
        </li>
      ))}
    </ol>
  );
}
