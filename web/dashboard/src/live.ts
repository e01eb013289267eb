// The connection to this node: the event stream, the swarm's state, and whether it still answers.
import { computed, signal } from "@preact/signals";
import { ApiError, askForToken, authorization, call } from "./client";
import { isWebAddress } from "./logic/address";
import { SseParser, backoffMs, isAfter } from "./logic/sse";
import type { Swarm, SwarmEvent } from "./logic/types";
import { rememberMembers, rememberedMembers, startCursor, token, tokenWanted } from "./session";

// A node sends a comment every 15 s; twice that without a byte means the connection is dead.
const kSilenceMs = 35_000;
const kSwarmEveryMs = 2000;
const kPatienceMs = 3000;

export const swarm = signal<Swarm | null>(null);
export const link = signal<"connecting" | "live" | "lost">("connecting");
/** Counts up whenever events may have been missed: views then read everything again. */
export const resync = signal(0);
export const cursor = signal(startCursor);

export const self = computed(
  () => swarm.value?.members.find((member) => member.id === swarm.value?.self) ?? null,
);
export const leader = computed(
  () => swarm.value?.members.find((member) => member.id === swarm.value?.leader) ?? null,
);

export function nodeName(id: string): string {
  return swarm.value?.members.find((member) => member.id === id)?.name ?? id.slice(0, 8);
}

/** Where else this page is served, for when this node is gone. */
export function otherMembers(): { name: string; http: string }[] {
  return rememberedMembers().filter((member) => isWebAddress(member.http));
}

type Listener = (event: SwarmEvent) => void;
const listeners = new Set<Listener>();

export function onEvent(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

let attempt = 0;
let retryTimer = 0;
let connection: AbortController | null = null;
let silence = 0;

export function connect(): void {
  clearTimeout(retryTimer);
  connection?.abort();
  connection = new AbortController();
  void follow(connection);
}

async function follow(mine: AbortController): Promise<void> {
  try {
    watchSilence(mine, kPatienceMs);
    const response = await openStream(mine.signal);
    if (!response.body) throw new Error("no stream");
    attempt = 0;
    if (link.value === "lost") resync.value += 1; // What failed to load meanwhile loads now.
    link.value = "live";
    await readAll(response.body, mine);
  } catch (error) {
    if (connection !== mine) return;
    if (error instanceof ApiError && error.status === 401) return; // Continues after the log-in.
    // One lost connection is not news; a second failure in a row is.
    if (attempt > 0) link.value = "lost";
  }
  if (connection !== mine) return;
  scheduleRetry();
}

function scheduleRetry(): void {
  clearTimeout(silence);
  const wait = attempt === 0 ? 100 : backoffMs(attempt - 1, Math.random());
  attempt += 1;
  retryTimer = window.setTimeout(connect, wait);
}

async function openStream(abort: AbortSignal): Promise<Response> {
  const after = cursor.value;
  const used = token.value;
  const response = await fetch(`/api/v1/events${after ? `?after=${after}` : ""}`, {
    headers: { ...authorization(), Accept: "text/event-stream" },
    signal: abort,
    cache: "no-store",
  });
  if (response.status === 401) {
    askForToken(used);
    throw new ApiError(401, "", "", "");
  }
  if (response.status === 410) {
    cursor.value = ""; // Too long away: the events between are gone, the state is not.
    throw new Error("cursor too old");
  }
  if (!response.ok) throw new Error(`events: ${response.status}`);
  if (!after) resync.value += 1;
  return response;
}

async function readAll(body: ReadableStream<Uint8Array>, mine: AbortController): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parser = new SseParser();
  for (;;) {
    watchSilence(mine, kSilenceMs);
    const { done, value } = await reader.read();
    if (done) return;
    for (const event of parser.push(decoder.decode(value, { stream: true }))) deliver(event);
  }
}

function deliver(event: SwarmEvent): void {
  if (event.cursor && cursor.value && !isAfter(event.cursor, cursor.value)) return;
  if (event.cursor) cursor.value = event.cursor;
  for (const listener of listeners) listener(event);
}

function watchSilence(mine: AbortController, patience: number): void {
  clearTimeout(silence);
  silence = window.setTimeout(() => mine.abort(), patience);
}

export async function readSwarm(): Promise<void> {
  const patience = AbortSignal.timeout(kPatienceMs);
  const next = await call<Swarm>("/swarm", { signal: patience });
  swarm.value = next;
  rememberMembers(
    next.members
      .filter(
        (member) => member.id !== next.self && member.state !== "left" && member.state !== "dead",
      )
      .map(({ name, http }) => ({ name, http })),
  );
}

/** Starts everything; and again after a new token was accepted. */
export function begin(): void {
  attempt = 0;
  void pollSwarm();
  connect();
}

/** A node that hangs keeps its connections: unanswered reads tell it long before the silence does. */
function noteAnswer(answered: boolean): void {
  unanswered = answered ? 0 : unanswered + 1;
  if (unanswered < 2 || link.value !== "live") return;
  attempt = 1;
  connect();
}

let unanswered = 0;
let polling = 0;
async function pollSwarm(): Promise<void> {
  clearTimeout(polling);
  if (!document.hidden || !swarm.value) {
    try {
      await readSwarm();
      noteAnswer(true);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return;
      noteAnswer(error instanceof ApiError);
    }
  }
  if (tokenWanted.value) return;
  clearTimeout(polling);
  polling = window.setTimeout(() => void pollSwarm(), kSwarmEveryMs);
}

export function logIn(): void {
  tokenWanted.value = null;
  resync.value += 1;
  begin();
}
