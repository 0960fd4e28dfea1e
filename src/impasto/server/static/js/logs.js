// A job's log, as it comes. It follows its end until one scrolls up.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/htm-preact.js";
import { clock, number } from "./format.js";
import { Icon, Segments } from "./ui.js";

const LEVELS = ["debug", "info", "warning", "error"];
const DRAWN = 400;

/** What was printed stands there; a traceback is opened by who wants it. */
function Below({ line }) {
  if (!line.below) return null;
  if (line.event === "printed") return html`<div class="printed">${line.below}</div>`;
  return html`<details><summary>Traceback</summary>${line.below}</details>`;
}

/** What it says; the column before it names the shard already. */
function said({ shard, text }) {
  const known = `shard ${shard}: `;
  return shard != null && text.startsWith(known) ? text.slice(known.length) : text;
}

function Line({ line, onShard }) {
  const on = line.shard != null ? `shard ${line.shard}` : line.worker ? line.worker.slice(0, 12) : "";
  return html`<li class=${line.level}>
    <time dateTime=${new Date(line.time * 1000).toISOString()}>${clock(line.time)}</time>
    ${line.shard != null ? html`<button type="button" class="on" title=${`Only shard ${line.shard}`} onClick=${() => onShard(String(line.shard))}>${on}</button>` : html`<span class="on" title=${line.worker}>${on}</span>`}
    <span class="text">${line.level === "warning" || line.level === "error" ? html`<span class="sr">${line.level}: </span>` : null}${said(line)}<${Below} line=${line} /></span>
  </li>`;
}

export function Log({ followed, shard, onShard }) {
  const [level, setLevel] = useState("info");
  const [text, setText] = useState("");
  const [most, setMost] = useState(DRAWN);
  const [away, setAway] = useState(false);
  const box = useRef();
  const following = useRef(true);
  const { log, cut, ended } = followed;
  const low = LEVELS.indexOf(level);
  const want = text.toLowerCase();
  const found = log.filter((line) =>
    LEVELS.indexOf(line.level) >= low && (shard === "" || String(line.shard) === shard) &&
    (!want || `${line.text} ${line.below} ${line.item} ${line.worker} ${line.event}`.toLowerCase().includes(want)));
  const shown = found.slice(-most);
  const toEnd = () => {
    following.current = true;
    setAway(false);
    box.current.scrollTop = box.current.scrollHeight;
  };
  useLayoutEffect(() => { if (following.current) box.current.scrollTop = box.current.scrollHeight; }, [found.length, level, text, shard]);
  useEffect(() => { setMost(DRAWN); following.current = true; setAway(false); }, [level, text, shard]);
  const scroll = () => {
    const { scrollTop, clientHeight, scrollHeight } = box.current;
    following.current = scrollHeight - scrollTop - clientHeight < 24;
    if (away === following.current) setAway(!following.current);
  };
  return html`<div>
    <div class="log-tools">
      <${Segments} label="Least level" options=${LEVELS.map((each) => [each, { debug: "All", info: "Info", warning: "Warnings", error: "Errors" }[each]])} value=${level} onChange=${setLevel} />
      <input class="grow slim-input" type="search" aria-label="Text in the log" placeholder="Filter by text" value=${text} onInput=${(event) => setText(event.target.value)} />
      <input class="slim-input" type="number" min="0" aria-label="Shard" placeholder="Shard" style=${{ width: "96px" }} value=${shard} onInput=${(event) => onShard(event.target.value)} />
      <span class="hint">${number(found.length)} ${found.length === 1 ? "line" : "lines"}${ended ? "" : " · following"}</span>
    </div>
    <div class="log-box">
      <div class="log" ref=${box} onScroll=${scroll} tabindex="0" role="region" aria-label="Log">
        ${(found.length > shown.length || cut > 0) && html`<div class="row" style=${{ padding: "4px 16px" }}>
          ${found.length > shown.length ? html`<button type="button" class="button slim quiet" onClick=${() => setMost(most + 1000)}>Show earlier lines</button>` : html`<span class="faint">Older lines: impasto logs ${followed.job}</span>`}</div>`}
        <ol aria-live="off">${shown.map((line, at) => html`<${Line} key=${cut + found.length - shown.length + at} line=${line} onShard=${onShard} />`)}</ol>
        ${!shown.length && html`<p class="faint" style=${{ padding: "8px 16px" }}>${log.length ? "No line matches." : "Nothing yet."}</p>`}
      </div>
      ${away && html`<button type="button" class="button slim log-jump" onClick=${toEnd}><${Icon} name="down" />Latest</button>`}
    </div>
  </div>`;
}
