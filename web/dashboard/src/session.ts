// Who is looking at what: the token, the route, the reading time.
import { signal } from "@preact/signals";
import { parseFragment, parseRoute } from "./logic/address";

const kTokenKey = "starling-token";
const kMembersKey = "starling-members";

const start = parseFragment(location.hash);
if (start.token) {
  sessionStorage.setItem(kTokenKey, start.token);
  // The token must not stay in the address bar, the history or a copied link.
  history.replaceState(null, "", `${location.pathname}#${start.route}`);
}

export const token = signal<string | null>(sessionStorage.getItem(kTokenKey));
/** Why the page asks for a token; null while it has a good one or needs none. */
export const tokenWanted = signal<"missing" | "wrong" | null>(null);
export const route = signal(parseFragment(location.hash).route);
export const startCursor = start.cursor ?? "";

window.addEventListener("hashchange", () => {
  const next = parseFragment(location.hash);
  if (next.token) {
    setToken(next.token);
    history.replaceState(null, "", `${location.pathname}#${next.route}`);
  }
  const samePage = parseRoute(route.value).page === parseRoute(next.route).page;
  route.value = next.route;
  if (!samePage) window.scrollTo(0, 0);
});

export function go(to: string): void {
  location.hash = `#${to}`;
}

export function setToken(value: string | null): void {
  if (value) sessionStorage.setItem(kTokenKey, value);
  else sessionStorage.removeItem(kTokenKey);
  token.value = value;
}

export interface KnownMember {
  name: string;
  http: string;
}

/** Remembered across reloads: a page whose node died must still know where the others are. */
export function rememberMembers(members: KnownMember[]): void {
  sessionStorage.setItem(kMembersKey, JSON.stringify(members));
}

export function rememberedMembers(): KnownMember[] {
  try {
    return JSON.parse(sessionStorage.getItem(kMembersKey) ?? "[]") as KnownMember[];
  } catch {
    return [];
  }
}

export const now = signal(Date.now());
setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, 5000);
