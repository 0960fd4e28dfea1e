// The list of jobs. All rows come by events; only some are drawn at a time.
import { Component, html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { may, session } from "./api.js";
import { ago, duration, many, number, rate, stateWord, titleOf, when } from "./format.js";
import { jobs as store } from "./live.js";
import * as paths from "./paths.js";
import { go, link } from "./router.js";
import { useStore, useTick } from "./store.js";
import { Bar, Chip, Empty, Icon, Segments, State, Thumb, Waiting } from "./ui.js";

const PAGE = 60;
const STATES = [["", "All"], ["running", "Running"], ["waiting", "Waiting"], ["stopped", "Stopped"], ["incomplete", "Incomplete"], ["failed", "Failed"], ["done", "Done"], ["cancelled", "Cancelled"]];

function matches(row, query) {
  const label = query.get("label");
  if (label) {
    const [name, value] = label.split(/:(.*)/);
    if (row.labels[name] !== value) return false;
  }
  if (query.get("rule") && row.rule !== query.get("rule")) return false;
  const words = (query.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  const text = `${row.job} ${row.source} ${row.output} ${row.scorer} ${row.style} ${row.rule} ${row.tenant} ${Object.entries(row.labels).flat().join(" ")}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

function change(query, name, value) {
  const next = new URLSearchParams(query);
  if (value) next.set(name, value);
  else next.delete(name);
  const text = next.toString();
  go(`#/jobs${text ? `?${text}` : ""}`, true);
}

/** How far a job is, in one line of text. */
export function progressText(row) {
  if (row.state === "done") return `${many(row.items, row.noun)}`;
  if (!row.items) return row.state === "running" || row.state === "waiting" ? "" : "not planned yet";
  return `${number(row.items_done)} of ${number(row.items)} ${row.noun}`;
}

/** The same for a list, where failures are told nowhere else. */
function outcome(row) {
  if (row.state !== "done" || !row.items_failed) return pace(row) || progressText(row);
  return html`<span style=${{ color: "var(--warn)" }}>${number(row.items_failed)} of ${many(row.items, row.noun)} failed</span>`;
}

export function pace(row) {
  if (row.state !== "running") return "";
  const left = row.seconds_left == null ? "" : `${duration(row.seconds_left)} left`;
  return [rate(row), left].filter(Boolean).join(" · ");
}

/** One job; drawn again only when its row is another, or its times have moved on. */
class Row extends Component {
  shouldComponentUpdate(next) {
    return next.row !== this.props.row || next.minute !== this.props.minute || next.query !== this.props.query;
  }

  render({ row, query, tenants }) {
    const title = titleOf(row);
    const icon = row.noun === "frames" ? "film" : row.noun === "images" ? "image" : "rules";
    const shown = row.preview != null ? paths.previewScored(row.job, row.preview) : "";
    const filter = (name, value) => (event) => { event.preventDefault(); change(query, name, value); };
    return html`<li class="job">
      <${Thumb} src=${shown} icon=${icon} />
      <div>
        <div class="clip"><a class="job-name" href=${link("jobs", row.job)}>${title}</a></div>
        <div class="job-sub">
          ${row.error && row.state !== "done" && row.state !== "running"
            ? html`<span class="clip job-error" title=${row.error}>${row.error}</span>`
            : html`<span class="clip">${row.style ? `in the style of ${row.style.replace(/\.\w+$/, "")}` : row.scorer}</span>`}
          ${tenants && row.tenant && html`<${Chip} name="tenant" value=${row.tenant} />`}
          ${row.rule && html`<${Chip} name="rule" value=${row.rule} href=${`#/jobs?rule=${encodeURIComponent(row.rule)}`} onClick=${filter("rule", row.rule)} />`}
          ${Object.entries(row.labels).slice(0, 3).map(([name, value]) => html`<${Chip} key=${name} name=${name} value=${value}
            href=${`#/jobs?label=${encodeURIComponent(`${name}:${value}`)}`} onClick=${filter("label", `${name}:${value}`)} />`)}
        </div>
      </div>
      <div class="job-how">
        <div class="line"><${State} state=${row.state} word=${stateWord(row)} /><span class="clip">${outcome(row)}</span></div>
        ${row.state !== "done" && html`<${Bar} slim percent=${row.percent} state=${row.state} label=${`Progress of ${title}`} />`}
      </div>
      <div class="job-when" title=${when(row.started)}>${ago(row.started)}</div>
    </li>`;
  }
}

function Search({ query }) {
  const [text, setText] = useState(query.get("q") ?? "");
  const timer = useRef(0);
  const input = useRef();
  useEffect(() => {
    const focus = (event) => {
      if (event.key !== "/" || /INPUT|SELECT|TEXTAREA/.test(event.target.tagName)) return;
      event.preventDefault();
      input.current.focus();
    };
    addEventListener("keydown", focus);
    return () => { removeEventListener("keydown", focus); clearTimeout(timer.current); };
  }, []);
  const type = (event) => {
    const value = event.target.value;
    setText(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => change(query, "q", value), 150);
  };
  return html`<div class="search">
    <${Icon} name="search" />
    <input ref=${input} type="search" aria-label="Search jobs" placeholder="Search jobs" value=${text} onInput=${type}
      onKeyDown=${(event) => event.key === "Escape" && type({ target: { value: "" } })} />
  </div>`;
}

/** The rest of a long list, which comes by itself when one scrolls there. */
function More({ left, onMore }) {
  const end = useRef();
  useEffect(() => {
    const eye = new IntersectionObserver(([entry]) => entry.isIntersecting && onMore(), { rootMargin: "800px" });
    eye.observe(end.current);
    return () => eye.disconnect();
  });
  return html`<div ref=${end} class="row" style=${{ justifyContent: "center", padding: "14px" }}>
    <button type="button" class="button quiet" onClick=${onMore}>Show more (${number(left)} left)</button>
  </div>`;
}

export function Jobs({ query }) {
  const all = useStore(store);
  useTick(30);
  const [most, setMost] = useState(PAGE);
  const state = query.get("state") ?? "";
  const key = query.toString();
  useEffect(() => setMost(PAGE), [key]);
  const sorted = [...(all?.values() ?? [])].sort((a, b) => b.started - a.started || (a.job < b.job ? 1 : -1));
  const found = sorted.filter((row) => matches(row, query));
  const counts = {};
  for (const row of found) counts[row.state] = (counts[row.state] ?? 0) + 1;
  const shown = state ? found.filter((row) => row.state === state) : found;
  const minute = Math.floor(Date.now() / 30_000);
  const options = STATES.filter(([name]) => !name || counts[name] || name === state || name === "running" || name === "done")
    .map(([name, text]) => [name, text, all ? number(name ? counts[name] ?? 0 : found.length) : null]);
  const filters = ["label", "rule"].filter((name) => query.get(name));
  return html`
    <div class="head"><h1>Jobs</h1>
      ${may("submitter") && html`<a class="button primary" href="#/new"><${Icon} name="plus" />New job</a>`}</div>
    <div class="tools">
      <div class="scroll"><${Segments} label="State" options=${options} value=${state} onChange=${(value) => change(query, "state", value)} /></div>
      ${filters.map((name) => html`<button type="button" key=${name} class="button slim" aria-label=${`Remove the filter ${name} ${query.get(name)}`}
        onClick=${() => change(query, name, "")}>${name} ${query.get(name)}<${Icon} name="close" /></button>`)}
      <${Search} query=${query} />
    </div>
    ${!all ? html`<${Waiting} />` : !shown.length
      ? html`<div class="card"><${Empty} title=${sorted.length ? "No job matches" : "Nothing painted yet"}>
          <p>${sorted.length ? "Change the filters, or search for something else." : "Drop a clip and a painting, look at one frame, and start."}</p>
          ${!sorted.length && may("submitter") && html`<a class="button primary" href="#/new">New job</a>`}
        <//></div>`
      : html`<ul class="jobs" aria-label="Jobs">
          ${shown.slice(0, most).map((row) => html`<${Row} key=${row.job} row=${row} query=${query} minute=${minute} tenants=${!session.value?.tenant} />`)}
        </ul>
        ${shown.length > most && html`<${More} left=${shown.length - most} onMore=${() => setMost((now) => now + PAGE)} />`}`}`;
}
