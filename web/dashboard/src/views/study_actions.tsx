// What a person can do with a study: pause and resume it, ask for more trials, cancel it.
import { useState } from "preact/hooks";
import { call, sentence } from "../client";
import type { Study } from "../logic/types";

const kMoreTrials = 20;
const kHasEnded = new Set(["completed", "failed", "cancelled"]);

export function StudyActions({ study, done }: { study: Study; done: () => void }) {
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState("");
  const act = async (action: string, body?: object) => {
    setBusy(true);
    setFault("");
    try {
      const path = `/studies/${encodeURIComponent(study.id)}/${action}`;
      await call(path, { method: "POST", ...(body ? { body } : {}) });
      done();
    } catch (error) {
      setFault(sentence(error));
    } finally {
      setBusy(false);
    }
  };
  const button = (label: string, action: string, body?: object) => (
    <button
      type="button"
      disabled={busy}
      onClick={() => void act(action, body)}
      data-testid={`${action}-study`}
    >
      {label}
    </button>
  );
  const open = !kHasEnded.has(study.status);
  return (
    <div class="actions">
      {fault && (
        <p class="fault" role="alert">
          {fault}
        </p>
      )}
      {(study.status === "running" || study.status === "queued") && button("Pause", "pause")}
      {study.status === "paused" && button("Resume", "resume")}
      {button(`Try ${kMoreTrials} more`, "extend", { trials: kMoreTrials })}
      {open && <Cancel busy={busy} cancel={() => act("cancel")} />}
    </div>
  );
}

/** Two clicks: what runs of a cancelled study is lost. */
function Cancel({ busy, cancel }: { busy: boolean; cancel: () => Promise<void> }) {
  const [sure, setSure] = useState(false);
  if (!sure) {
    return (
      <button type="button" onClick={() => setSure(true)} data-testid="cancel-study">
        Cancel
      </button>
    );
  }
  return (
    <>
      <span class="quiet">What runs is lost.</span>
      <button
        type="button"
        class="danger"
        disabled={busy}
        onClick={() => void cancel().finally(() => setSure(false))}
        data-testid="cancel-confirm"
      >
        {busy ? "Cancelling…" : "Cancel the study"}
      </button>
      <button type="button" onClick={() => setSure(false)}>
        Keep it
      </button>
    </>
  );
}
