// What must hold whatever dies: a result that was once shown stays, unchanged, and there are no more
// results than were asked for.
import { isFinal } from "./trials";
import type { Trial } from "./types";

export interface Findings {
  asked: number;
  final: number;
  running: number;
  /** Attempts beyond the first of each trial: work that was done again or went on elsewhere. */
  again: number;
  /** Results that were seen and are gone or another now. */
  lost: number;
  /** Trials beyond what was asked for, or listed twice. */
  doubled: number;
}

/** Remembers the results of one study from look to look. A verdict against the swarm stays. */
export class ResultWatch {
  private readonly seen = new Map<number, string>();
  private readonly lost = new Set<number>();
  private doubled = 0;

  look(asked: number, trials: Trial[]): Findings {
    const listed = new Map(trials.map((trial) => [trial.number, trial]));
    for (const [number, result] of this.seen) {
      const trial = listed.get(number);
      if (!trial || resultOf(trial) !== result) this.lost.add(number);
    }
    for (const trial of trials) {
      const result = resultOf(trial);
      if (result !== null && !this.seen.has(trial.number)) this.seen.set(trial.number, result);
    }
    const extra = trials.length - listed.size + Math.max(0, listed.size - asked);
    this.doubled = Math.max(this.doubled, extra);
    return {
      asked,
      final: trials.filter((trial) => isFinal(trial.state)).length,
      running: trials.filter((trial) => trial.state === "running").length,
      again: trials.reduce((sum, trial) => sum + Math.max(0, trial.attempts - 1), 0),
      lost: this.lost.size,
      doubled: this.doubled,
    };
  }
}

function resultOf(trial: Trial): string | null {
  return isFinal(trial.state) ? `${trial.state} ${trial.value}` : null;
}
