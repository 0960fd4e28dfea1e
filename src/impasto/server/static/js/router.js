// Where one is: the fragment, so that links survive reload and login without the server's help.
import { Store } from "./store.js";

function parse() {
  const [path, query = ""] = location.hash.replace(/^#/, "").split("?");
  const parts = path.split("/").filter(Boolean).map((part) => {
    try { return decodeURIComponent(part); } catch { return part; }
  });
  return { view: parts[0] ?? "jobs", parts: parts.slice(1), query: new URLSearchParams(query) };
}

export const route = new Store(parse());

/** Take a token out of the URL, and out of the history, before anything else sees it. */
export function takeToken() {
  const match = location.hash.match(/^#token=(.+)$/);
  if (!match) return null;
  history.replaceState(null, "", `${location.pathname}#/jobs`);
  route.set(parse());
  try { return decodeURIComponent(match[1]); } catch { return match[1]; }
}

export function link(...parts) {
  return `#/${parts.map(encodeURIComponent).join("/")}`;
}

export function go(hash, replace = false) {
  if (replace) {
    history.replaceState(null, "", hash);
    route.set(parse());
  } else {
    location.hash = hash;
  }
}

export function onRoute(react) {
  addEventListener("hashchange", () => {
    if (react()) return;
    route.set(parse());
  });
}
