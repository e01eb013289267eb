// Reading one address of the API, again whenever something says that it has changed.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError, call } from "./client";
import { onEvent, resync } from "./live";
import type { SwarmEvent } from "./logic/types";

export interface Resource<T> {
  data: T | null;
  error: unknown;
  loading: boolean;
  reload: () => void;
}

/** Keeps the last good answer while it reads the next one. Path null: nothing to read. */
export function useResource<T>(path: string | null): Resource<T> {
  const [state, setState] = useState<{ path: string | null; data: T | null; error: unknown }>({
    path,
    data: null,
    error: null,
  });
  const [round, setRound] = useState(0);
  const epoch = resync.value;
  useEffect(() => {
    if (path === null) return;
    const abort = new AbortController();
    call<T>(path, { signal: abort.signal }).then(
      (data) => setState({ path, data, error: null }),
      (error: unknown) => {
        if (abort.signal.aborted) return;
        if (error instanceof ApiError && error.status === 401) return; // The log-in is shown.
        setState((old) => ({ path, data: old.path === path ? old.data : null, error }));
      },
    );
    return () => abort.abort();
  }, [path, round, epoch]);
  const reload = useCallback(() => setRound((value) => value + 1), []);
  const current = state.path === path;
  const data = current ? state.data : null;
  const error = current ? state.error : null;
  return { data, error, loading: path !== null && data === null && error === null, reload };
}

/** Calls back for each event of these kinds, at most once per `everyMs` and always after the last. */
export function useEvents(
  wanted: (event: SwarmEvent) => boolean,
  react: () => void,
  everyMs: number,
): void {
  const latest = useRef({ wanted, react });
  latest.current = { wanted, react };
  useEffect(() => {
    let timer = 0;
    let last = 0;
    const stop = onEvent((event) => {
      if (timer || !latest.current.wanted(event)) return;
      const wait = Math.max(0, last + everyMs - Date.now());
      timer = window.setTimeout(() => {
        timer = 0;
        last = Date.now();
        latest.current.react();
      }, wait);
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [everyMs]);
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Starling`;
  }, [title]);
}
