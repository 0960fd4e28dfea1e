// Real frames of a job, before and after, as they finish.
import { html, useEffect, useMemo, useRef, useState } from "../vendor/htm-preact.js";
import { number, position, singular } from "./format.js";
import * as paths from "./paths.js";
import { ComparePictures } from "./slider.js";
import { Icon } from "./ui.js";

const MOST = 48;

/** Some of many, evenly, the last one included. */
function some(pairs) {
  if (pairs.length <= MOST) return pairs;
  const step = (pairs.length - 1) / (MOST - 1);
  return Array.from({ length: MOST }, (_, at) => pairs[Math.round(at * step)]);
}

function Strip({ job, pairs, item, onPick }) {
  const list = useRef();
  useEffect(() => {
    const chosen = list.current?.querySelector("[aria-selected=true]");
    // scrollIntoView would move the page, too.
    if (chosen) list.current.scrollLeft = chosen.offsetLeft - list.current.clientWidth / 2 + 37;
  }, [item, pairs.length]);
  const move = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = pairs.findIndex((pair) => pair.item === item);
    const next = pairs[Math.min(pairs.length - 1, Math.max(0, at + step))];
    onPick(next.item);
    requestAnimationFrame(() => list.current.querySelector("[aria-selected=true]")?.focus());
  };
  const held = pairs.some((pair) => pair.item === item) ? item : pairs[0]?.item;
  return html`<div class="strip" role="listbox" aria-label="Finished frames" aria-orientation="horizontal" ref=${list} onKeyDown=${move}>
    ${pairs.map((pair) => html`<button type="button" role="option" key=${pair.item} aria-selected=${String(pair.item === item)}
        aria-label=${`Frame ${number(pair.item + 1)}`} tabindex=${pair.item === held ? 0 : -1} onClick=${() => onPick(pair.item)}>
      <img src=${paths.previewScored(job, pair.item)} alt="" loading="lazy" decoding="async" />
    </button>`)}
  </div>`;
}

export function Frames({ detail, pairs }) {
  const { row } = detail;
  const [picked, setPicked] = useState(null);
  const [settled, setSettled] = useState(null);
  const [shape, setShape] = useState("");
  const any = detail.has_pictures && detail.has_scored && row.state === "done" && row.items > 0;
  const strip = useMemo(() => some(pairs), [pairs]);
  const newest = pairs.at(-1)?.item;
  const item = picked ?? newest ?? (any ? Math.floor(row.items / 2) : null);
  useEffect(() => {
    // Frames in between are decoded on demand, so a drag asks for its end only.
    const timer = setTimeout(() => setSettled(item), 140);
    return () => clearTimeout(timer);
  }, [item]);
  if (item == null) {
    const word = row.state === "running" ? "The first frames appear here within seconds." : detail.has_scored ? "No frame is finished yet." : "This job makes no pictures.";
    return html`<div class="compare empty-frame" style=${{ aspectRatio: "16 / 9" }}><div class="stack tight" style=${{ justifyItems: "center" }}><${Icon} name="brush" />${word}</div></div>`;
  }
  const nearest = (to) => pairs.reduce((best, pair) => (Math.abs(pair.item - to) < Math.abs(best - to) ? pair.item : best), pairs[0]?.item ?? 0);
  const isPair = pairs.some((pair) => pair.item === item);
  const shown = isPair ? item : settled ?? item;
  const [before, after] = isPair
    ? [paths.previewSource(row.job, item), paths.previewScored(row.job, item)]
    : [paths.itemSource(row.job, shown, 1280), paths.itemScored(row.job, shown, 1280)];
  const scrub = (event) => {
    const to = Number(event.target.value);
    setPicked(any ? to : nearest(to));
  };
  const one = singular(row.noun);
  const moment = detail.fps ? ` · ${position(item / detail.fps)}` : "";
  const ratio = detail.width && detail.height ? `${detail.width} / ${detail.height}` : shape;
  return html`<div class="stack tight">
    <${ComparePictures} before=${before} after=${after} ratio=${ratio} onShape=${setShape} />
    ${row.items > 1 && html`<div class="scrub">
      <input type="range" min="0" max=${row.items - 1} value=${item} aria-label=${`Which ${one}`}
        aria-valuetext=${`${one} ${item + 1} of ${row.items}`} onInput=${scrub} />
      <span>${one} ${number(item + 1)} of ${number(row.items)}${moment}</span>
    </div>`}
    ${strip.length > 1 && html`<${Strip} job=${row.job} pairs=${strip} item=${item} onPick=${setPicked} />`}
    ${picked != null && row.state === "running" && html`<div><button type="button" class="button slim" onClick=${() => setPicked(null)}>Show the newest</button></div>`}
  </div>`;
}
