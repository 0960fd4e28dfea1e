// The shards of a job as a grid of cells: one canvas, whether there are ten or ten thousand.
import { html, useEffect, useMemo, useRef, useState } from "../vendor/htm-preact.js";
import { clock, duration, many, number, rate } from "./format.js";
import { State } from "./ui.js";

const WORDS = { waiting: "waiting", running: "running", done: "done", failed: "failed" };
const ROWS = 100;

/** Redraw when the colours or the width change. */
export function useCanvas(draw, needs) {
  const canvas = useRef();
  useEffect(() => {
    // There is none before there is something to draw.
    if (!canvas.current) return;
    const run = () => canvas.current && draw(canvas.current);
    run();
    const eye = new ResizeObserver(run);
    eye.observe(canvas.current.parentElement);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", run);
    addEventListener("theme", run);
    return () => {
      eye.disconnect();
      dark.removeEventListener("change", run);
      removeEventListener("theme", run);
    };
  }, needs);
  return canvas;
}

/** The colours of classes, as the browser computes them: a canvas does not know light-dark(). */
export function colours(names) {
  const probe = document.createElement("i");
  document.body.append(probe);
  const found = {};
  for (const name of names) {
    probe.className = `c-${name}`;
    found[name] = getComputedStyle(probe).backgroundColor;
  }
  probe.remove();
  return found;
}

/** Prepare a canvas of a width and height in CSS pixels; returns its context. */
export function sized(canvas, width, height) {
  const dots = devicePixelRatio || 1;
  canvas.width = Math.round(width * dots);
  canvas.height = Math.round(height * dots);
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(dots, 0, 0, dots, 0, 0);
  return context;
}

function layout(count, width) {
  const size = Math.max(5, Math.min(30, Math.floor(Math.sqrt((width * 190) / Math.max(1, count)))));
  const columns = Math.max(1, Math.floor((width + 2) / size));
  return { size, columns, rows: Math.ceil(count / columns), gap: size > 8 ? 2 : 1 };
}

function describe(shard, row) {
  const range = `${number(shard.start + 1)}–${number(shard.stop)}`;
  const lines = [`Shard ${shard.shard} · ${WORDS[shard.state]}`, `${row.noun} ${range}`];
  if (shard.state === "running") lines.push(`${number(shard.items)} of ${number(shard.stop - shard.start)} written`);
  if (shard.state === "done") {
    const pace = shard.seconds ? rate({ rate: shard.items / shard.seconds, noun: row.noun }) : "";
    lines.push(`${duration(shard.seconds)}${pace && ` · ${pace}`} on ${shard.device || "cpu"}`);
    if (shard.worker) lines.push(shard.worker);
  }
  if (shard.failed) lines.push(`${shard.failed} set aside`);
  if (shard.attempts) lines.push(`${many(shard.attempts, "attempts")} failed: ${shard.error.slice(0, 160)}`);
  return lines;
}

function Table({ shards, row, onPick }) {
  const tried = shards.some((shard) => shard.attempts);
  const [from, setFrom] = useState(0);
  const part = shards.slice(from, from + ROWS);
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Shards"><table class="dense">
      <thead><tr><th scope="col">Shard</th><th scope="col">State</th><th scope="col" class="num">${row.noun}</th><th scope="col" class="num">Took</th>${tried && html`<th scope="col" class="num">Failed</th>`}<th scope="col" class="num">Done at</th></tr></thead>
      <tbody>${part.map((shard) => html`<tr key=${shard.shard}>
        <td><button type="button" class="button quiet slim num" onClick=${() => onPick(shard.shard)} aria-label=${`Log of shard ${shard.shard}`}>${shard.shard}</button></td>
        <td><${State} state=${shard.state} /></td>
        <td class="num">${number(shard.items)}/${number(shard.stop - shard.start)}</td>
        <td class="num">${shard.seconds ? duration(shard.seconds) : ""}</td>
        ${tried && html`<td class="num">${shard.attempts || ""}</td>`}<td class="num">${shard.ended ? clock(shard.ended) : ""}</td>
      </tr>`)}</tbody></table></div>
    ${shards.length > ROWS && html`<div class="row" style=${{ marginTop: "10px" }}>
      <button type="button" class="button slim" disabled=${!from} onClick=${() => setFrom(Math.max(0, from - ROWS))}>Earlier</button>
      <button type="button" class="button slim" disabled=${from + ROWS >= shards.length} onClick=${() => setFrom(from + ROWS)}>Later</button>
      <span class="hint">${from}–${Math.min(shards.length, from + ROWS) - 1} of ${number(shards.length)}</span></div>`}`;
}

export function ShardMap({ map, row, version, onPick }) {
  const shards = useMemo(() => [...map.values()].sort((a, b) => a.shard - b.shard), [map, version]);
  const [at, setAt] = useState(-1);
  const [open, setOpen] = useState(false);
  const grid = useRef({ size: 20, columns: 1, rows: 1 });
  const canvas = useCanvas((element) => {
    const width = element.parentElement.clientWidth;
    const { size, columns, rows, gap } = (grid.current = layout(shards.length, width));
    const context = sized(element, width, Math.max(size, rows * size - gap));
    const paint = colours(["waiting", "running", "done", "failed"]);
    shards.forEach((shard, index) => {
      const x = (index % columns) * size;
      const y = Math.floor(index / columns) * size;
      const side = size - gap;
      const cell = (top, height) => { context.beginPath(); context.roundRect(x, top, side, height, Math.min(3, size / 6)); context.fill(); };
      context.fillStyle = shard.state === "running" ? paint.waiting : paint[shard.state];
      cell(y, side);
      if (shard.state === "running") {
        const part = Math.max(0.12, Math.min(1, shard.items / Math.max(1, shard.stop - shard.start)));
        context.fillStyle = paint.running;
        cell(y + side * (1 - part), side * part);
      }
      if (shard.failed && shard.state === "done") {
        context.fillStyle = paint.failed;
        context.beginPath();
        context.arc(x + side - side / 5, y + side / 5, Math.max(1.5, side / 8), 0, 7);
        context.fill();
      }
      if (index === at) {
        context.strokeStyle = paint.running;
        context.lineWidth = 2;
        context.strokeRect(x - 0.5, y - 0.5, side + 1, side + 1);
      }
    });
  }, [shards, at]);
  if (!shards.length) return html`<p class="faint small">The shards appear once the job is planned.</p>`;
  const counts = {};
  for (const shard of shards) counts[shard.state] = (counts[shard.state] ?? 0) + 1;
  const hover = (event) => {
    const { size, columns } = grid.current;
    const box = canvas.current.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / size);
    const index = Math.floor((event.clientY - box.top) / size) * columns + column;
    setAt(column < columns && index < shards.length ? index : -1);
  };
  const keys = (event) => {
    const { columns } = grid.current;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (step) { event.preventDefault(); setAt(Math.max(0, Math.min(shards.length - 1, at + step))); }
    else if (event.key === "Enter" && at >= 0) onPick(shards[at].shard);
    else if (event.key === "Escape") setAt(-1);
  };
  const summary = Object.entries(counts).map(([state, count]) => `${number(count)} ${WORDS[state]}`).join(", ");
  const shown = shards[at];
  const { size, columns } = grid.current;
  const left = Math.min(((at % columns) + 1) * size, Math.max(0, (canvas.current?.clientWidth ?? 300) - 200));
  return html`<div class="stack tight">
    <div class="map">
      <canvas ref=${canvas} role="application" tabindex="0" aria-label=${`Map of ${many(shards.length, "shards")}: ${summary}. Arrow keys move, Enter shows a shard's log.`}
        aria-describedby="shard-tip" onPointerMove=${hover} onPointerLeave=${() => setAt(-1)} onBlur=${() => setAt(-1)}
        onClick=${() => shown && onPick(shown.shard)} onKeyDown=${keys}></canvas>
      <div id="shard-tip" aria-live="polite">${shown && html`<div class="tip" style=${{ left: `${left}px`, top: `${(Math.floor(at / columns) + 1) * size + 4}px` }}>
        ${describe(shown, row).map((text, index) => html`<div key=${index} style=${index ? { opacity: 0.75 } : { fontWeight: 550 }}>${text}</div>`)}</div>`}</div>
    </div>
    <div class="legend">${["done", "running", "waiting", "failed"].filter((state) => counts[state]).map((state) => html`<span key=${state}><i class="c-${state}"></i>${number(counts[state])} ${WORDS[state]}</span>`)}</div>
    <details class="small" onToggle=${(event) => setOpen(event.target.open)}><summary class="faint">As a table</summary>
      ${open && html`<div style=${{ marginTop: "10px" }}><${Table} shards=${shards} row=${row} onPick=${onPick} /></div>`}</details>
  </div>`;
}
