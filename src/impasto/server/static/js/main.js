// The frame around the views: who is there, where one is, and whether the service answers.
import { html, render, useEffect, useState } from "../vendor/htm-preact.js";
import { login, logout, may, refreshSession, session } from "./api.js";
import { Cluster } from "./cluster.js";
import { Job } from "./job.js";
import { Jobs } from "./jobs.js";
import { follow, line, stop } from "./live.js";
import { Login } from "./login.js";
import { onRoute, route, takeToken } from "./router.js";
import { Rules } from "./rules.js";
import { useStore } from "./store.js";
import { New } from "./submit.js";
import { Tokens } from "./tokens.js";
import { Icon, Mark, tell, Toasts, Trouble, Waiting } from "./ui.js";

const VIEWS = {
  jobs: { name: "Jobs", icon: "film", role: "viewer" },
  new: { name: "New job", icon: "plus", role: "submitter" },
  rules: { name: "Rules", icon: "rules", role: "viewer" },
  cluster: { name: "Cluster", icon: "cluster", role: "viewer", whole: true },
  tokens: { name: "Tokens", icon: "key", role: "admin" },
};

/** What this caller can use: the cluster is nobody's, so tenants do not see it. */
const open = () => Object.entries(VIEWS).filter(([, view]) => may(view.role) && !(view.whole && session.value.tenant));

function Theme() {
  const root = document.documentElement;
  const [theme, setTheme] = useState(root.dataset.theme ?? "auto");
  const next = { auto: "light", light: "dark", dark: "auto" };
  const words = { auto: "as the system", light: "light", dark: "dark" };
  const change = () => {
    const value = next[theme];
    if (value === "auto") delete root.dataset.theme;
    else root.dataset.theme = value;
    try {
      if (value === "auto") localStorage.removeItem("impasto.theme");
      else localStorage.setItem("impasto.theme", value);
    } catch { /* it then lasts until the page is left */ }
    setTheme(value);
    dispatchEvent(new Event("theme"));
  };
  const label = `Colours: ${words[theme]}`;
  return html`<button type="button" class="button quiet icon" aria-label=${label} title=${label} onClick=${change}>
    <${Icon} name=${{ auto: "auto", light: "sun", dark: "moon" }[theme]} />
  </button>`;
}

/** Whether events arrive. A short gap is nobody's business. */
function Line() {
  const state = useStore(line);
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (state === "live") return setLate(false);
    const timer = setTimeout(() => setLate(true), 2500);
    return () => clearTimeout(timer);
  }, [state]);
  return html`<span role="status">${late && html`<span class="link-state away"><i></i>Reconnecting</span>`}</span>`;
}

function Top({ view }) {
  const who = session.value;
  return html`<header class="top"><div class="top-in">
    <a class="brand" href="#/jobs" aria-label="Impasto, all jobs"><${Mark} />Impasto</a>
    <nav class="nav" aria-label="Views">
      ${open().map(([key, { name, icon }]) => html`<a key=${key} href=${`#/${key}`} aria-current=${key === view ? "page" : undefined}>
        <${Icon} name=${icon} />${name}</a>`)}
    </nav>
    <${Line} />
    <span class="who clip" title=${`${who.name || "unnamed token"}, ${who.role}${who.tenant ? ` of ${who.tenant}` : ""}`}>
      ${who.tenant ? `${who.tenant} · ` : ""}${who.name || who.role}</span>
    <${Theme} />
    <button type="button" class="button quiet icon" aria-label="Log out" title="Log out" onClick=${logout}><${Icon} name="out" /></button>
  </div></header>`;
}

function Body({ view, parts, query }) {
  if (view === "jobs") return parts[0] ? html`<${Job} key=${parts[0]} id=${parts[0]} tab=${parts[1] ?? ""} />` : html`<${Jobs} query=${query} />`;
  if (view === "new") return html`<${New} key=${query.get("from") ?? ""} from=${query.get("from")} />`;
  if (view === "rules") return html`<${Rules} rule=${parts[0] ?? ""} />`;
  if (view === "cluster") return html`<${Cluster} />`;
  return html`<${Tokens} />`;
}

/** Why this caller sees nothing here. */
function Closed({ view }) {
  const { role } = session.value;
  const fact = !view ? "There is no such page." : !may(view.role) ? `${view.name} needs the role ${view.role}, and you are ${role}.` : `${view.name} is not shown to tenants.`;
  return html`<${Trouble} kind="calm"><div>${fact}</div>${view && html`<div class="remedy">Ask the administrator for another token if you need it.</div>`}<a class="link" href="#/jobs">See all jobs</a><//>`;
}

function App() {
  const who = useStore(session);
  const { view, parts, query } = useStore(route);
  const job = view === "jobs" ? parts[0] ?? "" : "";
  useEffect(() => { who?.role ? follow(job) : stop(); }, [who?.role, job]);
  useEffect(() => {
    // A view that was opened by a key is where reading goes on.
    document.title = `${VIEWS[view]?.name ?? "Impasto"} · Impasto`;
    scrollTo(0, 0);
  }, [view, job]);
  if (who === undefined) return html`<main class="main"><${Waiting} what="Connecting" /></main>`;
  if (who?.away) return html`<main class="main"><${Trouble} problem=${who.away} /></main>`;
  if (!who) return html`<${Login} /><${Toasts} />`;
  const known = open().some(([key]) => key === view);
  return html`
    <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); document.getElementById("main").focus(); }}>Skip to content</a>
    <${Top} view=${view} />
    <main class="main" id="main" tabindex="-1">
      ${known
        ? html`<${Body} view=${view} parts=${parts} query=${query} />`
        : html`<${Closed} view=${VIEWS[view]} />`}
    </main>
    <${Toasts} />`;
}

function enter() {
  const token = takeToken();
  if (token) login(token).catch((problem) => { tell(problem); refreshSession(); });
  return token !== null;
}

onRoute(enter);
if (!enter()) refreshSession();
render(html`<${App} />`, document.getElementById("app"));
document.getElementById("stuck").remove();
