// The text of an event stream, cut into events; and the order of their cursors.
import type { SwarmEvent } from "./types";

/** Feed it the stream in any pieces; it returns the events that are complete. */
export class SseParser {
  private rest = "";

  push(chunk: string): SwarmEvent[] {
    this.rest += chunk;
    const events: SwarmEvent[] = [];
    for (;;) {
      const end = /\r?\n\r?\n/.exec(this.rest);
      if (!end) return events;
      const event = parseBlock(this.rest.slice(0, end.index));
      this.rest = this.rest.slice(end.index + end[0].length);
      if (event) events.push(event);
    }
  }
}

function parseBlock(block: string): SwarmEvent | null {
  let cursor = "";
  let kind = "message";
  const data: string[] = [];
  for (const line of block.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue; // A comment: it only keeps the connection alive.
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^ /, "");
    if (name === "id") cursor = value;
    else if (name === "event") kind = value;
    else if (name === "data") data.push(value);
  }
  if (data.length === 0) return null;
  try {
    return { cursor, kind, data: JSON.parse(data.join("\n")) as Record<string, unknown> };
  } catch {
    return null;
  }
}

/** Cursors are INDEX.SEQUENCE, ordered as pairs of whole numbers (1.10 comes after 1.9). */
export function isAfter(cursor: string, than: string): boolean {
  if (!than) return true;
  const [index, sequence] = split(cursor);
  const [thanIndex, thanSequence] = split(than);
  return index !== thanIndex ? index > thanIndex : sequence > thanSequence;
}

function split(cursor: string): [number, number] {
  const [index, sequence] = cursor.split(".");
  return [Number(index ?? 0), Number(sequence ?? 0)];
}

/** Waits 0.5 s, 1 s, 2 s ... 8 s, each shortened by up to a third so that pages spread out. */
export function backoffMs(attempt: number, chance: number): number {
  const full = Math.min(8000, 500 * 2 ** Math.min(attempt, 10));
  return Math.round(full * (1 - chance / 3));
}
