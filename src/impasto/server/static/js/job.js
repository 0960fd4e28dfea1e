// One job: what it makes, how far it is, and how it gets there.
import { html, useState } from "../vendor/htm-preact.js";
import { may, post } from "./api.js";
import { ago, bytes, duration, many, number, rate, stateWord, titleOf, when } from "./format.js";
import { Frames } from "./frames.js";
import { Aside, Files, Records } from "./items.js";
import { progressText } from "./jobs.js";
import { followed as store, noteRow } from "./live.js";
import { Log } from "./logs.js";
import * as paths from "./paths.js";
import { Player } from "./player.js";
import { go, link } from "./router.js";
import { ShardMap } from "./shardmap.js";
import { useStore, useTick } from "./store.js";
import { Act, Bar, Chip, Icon, Segments, State, Tabs, tell, Trouble, Waiting } from "./ui.js";
import { Stages, Workers } from "./work.js";

const act = (path, said) => async () => {
  noteRow(await post(path));
  tell(said);
};

function Actions({ detail }) {
  const { row } = detail;
  const style = row.scorer === "style" && may("submitter");
  const folder = ["folder", "arrays", "files"].includes(detail.output_kind);
  const has = row.state === "done" || (row.state === "incomplete" && detail.result);
  return html`<div class="actions">
    ${may("submitter") && (row.state === "running" || row.state === "waiting") && html`<${Act} run=${act(paths.cancel(row.job), "Asked to stop. Resume continues it.")}><${Icon} name="stop" />Cancel<//>`}
    ${may("submitter") && ["stopped", "failed", "cancelled", "incomplete"].includes(row.state) && html`<${Act} run=${act(paths.resume(row.job), "It goes on where it was.")}><${Icon} name="play" />Resume<//>`}
    ${may("submitter") && !["running", "waiting"].includes(row.state) && detail.items_failed > 0 && html`<${Act} run=${act(paths.retry(row.job), "The items that were set aside are tried again.")}><${Icon} name="again" />Retry ${many(detail.items_failed, row.noun)}<//>`}
    ${style && html`<a class="button" href=${`#/new?from=${encodeURIComponent(row.job)}`}><${Icon} name="brush" />Another style</a>`}
    ${has && !folder && html`<a class="button primary" href=${paths.download(row.job)} download><${Icon} name="down" />Download${detail.result ? html`<span style=${{ opacity: 0.8, fontWeight: 400 }}>${bytes(detail.result.bytes)}</span>` : ""}</a>`}
  </div>`;
}

const Stat = ({ value, unit, name }) => html`<div class="stat"><b>${value}${unit && html`<small>${unit}</small>`}</b><span>${name}</span></div>`;

function Stats({ detail }) {
  useTick(1);
  const { row } = detail;
  const running = row.state === "running";
  const [pace, ...unit] = rate(row).split(" ");
  const took = running ? Date.now() / 1000 - (detail.drivers[0]?.began || row.started) : detail.seconds;
  return html`<div class="stats">
    <${Stat} value=${`${row.percent}`} unit="%" name=${progressText(row) || "planning"} />
    ${running && row.rate > 0 && html`<${Stat} value=${pace} unit=${unit.join(" ")} name=${`on ${many(row.workers, "workers")}`} />`}
    ${running && row.seconds_left != null && html`<${Stat} value=${duration(row.seconds_left)} name="left" />`}
    ${took > 0 && html`<${Stat} value=${duration(took)} name=${running ? "so far" : "took"} />`}
    ${!running && detail.result?.fps > 0 && html`<${Stat} value=${rate({ rate: detail.result.fps, noun: row.noun }).split(" ")[0]} unit=${row.noun === "frames" ? "fps" : `${row.noun}/s`} name="pace" />`}
    ${row.shards > 1 && html`<${Stat} value=${`${number(row.shards_done)}/${number(row.shards)}`} name="shards" />`}
    ${detail.items_failed > 0 && html`<${Stat} value=${number(detail.items_failed)} name="set aside" />`}
  </div>`;
}

const given = (value) => (typeof value === "object" && value !== null ? JSON.stringify(value) : String(value));

function Details({ detail }) {
  const { row } = detail;
  const facts = [
    ["Job", row.job], ["Source", row.source], ["Output", row.output], ["Scorer", row.scorer],
    ["Submitted", when(row.started)], ["Last change", when(row.changed)],
    ["Pictures", detail.width ? `${detail.width} × ${detail.height}${detail.fps ? `, ${Number(detail.fps.toFixed(3))} fps` : ""}` : ""],
    ["Driven by", detail.drivers.map((driver) => `${driver.host}, process ${driver.pid}${driver.engine ? `, engine ${driver.engine}` : ""}`).join("; ")],
    ["Concealed", detail.concealed ? `${many(detail.concealed, "frames")} could not be decoded, and repeat the one before` : ""],
    ["Repeated", detail.repeated ? `${many(detail.repeated, "frames")} equal to the one before, not scored again` : ""],
    ["Digest", detail.result ? `sha256 ${detail.result.sha256}` : ""], ["Report", detail.result?.report ?? ""],
  ].filter(([, value]) => value);
  const asked = { ...detail.params, ...detail.spec };
  const notes = [["Why it was planned this way", detail.reasons], ["Notes on the output", detail.result?.notes ?? []], ["Files that were replaced", detail.changes]];
  return html`<div class="stack" style=${{ gap: "28px" }}>
    <section><h2 style=${{ marginBottom: "10px" }}>Facts</h2><dl class="facts">${facts.map(([name, value]) => html`<dt key=${name}>${name}</dt><dd>${value}</dd>`)}</dl></section>
    ${notes.map(([name, lines]) => lines.length > 0 && html`<section key=${name}><h2 style=${{ marginBottom: "10px" }}>${name}</h2><ul class="stack tight small">${lines.map((text) => html`<li class="any">${text}</li>`)}</ul></section>`)}
    <section><h2 style=${{ marginBottom: "10px" }}>Settings</h2><dl class="facts">${Object.entries(asked).filter(([, value]) => value !== null && value !== "" && given(value) !== "{}").map(([name, value]) => html`<dt class="mono" key=${name}>${name}</dt><dd class="mono">${given(value)}</dd>`)}</dl></section>
    <div><a class="link small" href=${paths.timings(row.job)} download>How long every shard took, as CSV</a></div>
  </div>`;
}

function Notes({ detail }) {
  const { row } = detail;
  const failure = detail.last_failure && row.state !== "done";
  return html`
    ${row.error && row.state !== "done" && html`<${Trouble} problem=${{ title: row.error }} kind=${row.state === "failed" ? "bad" : "warn"} />`}
    ${failure && detail.last_failure !== row.error && html`<${Trouble} kind="warn"><div>${many(detail.failed_attempts, "attempts")} at shards failed; the last one: ${detail.last_failure}</div><//>`}
    ${detail.warnings.map((text) => html`<${Trouble} kind="calm" key=${text}><div>${text}</div><//>`)}`;
}

export function Job({ id, tab }) {
  const followed = useStore(store);
  const [shard, setShard] = useState("");
  const [stage, setStage] = useState("");
  const detail = followed?.job === id ? followed.detail : null;
  if (followed?.error && !detail) return html`<a class="crumb" href="#/jobs"><${Icon} name="back" />Jobs</a><${Trouble} problem=${followed.error} />`;
  if (!detail) return html`<${Waiting} />`;
  const { row } = detail;
  const pictures = detail.has_scored || detail.plays || followed.previews.length > 0;
  const plays = detail.plays && row.state === "done";
  const show = plays ? stage || "frames" : "frames";
  const folder = ["folder", "arrays", "files"].includes(detail.output_kind);
  const tabs = [
    ...(detail.output_kind === "records" ? [["records", "Records"]] : []),
    ["log", "Log"], ["workers", "Workers"],
    ...(detail.items_failed ? [["aside", "Set aside", number(detail.items_failed)]] : []),
    ...(folder ? [["files", "Files"]] : []),
    ["details", "Details"],
  ];
  const current = tabs.some(([key]) => key === tab) ? tab : tabs[0][0];
  const open = (key) => go(link("jobs", id, key), true);
  const toLog = (index) => {
    setShard(String(index));
    open("log");
    document.getElementById("panel")?.scrollIntoView({ block: "nearest" });
  };
  const map = html`<section class="card"><div class="card-head"><h2>Shards</h2></div><div class="card-body"><${ShardMap} map=${followed.shards} row=${row} version=${store.version} onPick=${toLog} /></div></section>`;
  const where = html`<section class="card"><div class="card-head"><h2>Where the time went</h2></div><div class="card-body"><${Stages} stages=${detail.stages} /></div></section>`;
  return html`
    <a class="crumb" href="#/jobs"><${Icon} name="back" />Jobs</a>
    <div class="job-head">
      <div class="titles"><h1>${titleOf(row)}</h1>
        <div class="job-meta"><${State} state=${row.state} word=${stateWord(row)} />
          <span>${row.style ? `in the style of ${row.style.replace(/\.\w+$/, "")}` : row.scorer}</span>
          <span class="faint" title=${when(row.started)}>${ago(row.started)}</span>
          ${row.tenant && html`<${Chip} name="tenant" value=${row.tenant} />`}
          ${row.rule && html`<${Chip} name="rule" value=${row.rule} href=${`#/rules/${encodeURIComponent(row.rule)}`} />`}
          ${Object.entries(row.labels).map(([name, value]) => html`<${Chip} key=${name} name=${name} value=${value} href=${`#/jobs?label=${encodeURIComponent(`${name}:${value}`)}`} />`)}
        </div></div>
      <${Actions} detail=${detail} />
    </div>
    <${Stats} detail=${detail} />
    <${Bar} percent=${row.percent} state=${row.state} label="Progress" />
    <div class="stack tight" style=${{ marginTop: "14px" }}><${Notes} detail=${detail} /></div>
    ${pictures ? html`<div class="job-grid">
        <div class="stack tight" style=${{ minWidth: 0 }}>
          ${plays && html`<div><${Segments} label="Show" options=${[["frames", "Frames"], ["play", "Play in step"]]} value=${show} onChange=${setStage} /></div>`}
          ${show === "play" ? html`<${Player} detail=${detail} />` : html`<${Frames} detail=${detail} pairs=${followed.previews} />`}
        </div>
        <div class="stack">${map}${where}</div></div>`
      : html`<div class="job-grid" style=${{ gridTemplateColumns: undefined }}>${map}${where}</div>`}
    <${Tabs} label="About this job" tabs=${tabs} value=${current} onChange=${open} />
    <div class="panel" role="tabpanel" id="panel" aria-labelledby=${`tab-${current}`}>
      ${current === "log" && html`<${Log} followed=${followed} shard=${shard} onShard=${setShard} />`}
      ${current === "workers" && html`<${Workers} map=${followed.shards} row=${row} version=${store.version} />`}
      ${current === "aside" && html`<${Aside} detail=${detail} />`}
      ${current === "records" && html`<${Records} detail=${detail} />`}
      ${current === "files" && html`<${Files} detail=${detail} />`}
      ${current === "details" && html`<${Details} detail=${detail} />`}
    </div>`;
}
