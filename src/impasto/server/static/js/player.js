// The result playing beside its source, in step: the result leads, the source follows.
import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { fraction, position } from "./format.js";
import * as paths from "./paths.js";
import { Compare } from "./slider.js";
import { Icon, Segments, Trouble } from "./ui.js";

const RATES = [0.25, 0.5, 1, 1.5, 2];

/** Keep a follower at the leader's moment: a small lag by speed, a large one by a jump. */
function keepStep(lead, other, offset) {
  const off = other.currentTime - offset - lead.currentTime;
  if (Math.abs(off) > 0.3 || (lead.paused && Math.abs(off) > 0.02)) {
    other.currentTime = Math.min(lead.currentTime + offset, other.duration || Infinity);
    other.playbackRate = lead.playbackRate;
  } else {
    other.playbackRate = lead.playbackRate * (Math.abs(off) > 0.03 ? 1 - Math.max(-0.12, Math.min(0.12, off)) : 1);
  }
}

export function Player({ detail }) {
  const { row } = detail;
  const lead = useRef();
  const other = useRef();
  const [mode, setMode] = useState(matchMedia("(max-width: 600px)").matches ? "wipe" : "sides");
  const [playing, setPlaying] = useState(false);
  const [now, setNow] = useState(0);
  const [length, setLength] = useState(0);
  const [speed, setSpeed] = useState(1);
  const [muted, setMuted] = useState(false);
  const [problem, setProblem] = useState(null);
  const offset = fraction(detail.spec.start) ?? 0;

  useEffect(() => {
    // Another mode has other elements; they go on where the last ones were.
    const [a, b] = [lead.current, other.current];
    a.currentTime = now;
    a.playbackRate = speed;
    let frame = 0;
    const step = () => {
      setNow(a.currentTime);
      if (b.readyState > 0) keepStep(a, b, offset);
      if (!a.paused) frame = requestAnimationFrame(step);
    };
    const on = {
      play: () => { setPlaying(true); b.play().catch(() => {}); frame = requestAnimationFrame(step); },
      pause: () => { setPlaying(false); b.pause(); step(); },
      seeked: step,
      waiting: () => b.pause(),
      playing: () => b.play().catch(() => {}),
      loadedmetadata: () => setLength(a.duration),
      error: () => setProblem({ title: "the browser cannot play this result", remedy: "download it, or ask for H.264" }),
    };
    for (const [name, act] of Object.entries(on)) a.addEventListener(name, act);
    b.addEventListener("loadedmetadata", step);
    if (playing) a.play().catch(() => setPlaying(false));
    return () => {
      cancelAnimationFrame(frame);
      for (const [name, act] of Object.entries(on)) a.removeEventListener(name, act);
      b.removeEventListener("loadedmetadata", step);
      a.pause();
      b.pause();
    };
  }, [mode]);
  useEffect(() => {
    lead.current.playbackRate = speed;
    other.current.playbackRate = speed;
  }, [speed]);

  const toggle = () => (lead.current.paused ? lead.current.play().catch(() => {}) : lead.current.pause());
  const seek = (to) => {
    lead.current.currentTime = Math.max(0, Math.min(to, length || to));
    setNow(lead.current.currentTime);
  };
  const one = detail.fps ? 1 / detail.fps : 0.04;
  const keys = (event) => {
    if (/INPUT|SELECT|BUTTON/.test(event.target.tagName) && event.key === " ") return;
    if (event.key === " ") { event.preventDefault(); toggle(); }
    else if (event.key === ",") seek(now - one);
    else if (event.key === ".") seek(now + one);
  };
  const cls = mode === "wipe" ? "pane" : "";
  const result = html`<video key=${`lead-${mode}`} class=${cls} ref=${lead} src=${paths.result(row.job)} preload="metadata" playsinline muted=${muted} onClick=${mode === "sides" ? toggle : undefined}></video>`;
  const source = (style) => html`<video style=${style} key=${`other-${mode}`} class=${cls} ref=${other} src=${paths.source(row.job)} preload="auto" playsinline muted
      onClick=${mode === "sides" ? toggle : undefined} aria-hidden="true" tabindex="-1"
      onError=${() => setProblem({ title: "the browser cannot play the source", remedy: "its codec may be one that browsers lack; the result plays alone" })}></video>`;
  const ratio = detail.width && detail.height ? `${detail.width} / ${detail.height}` : "16 / 9";
  return html`<div class="player" onKeyDown=${keys} role="group" aria-label="Source and result in step">
    ${mode === "wipe" ? html`<${Compare} before=${source} after=${result} ratio=${ratio} />`
      : html`<div class="screens" style=${{ "--ratio": ratio }}><figure>${source()}<figcaption>Source</figcaption></figure><figure>${result}<figcaption>Painted</figcaption></figure></div>`}
    <div class="controls">
      <button type="button" class="button icon primary" aria-label=${playing ? "Pause" : "Play"} onClick=${toggle}><${Icon} name=${playing ? "pause" : "play"} /></button>
      <input type="range" min="0" max=${length || 1} step=${one} value=${now} aria-label="Position" aria-valuetext=${`${position(now)} of ${position(length)}`} onInput=${(event) => seek(Number(event.target.value))} />
      <span>${position(now)} / ${position(length)}</span>
      <button type="button" class="button quiet icon" aria-label="Sound" aria-pressed=${String(!muted)} title=${muted ? "Sound off" : "Sound on"} onClick=${() => setMuted(!muted)}><${Icon} name=${muted ? "mute" : "sound"} /></button>
      <select class="slim-input" aria-label="Speed" value=${String(speed)} onChange=${(event) => setSpeed(Number(event.target.value))}>
        ${RATES.map((each) => html`<option key=${each} value=${String(each)}>${each}×</option>`)}</select>
      <${Segments} label="Arrangement" options=${[["sides", "Side by side"], ["wipe", "Wipe"]]} value=${mode} onChange=${setMode} />
    </div>
    <${Trouble} problem=${problem} kind="calm" />
  </div>`;
}
