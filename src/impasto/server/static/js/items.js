// Single items: those that were set aside, records, and the files of an output.
import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { get } from "./api.js";
import { bytes, number, singular } from "./format.js";
import * as paths from "./paths.js";
import { Act, Icon, Thumb, Trouble, Waiting } from "./ui.js";

/** Pages of something, one after the other; begun anew when `turn` changes. */
function usePages(load, turn) {
  const [state, setState] = useState({ pages: [], next: "" });
  const [error, setError] = useState(null);
  const current = useRef(0);
  const more = async (from, cursor) => {
    const mine = (current.current += 1);
    try {
      const page = await load(cursor);
      if (mine !== current.current) return;
      setState({ pages: [...from, page], next: page.next });
      setError(null);
    } catch (problem) { if (mine === current.current) setError(problem); }
  };
  useEffect(() => { more([], ""); }, [turn]);
  return { ...state, error, more: () => more(state.pages, state.next), loading: !state.pages.length && !error };
}

const More = ({ pages }) => (pages.next ? html`<div><${Act} run=${pages.more}>Show more<//></div>` : null);

export function Aside({ detail }) {
  const { row } = detail;
  const pages = usePages((cursor) => get(paths.failed(row.job, cursor)), detail.items_failed);
  if (pages.loading) return html`<${Waiting} />`;
  const items = pages.pages.flatMap((page) => page.items);
  return html`<div class="stack">
    <${Trouble} problem=${pages.error} />
    ${!items.length && !pages.error && html`<p class="faint small">Nothing was set aside.</p>`}
    <ul class="aside-list">${items.map(({ error, picture, kept }) => html`<li class="card aside-item" key=${error.item}>
      <${Thumb} src=${picture ? paths.itemSource(row.job, error.item, 400) : ""} icon=${picture ? "image" : "warn"} />
      <div class="stack tight">
        <h3 class="any">${error.key || `${singular(row.noun)} ${number(error.item + 1)}`}</h3>
        <p class="any small">${error.error}</p>
        <p class="hint">${error.attempts > 1 ? `${error.attempts} runs have tried it. ` : ""}${kept ? "The output has the source's picture in its place." : detail.has_scored ? "The output lacks it." : ""}</p>
        ${error.traceback && html`<details class="small"><summary class="faint">Traceback</summary><pre class="scroll" style=${{ marginTop: "8px" }}>${error.traceback}</pre></details>`}
      </div></li>`)}</ul>
    <${More} pages=${pages} />
  </div>`;
}

const shown = (value) => {
  if (value == null) return "";
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
  return typeof value === "object" ? JSON.stringify(value) : String(value);
};

export function Records({ detail }) {
  const { row } = detail;
  // While a job runs, records are read again shard by shard, and only as long as one sees the start.
  const [turn, setTurn] = useState(0);
  const pages = usePages((cursor) => get(paths.records(row.job, cursor)), turn);
  useEffect(() => { if (pages.pages.length <= 1) setTurn(row.shards_done); }, [row.shards_done, row.state]);
  if (pages.loading) return html`<${Waiting} />`;
  const columns = [...new Set(pages.pages.flatMap((page) => page.columns))];
  const rows = pages.pages.flatMap((page) => page.rows.map((values, at) => ({ values, item: page.items[at] })));
  const total = pages.pages[0]?.total ?? 0;
  return html`<div class="stack">
    <${Trouble} problem=${pages.error} />
    ${rows.length ? html`<div class="card scroll" tabindex="0" role="region" aria-label="Records" style=${{ padding: "0 18px", maxHeight: "70vh" }}>
      <table class="records"><caption class="sr">Records</caption>
        <thead><tr>${detail.has_pictures && html`<th scope="col">Picture</th>`}<th scope="col" class="num">#</th>${columns.map((name) => html`<th scope="col" key=${name} class=${typeof rows[0].values[name] === "number" ? "num" : ""}>${name}</th>`)}</tr></thead>
        <tbody>${rows.map(({ values, item }, at) => html`<tr key=${at}>
          ${detail.has_pictures && html`<td><a href=${paths.itemSource(row.job, item, 1280)} target="_blank" rel="noopener" aria-label=${`Picture of item ${item + 1}`}><${Thumb} src=${paths.itemSource(row.job, item, 160)} icon="image" /></a></td>`}
          <td class="num faint">${number(item + 1)}</td>
          ${columns.map((name) => html`<td key=${name} class=${typeof values[name] === "number" ? "num" : "any"}>${shown(values[name])}</td>`)}</tr>`)}</tbody></table></div>`
      : !pages.error && html`<p class="faint small">No records yet.</p>`}
    <div class="row"><${More} pages=${pages} />${total > 0 && html`<span class="hint">${number(rows.length)} of ${number(total)} records</span>`}</div>
  </div>`;
}

export function Files({ detail }) {
  const { row } = detail;
  const pages = usePages((cursor) => get(paths.outputs(row.job, cursor)), row.state);
  if (pages.loading) return html`<${Waiting} />`;
  const files = pages.pages.flatMap((page) => page.files);
  return html`<div class="stack">
    <${Trouble} problem=${pages.error} kind="calm" />
    ${files.length ? html`<div class="card scroll" style=${{ padding: "4px 18px" }}><table><caption class="sr">Files of the output</caption>
      <thead><tr><th scope="col">File</th><th scope="col" class="num">Size</th><th><span class="sr">Download</span></th></tr></thead>
      <tbody>${files.map((file) => html`<tr key=${file.name}><td class="any">${file.name}</td><td class="num">${bytes(file.bytes)}</td>
        <td class="num"><a class="button quiet icon slim" href=${paths.output(row.job, file.name)} download aria-label=${`Download ${file.name}`}><${Icon} name="down" /></a></td></tr>`)}</tbody></table></div>`
      : !pages.error && html`<p class="faint small">There are no files yet.</p>`}
    <${More} pages=${pages} />
  </div>`;
}
