// Small parts that several views share.
import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { Store, useStore } from "./store.js";

const ICONS = {
  back: "M10 3 5 8l5 5",
  film: "M2.5 3h11v10h-11zM5.5 3v10M10.5 3v10M2.5 8h3M10.5 8h3",
  plus: "M8 3v10M3 8h10",
  rules: "M2.5 9.5h3l1 2h3l1-2h3M2.5 9.5v3.5h11V9.5L11.5 3h-7z",
  cluster: "M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.01M5 11h.01",
  key: "M9.8 9.2a3.4 3.4 0 1 0-3-3L2.5 10.5V13.5h3v-2h2v-1.9z",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7 14 14",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  moon: "M13.5 9.6A6 6 0 1 1 6.4 2.5a4.8 4.8 0 0 0 7.1 7.1z",
  auto: "M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12",
  out: "M9.5 3H3v10h6.5M7 8h7M11.5 5.5 14 8l-2.5 2.5",
  close: "m4 4 8 8M12 4l-8 8",
  warn: "M8 2.2 14.5 13.5h-13zM8 6.5v3.2M8 11.6v.01",
  info: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 7.5V11M8 5.2v.01",
  down: "M8 2.5v8M4.5 7.5 8 11l3.5-3.5M3 13.5h10",
  again: "M13 8a5 5 0 1 1-1.6-3.7M13 2.2v2.6h-2.6",
  stop: "M4 4h8v8H4z",
  play: "M4.5 3v10l8-5z",
  pause: "M5 3v10M11 3v10",
  brush: "M13.5 2.5c-3 1-6.5 4-7.5 6l1.5 1.5c2-1 5-4.5 6-7.5zM5.5 9.5c-1.5.2-2 1-2 2.2 0 .8-.5 1.3-1 1.5 2 .8 4.5.2 4.7-2",
  sound: "M3 6h2l3.5-2.8v9.6L5 10H3zM11 5.8a3 3 0 0 1 0 4.4M12.8 4a5.6 5.6 0 0 1 0 8",
  mute: "M3 6h2l3.5-2.8v9.6L5 10H3zM11 6.2l3 3.6M14 6.2l-3 3.6",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  up: "M8 11V3M4.5 6.2 8 2.7l3.5 3.5M2.5 11v2.5h11V11",
  sides: "M6 5 3 8l3 3M10 5l3 3-3 3",
  image: "M2.5 3h11v10h-11zM2.5 11l3.2-3.4 3 3 1.8-1.6 3 2.6M10.5 6h.01",
};

export const Icon = ({ name }) => html`<svg class="icon-svg" viewBox="0 0 16 16" aria-hidden="true"><path d=${ICONS[name]} /></svg>`;

export const Mark = () => html`<svg viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" stroke-linecap="round">
  <path d="M4 7.5c4.5-2.6 9-2.8 15-1.5" stroke-width="4.6" /><path d="M4.5 13.2c3.8-1.7 8-2 12-1.2" stroke-width="4" opacity=".72" /><path d="M6 18.4c2.6-1 5-1.1 7.4-.8" stroke-width="3.2" opacity=".45" />
</svg>`;

export const State = ({ state, word }) => html`<span class="state ${state}"><i></i>${word ?? state}</span>`;

export const Bar = ({ percent, state = "", label, slim }) => html`<div
    class="bar ${state} ${slim ? "slim" : ""}" role="progressbar" aria-label=${label}
    aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round(percent)}>
  <i style=${{ width: `${Math.max(percent, percent > 0 ? 1.5 : 0)}%` }}></i>
</div>`;

/** A fact and its remedy, calmly. */
export function Trouble({ problem, kind = "", children }) {
  if (!problem && !children) return null;
  return html`<div class="problem ${kind}" role=${kind ? undefined : "alert"}>
    <${Icon} name=${kind === "calm" ? "info" : "warn"} />
    <div class="grow any">
      ${problem ? html`<div>${problem.title ?? problem.message}</div>${problem.remedy && html`<div class="remedy">${problem.remedy}</div>`}` : children}
    </div>
  </div>`;
}

export const Chip = ({ name, value, href, onClick }) => html`<a class="chip" href=${href} onClick=${onClick} title=${name ? `${name}: ${value}` : value}>
  <span>${name && html`<b>${name} </b>`}${value}</span>
</a>`;

export const Empty = ({ title, children }) => html`<div class="empty">
  <svg class="big" viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" stroke-linecap="round"><path d="M4 9c4.5-2.6 9-2.8 15-1.5" stroke-width="3" opacity=".8" /><path d="M5 15c3.8-1.7 8-2 11-1.2" stroke-width="2.4" opacity=".4" /></svg>
  <h2>${title}</h2>${children}
</div>`;

export const Waiting = ({ what = "Loading" }) => html`<div class="row faint small" aria-busy="true"><span class="spin"></span>${what}…</div>`;

/** A button that shows that it works, and tells what went wrong. */
export function Act({ run, children, class: kind = "", disabled, label }) {
  const [busy, setBusy] = useState(false);
  const alive = useRef(true);
  useEffect(() => () => { alive.current = false; }, []);
  const click = async () => {
    setBusy(true);
    try { await run(); } catch (problem) { tell(problem); }
    if (alive.current) setBusy(false);
  };
  return html`<button type="button" class="button ${kind}" disabled=${disabled || busy} aria-label=${label} title=${label} onClick=${click}>
    ${busy ? html`<span class="spin"></span>` : null}${children}
  </button>`;
}

export function Segments({ label, options, value, onChange }) {
  return html`<div class="segments" role="group" aria-label=${label}>
    ${options.map(([key, text, count]) => html`<button type="button" key=${key} aria-pressed=${String(key === value)} onClick=${() => onChange(key)}>
      ${text}${count != null && html`<span class="count">${count}</span>`}
    </button>`)}
  </div>`;
}

/** Tabs as the ARIA pattern has them: arrows move, Tab leaves. */
export function Tabs({ label, tabs, value, onChange }) {
  const move = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = tabs.findIndex(([key]) => key === value);
    const [key] = tabs[(at + step + tabs.length) % tabs.length];
    onChange(key);
    requestAnimationFrame(() => document.getElementById(`tab-${key}`)?.focus());
  };
  return html`<div class="tabs" role="tablist" aria-label=${label} onKeyDown=${move}>
    ${tabs.map(([key, text, count]) => html`<button type="button" role="tab" key=${key} id=${`tab-${key}`}
        aria-selected=${String(key === value)} aria-controls="panel" tabindex=${key === value ? 0 : -1} onClick=${() => onChange(key)}>
      ${text}${count ? html`<span class="count">${count}</span>` : null}
    </button>`)}
  </div>`;
}

/** A picture that may not be there. */
export function Thumb({ src, icon = "film" }) {
  const [broken, setBroken] = useState("");
  return html`<span class="thumb">
    <${Icon} name=${icon} />
    ${src && broken !== src && html`<img src=${src} alt="" loading="lazy" decoding="async" onError=${() => setBroken(src)} />`}
  </span>`;
}

/** Ask before what cannot be taken back; Escape is no. */
export function Confirm({ title, text, yes, onYes, onClose }) {
  const dialog = useRef();
  useEffect(() => dialog.current.showModal(), []);
  return html`<dialog ref=${dialog} onClose=${onClose} aria-labelledby="confirm-title">
    <h2 id="confirm-title">${title}</h2><p class="muted">${text}</p>
    <div class="actions">
      <button type="button" class="button" onClick=${() => dialog.current.close()}>Keep it</button>
      <${Act} class="primary" run=${async () => { await onYes(); dialog.current?.close(); }}>${yes}<//>
    </div>
  </dialog>`;
}

const toasts = new Store([]);
let turn = 0;

/** Say something in the corner: a text, or a problem. */
export function tell(said) {
  if (said?.name === "AbortError") return;
  const toast = { id: (turn += 1), bad: typeof said !== "string", said };
  toasts.set([...toasts.value, toast].slice(-3));
  setTimeout(() => dismiss(toast.id), toast.bad ? 12_000 : 5_000);
}

const dismiss = (id) => toasts.set(toasts.value.filter((toast) => toast.id !== id));

export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${useStore(toasts).map(({ id, bad, said }) => html`<div class="toast ${bad ? "bad" : ""}" key=${id}>
      <div class="grow any">${bad ? html`<div>${said.title ?? said.message}</div><div class="muted">${said.remedy}</div>` : said}</div>
      <button type="button" class="button quiet icon slim" aria-label="Dismiss" onClick=${() => dismiss(id)}><${Icon} name="close" /></button>
    </div>`)}
  </div>`;
}
