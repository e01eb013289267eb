// The page's address: what its fragment says, and links to the same page on another member.

export interface Fragment {
  route: string;
  token: string | null;
  cursor: string | null;
}

/** "#/studies/s-1", or "#token=T&after=12.0&to=/studies/s-1" as another member's page links here. */
export function parseFragment(hash: string): Fragment {
  const text = hash.replace(/^#/, "");
  if (!text.includes("token=") || text.startsWith("/")) {
    return { route: text.startsWith("/") ? text : "/", token: null, cursor: null };
  }
  const fields = new URLSearchParams(text);
  const to = fields.get("to") ?? "/";
  return {
    route: to.startsWith("/") ? to : "/",
    token: fields.get("token"),
    cursor: fields.get("after"),
  };
}

/** Only web addresses become links: a member's name for itself is not to run as script here. */
export function isWebAddress(address: string): boolean {
  try {
    const { protocol } = new URL(address);
    return protocol === "http:" || protocol === "https:";
  } catch {
    return false;
  }
}

export function pageAt(http: string, route: string): string {
  return `${http.replace(/\/+$/, "")}/#${route}`;
}

/** The same page on another member, logged in, continuing after the same event. */
export function pageWithToken(
  http: string,
  route: string,
  token: string | null,
  cursor: string,
): string {
  if (!token) return pageAt(http, route);
  const fields = new URLSearchParams({ token, to: route });
  if (cursor) fields.set("after", cursor);
  return `${http.replace(/\/+$/, "")}/#${fields.toString()}`;
}

export interface Route {
  page: "studies" | "study" | "new" | "models" | "model" | "swarm" | "missing";
  name: string;
  query: URLSearchParams;
}

export function parseRoute(route: string): Route {
  const [path = "/", search = ""] = route.split("?", 2);
  const query = new URLSearchParams(search);
  const parts = path.split("/").filter(Boolean).map(decode);
  const [first, second] = parts;
  const found = (page: Route["page"], name = ""): Route => ({ page, name, query });
  if (!first || (first === "studies" && !second)) return found("studies");
  if (first === "studies") return found("study", second);
  if (first === "new") return found("new");
  if (first === "models") return second ? found("model", second) : found("models");
  if (first === "swarm") return found("swarm");
  return found("missing");
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
