// Watch rules: what arrived, what waits and why.
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { get, may, post, session } from "./api.js";
import { ago, duration, many, number, when } from "./format.js";
import * as paths from "./paths.js";
import { link } from "./router.js";
import { RuleStart } from "./rulestart.js";
import { useLoad } from "./store.js";
import { Act, Confirm, Empty, Icon, Segments, State, tell, Trouble, Waiting } from "./ui.js";

const STATES = [["", "All"], ["waiting", "Waiting"], ["running", "Running"], ["failed", "Failed"], ["poison", "Poison"], ["done", "Done"], ["superseded", "Superseded"]];

const COUNTS = ["waiting", "running", "done", "failed", "poison", "superseded"];

function Counts({ rule }) {
  const parts = COUNTS.filter((name) => rule[name] || name === "done");
  return html`<div class="counts">${parts.map((name) => html`<span key=${name} style=${{ color: rule[name] && ["failed", "poison"].includes(name) ? "var(--bad)" : undefined }}><b>${number(rule[name])}</b>${name}</span>`)}</div>`;
}

/** What keeps tickets waiting, in words. */
function reasons(rule) {
  return [
    rule.why,
    rule.settling ? `${many(rule.settling, "objects")} still being written` : "",
    rule.held ? `${many(rule.held, "objects")} held back by a limit` : "",
    rule.waits_since ? `the oldest has waited for ${duration(Date.now() / 1000 - rule.waits_since)}` : "",
  ].filter(Boolean);
}

/** Whether this caller may start jobs by a rule; one that only has records cannot. */
const starts = (rule) => may("submitter") && rule.inbox !== "";

function RuleCard({ rule, onMade }) {
  return html`<li class="card rule">
    <div class="stack tight">
      <h2 style=${{ fontSize: "15px" }}><a href=${link("rules", rule.rule)}>${rule.rule}</a></h2>
      <div class="small muted any">${rule.inbox} <span class="faint">→</span> ${rule.output}${rule.scorer && html` <span class="faint">by ${rule.scorer}</span>`}</div>
      <${Counts} rule=${rule} />
      ${reasons(rule).map((text) => html`<div class="small row muted" key=${text}><${Icon} name="info" /><span class="any">${text}</span></div>`)}
    </div>
    <a class="button" href=${link("rules", rule.rule)}>Objects</a>
    ${starts(rule) && html`<${RuleStart} rule=${rule} onMade=${onMade} />`}
  </li>`;
}

function Tickets({ rule, turn }) {
  const [state, setState] = useState("");
  const [pages, setPages] = useState({ tickets: [], next: "" });
  const [ask, setAsk] = useState(null);
  const first = useLoad((signal) => get(paths.tickets(rule, state, ""), signal), [rule, state]);
  useEffect(() => { if (first.value) setPages(first.value); }, [first.value]);
  // As long as one sees the start, it is read again when the rule has moved on.
  useEffect(() => { if (pages.tickets.length <= (first.value?.tickets.length ?? 0)) first.reload(); }, [turn]);
  const more = async () => {
    const page = await get(paths.tickets(rule, state, pages.next));
    setPages({ tickets: [...pages.tickets, ...page.tickets], next: page.next });
  };
  const doing = (path, said) => async () => { await post(path); tell(said); first.reload(); };
  return html`<div class="stack">
    <div class="scroll"><${Segments} label="State" options=${STATES} value=${state} onChange=${setState} /></div>
    <${Trouble} problem=${first.error} />
    ${first.loading && !pages.tickets.length ? html`<${Waiting} />` : !pages.tickets.length ? html`<p class="faint small">No object is in this state.</p>`
      : html`<div class="card scroll" style=${{ padding: "4px 18px" }}><table class="fold"><caption class="sr">Objects of the inbox</caption>
        <thead><tr><th scope="col">Object</th><th scope="col">State</th><th scope="col">Since</th><th scope="col">Job</th>${may("operator") && html`<th scope="col"><span class="sr">Actions</span></th>`}</tr></thead>
        <tbody>${pages.tickets.map((each) => html`<tr key=${each.ticket}>
          <td class="any"><div style=${{ fontWeight: 500 }}>${each.key}</div>${each.error && html`<div class="small" style=${{ color: "var(--bad)" }}>${each.error}</div>`}${each.output && html`<div class="hint any">${each.output}</div>`}</td>
          <td><${State} state=${each.state} /></td><td class="small faint" data-name="Since" style=${{ whiteSpace: "nowrap" }} title=${when(each.at)}>${ago(each.at)}</td>
          <td data-name="Job">${each.job && html`<a class="link mono" href=${link("jobs", each.job)}>${each.job}</a>`}</td>
          ${may("operator") && html`<td><div class="row" style=${{ justifyContent: "flex-end" }}>
            ${["failed", "poison"].includes(each.state) && html`<${Act} class="slim" run=${doing(paths.ticketRetry(rule, each.ticket), "It is tried again.")}>Retry<//>`}
            ${each.state === "done" && html`<${Act} class="slim" run=${doing(paths.ticketRedo(rule, each.ticket), "It is made anew.")}>Redo<//>`}
            ${each.state !== "running" && html`<button type="button" class="button slim quiet" onClick=${() => setAsk(each)}>Forget</button>`}</div></td>`}
        </tr>`)}</tbody></table></div>`}
    ${pages.next && html`<div><${Act} run=${more}>Show more<//></div>`}
    ${ask && html`<${Confirm} title="Forget this object?" text=${`${ask.key}: its record is removed. If it is still in the inbox, it counts as new.`} yes="Forget it"
      onYes=${doing(paths.ticketForget(rule, ask.ticket), "Forgotten.")} onClose=${() => setAsk(null)} />`}
  </div>`;
}

/** Rules are few and change slowly, so they are asked for while one looks. */
export function useAgain(load, seconds) {
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && load.reload(), seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds]);
}

export function Rules({ rule }) {
  const rules = useLoad((signal) => get(paths.rules(), signal), []);
  useAgain(rules, 5);
  if (rules.error && !rules.value) return html`<${Trouble} problem=${rules.error} />`;
  if (!rules.value) return html`<${Waiting} />`;
  const { rules: list, watchers } = rules.value;
  const { tenant, watches } = session.value;
  const idle = tenant ? !watches : !watchers.length;
  const one = list.find((each) => each.rule === rule);
  if (rule) {
    return html`<a class="crumb" href="#/rules"><${Icon} name="back" />Rules</a>
      <div class="head"><h1>${rule}</h1></div>
      ${one ? html`<div class="stack" style=${{ marginBottom: "24px" }}>
          <dl class="facts"><dt>Inbox</dt><dd>${one.inbox}</dd><dt>Output</dt><dd>${one.output}</dd><dt>Scorer</dt><dd>${one.scorer}</dd></dl><${Counts} rule=${one} />
          ${reasons(one).map((text) => html`<${Trouble} kind="calm" key=${text}><div>${text}</div><//>`)}
          ${starts(one) && html`<${RuleStart} key=${rule} rule=${one} onMade=${rules.reload} />`}</div>
        <${Tickets} rule=${rule} turn=${[...COUNTS, "runs_since", "done_at"].map((name) => one[name]).join()} />` : html`<${Trouble} kind="calm"><div>There is no rule of this name.</div><//>`}`;
  }
  return html`<div class="head"><h1>Rules</h1><span class="hint">${watchers.length ? `${many(watchers.length, "watchers")}: ${watchers.map((each) => `${each.host} (started ${ago(each.began)})`).join(", ")}` : idle ? "No watcher runs" : ""}</span></div>
    ${idle && list.length > 0 && html`<${Trouble} kind="warn"><div>No watcher runs, so nothing is taken up.</div><div class="remedy">${tenant ? "Ask the administrator to start one." : "Start one: impasto watch, or impasto serve without its option that turns it off."}</div><//><br />`}
    ${list.length ? html`<ul class="stack">${list.map((each) => html`<${RuleCard} key=${each.rule} rule=${each} onMade=${rules.reload} />`)}</ul>`
      : html`<div class="card"><${Empty} title="No rules"><p>A rule turns what arrives in a folder or container into jobs. ${tenant ? "Yours are made by the administrator." : "Rules are written in impasto.toml."}</p><//></div>`}`;
}
