// Calls of the HTTP API. An answer is data, an ApiError (the node said no, and why) or Unreachable.
import { capital } from "./logic/format";
import { token, tokenWanted } from "./session";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly field: string,
  ) {
    super(detail);
  }
}

export class Unreachable extends Error {}

const kBase = "/api/v1";
// What this page wrote is there when it reads: writes tell their index, reads ask for it.
let written = 0;

export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function authorization(): Record<string, string> {
  return token.value ? { Authorization: `Bearer ${token.value}` } : {};
}

interface Call {
  method?: "GET" | "POST" | "PUT" | "DELETE";
  body?: unknown;
  key?: string;
  signal?: AbortSignal;
}

export async function send(path: string, call: Call = {}): Promise<Response> {
  const headers: Record<string, string> = authorization();
  const method = call.method ?? "GET";
  if (method !== "GET") headers["Idempotency-Key"] = call.key ?? randomKey();
  if (method === "GET" && written > 0) headers["Starling-Min-Index"] = String(written);
  const init: RequestInit = { method, headers, cache: "no-store" };
  if (call.signal) init.signal = call.signal;
  if (method !== "GET") {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(call.body ?? {});
  }
  const used = token.value;
  let response: Response;
  try {
    response = await fetch(kBase + path, init);
  } catch (error) {
    if (call.signal?.aborted) throw error;
    throw new Unreachable("This node does not answer.");
  }
  if (!response.ok) throw await problemOf(response, used);
  noteIndex(response.headers.get("Starling-Index"));
  return response;
}

export async function call<T>(path: string, options: Call = {}): Promise<T> {
  const response = await send(path, options);
  return (await response.json()) as T;
}

function noteIndex(text: string | null): void {
  const index = Number(text ?? 0);
  if (index > written) written = index;
}

async function problemOf(response: Response, used: string | null): Promise<ApiError> {
  if (response.status === 401) askForToken(used);
  return problemFrom(response.status, await response.text().catch(() => ""));
}

/** An answer to an old token says nothing about the one entered since. */
export function askForToken(used: string | null): void {
  if (used === token.value) tokenWanted.value = used ? "wrong" : "missing";
}

export function problemFrom(status: number, text: string): ApiError {
  try {
    const problem = JSON.parse(text) as Record<string, unknown>;
    const detail = String(problem["detail"] ?? problem["title"] ?? `The node answered ${status}.`);
    return new ApiError(
      status,
      String(problem["code"] ?? ""),
      detail,
      String(problem["field"] ?? ""),
    );
  } catch {
    return new ApiError(status, "", `The node answered ${status} without saying why.`, "");
  }
}

/** One sentence for people, whatever went wrong. */
export function sentence(error: unknown): string {
  if (error instanceof ApiError) {
    return capital(error.detail) + (/[.?!]$/.test(error.detail) ? "" : ".");
  }
  if (error instanceof Unreachable) return error.message;
  return error instanceof Error ? error.message : String(error);
}

export interface Upload {
  done: Promise<unknown>;
  cancel: () => void;
}

/** XMLHttpRequest, because fetch cannot tell how much of a body has left. The file is streamed. */
export function upload(path: string, file: Blob, progress: (share: number) => void): Upload {
  const request = new XMLHttpRequest();
  const used = token.value;
  const done = new Promise<unknown>((resolve, reject) => {
    request.open("POST", kBase + path);
    for (const [name, value] of Object.entries(authorization()))
      request.setRequestHeader(name, value);
    request.setRequestHeader("Content-Type", "text/csv");
    request.upload.onprogress = (event) =>
      progress(event.total > 0 ? event.loaded / event.total : 1);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) {
        noteIndex(request.getResponseHeader("Starling-Index"));
        resolve(JSON.parse(request.responseText));
        return;
      }
      if (request.status === 401) askForToken(used);
      reject(problemFrom(request.status, request.responseText));
    };
    request.onerror = () =>
      reject(
        new Unreachable("The connection broke during the upload. Nothing was stored; try again."),
      );
    request.onabort = () => reject(new Error("The upload was stopped. Nothing was stored."));
    request.send(file);
  });
  return { done, cancel: () => request.abort() };
}

/** A download that needs the token cannot be a plain link: it is fetched, then saved. */
export async function download(path: string, name: string): Promise<void> {
  const response = await send(path);
  const address = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
