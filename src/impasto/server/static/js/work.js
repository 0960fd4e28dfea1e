// Who scored what when, and where the time went.
import { html, useMemo, useRef, useState } from "../vendor/htm-preact.js";
import { clock, duration, many, number, rate } from "./format.js";
import { colours, sized, useCanvas } from "./shardmap.js";

const STAGES = [["read", "Reading"], ["score", "Scoring"], ["write", "Writing"]];
const LANE = 26;

/** A span without gaps is as wide as the work; lanes are workers by their first shard. */
function lanes(shards) {
  const by = new Map();
  for (const shard of shards) {
    if (shard.state !== "done" || !shard.ended) continue;
    const name = shard.worker || "worker";
    if (!by.has(name)) by.set(name, []);
    by.get(name).push(shard);
  }
  return [...by].map(([name, done]) => {
    done.sort((a, b) => a.ended - b.ended);
    const busy = done.reduce((sum, shard) => sum + shard.seconds, 0);
    const items = done.reduce((sum, shard) => sum + shard.items, 0);
    return { name, done, busy, items, first: done[0].ended - done[0].seconds, last: done.at(-1).ended };
  }).sort((a, b) => a.first - b.first);
}

function ticks(span) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
  const step = steps.find((each) => span / each <= 6) ?? 86400 * Math.ceil(span / 86400 / 6);
  return Array.from({ length: Math.floor(span / step) + 1 }, (_, at) => at * step);
}

export function Workers({ map, row, version }) {
  const all = useMemo(() => lanes([...map.values()]), [map, version]);
  const [tip, setTip] = useState(null);
  const scale = useRef({});
  const start = Math.min(...all.map((lane) => lane.first));
  const span = Math.max(1, Math.max(...all.map((lane) => lane.last)) - start);
  const canvas = useCanvas((element) => {
    const width = element.parentElement.clientWidth;
    const context = sized(element, width, Math.max(1, all.length) * LANE + 22);
    const paint = colours(["waiting", "running", "done", "failed", "score"]);
    const ink = getComputedStyle(element).color;
    scale.current = { perSecond: width / span };
    context.font = `11px ${getComputedStyle(document.body).fontFamily}`;
    context.fillStyle = ink;
    for (const tick of ticks(span)) {
      const x = Math.round(tick * scale.current.perSecond) + 0.5;
      context.globalAlpha = 0.14;
      context.fillRect(x, 0, 1, all.length * LANE);
      context.globalAlpha = 0.8;
      context.textAlign = x < 10 ? "left" : x > width - 30 ? "right" : "center";
      context.fillText(tick ? duration(tick).replace(/ 0 s$/, "") : clock(start), x, all.length * LANE + 16);
    }
    context.globalAlpha = 1;
    all.forEach((lane, at) => {
      for (const shard of lane.done) {
        const x = (shard.ended - shard.seconds - start) * scale.current.perSecond;
        const wide = Math.max(1.5, shard.seconds * scale.current.perSecond - 1);
        context.fillStyle = shard === tip?.shard ? paint.running : shard.failed ? paint.failed : paint.done;
        context.beginPath();
        context.roundRect(x, at * LANE + 4, wide, LANE - 8, Math.min(4, wide / 2));
        context.fill();
      }
    });
  }, [all, tip]);
  if (!all.length) return html`<p class="faint small">Workers appear here once their first shards are done.</p><canvas ref=${canvas} hidden></canvas>`;
  const hover = (event) => {
    const box = canvas.current.getBoundingClientRect();
    const lane = all[Math.floor((event.clientY - box.top) / LANE)];
    const at = start + (event.clientX - box.left) / scale.current.perSecond;
    const shard = lane?.done.find((each) => at >= each.ended - each.seconds && at <= each.ended);
    setTip(shard ? { shard, lane, left: Math.min(event.clientX - box.left + 12, box.width - 200), top: event.clientY - box.top + 14 } : null);
  };
  return html`<div class="stack">
    <div class="map faint"><canvas ref=${canvas} role="img" aria-label=${`${many(all.length, "workers")} over ${duration(span)}; the table below has the numbers`}
        onPointerMove=${hover} onPointerLeave=${() => setTip(null)}></canvas>
      ${tip && html`<div class="tip" style=${{ left: `${tip.left}px`, top: `${tip.top}px` }}><b>Shard ${tip.shard.shard}</b><div>${duration(tip.shard.seconds)}, done at ${clock(tip.shard.ended)}</div><div class="any">${tip.lane.name}</div></div>`}</div>
    <div class="scroll" tabindex="0" role="region" aria-label="Workers"><table>
      <caption class="sr">Workers</caption>
      <thead><tr><th scope="col">Worker</th><th scope="col">Device</th><th scope="col" class="num">Shards</th><th scope="col" class="num">${row.noun}</th><th scope="col" class="num">Busy</th><th scope="col" class="num">Pace</th></tr></thead>
      <tbody>${all.map((lane) => html`<tr key=${lane.name}><td class="mono any">${lane.name}</td><td>${lane.done.at(-1).device}</td><td class="num">${lane.done.length}</td>
        <td class="num">${number(lane.items)}</td><td class="num">${duration(lane.busy)}</td><td class="num">${rate({ rate: lane.items / Math.max(0.01, lane.busy), noun: row.noun })}</td></tr>`)}</tbody>
    </table></div>
  </div>`;
}

/** Busy seconds by stage, of all workers together. */
export function Stages({ stages }) {
  const total = STAGES.reduce((sum, [key]) => sum + (stages[key] ?? 0), 0);
  if (!total) return html`<p class="faint small">Known once the first shard is done.</p>`;
  return html`<div class="stack tight">
    <div class="share" aria-hidden="true">${STAGES.map(([key]) => html`<i key=${key} class="c-${key}" style=${{ width: `${(100 * (stages[key] ?? 0)) / total}%` }}></i>`)}</div>
    <dl class="legend">${STAGES.map(([key, word]) => html`<div key=${key}><dt style=${{ display: "inline" }}><i class="c-${key}"></i>${word} </dt><dd style=${{ display: "inline" }}>${duration(stages[key] ?? 0)} <span class="faint">${Math.round((100 * (stages[key] ?? 0)) / total)} %</span></dd></div>`)}</dl>
  </div>`;
}
