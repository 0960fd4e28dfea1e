// A job by a rule's name: all that is left to say is of what, and in which of its styles.
import { html, useRef, useState } from "../vendor/htm-preact.js";
import { post, session, upload } from "./api.js";
import * as paths from "./paths.js";
import { link } from "./router.js";
import { Trouble } from "./ui.js";

const SAID = {
  submitted: "Submitted.", "already submitted": "It is submitted already.", "already running": "It runs already.",
  done: "It was made before.", failed: "It failed before, too often to be tried again by itself.",
};

function Answer({ rule, made }) {
  const at = made.job ? link("jobs", made.job) : link("rules", rule);
  return html`<span>${SAID[made.state] ?? `${made.state}.`}</span> <a class="link" href=${at}>${made.job ? "See the job" : "See the objects"}</a>
    <span class="hint any">${made.output}</span>`;
}

/**
 * @param rule the rule's row.
 * @param onMade called once something was submitted.
 */
export function RuleStart({ rule, onMade }) {
  const [source, setSource] = useState("");
  const [style, setStyle] = useState(rule.styles[0] ?? "");
  const [busy, setBusy] = useState("");
  const [said, setSaid] = useState({});
  const chosen = useRef();
  const doing = (what, act) => async () => {
    setBusy(what);
    setSaid({});
    try { await act(); } catch (problem) { setSaid({ problem }); }
    setBusy("");
  };
  const send = doing("send", async () => {
    const [file] = chosen.current.files;
    chosen.current.value = "";
    if (file) setSource(await upload(file, () => {}));
  });
  const start = doing("start", async () => {
    const params = style ? { style } : {};
    setSaid({ made: await post(paths.jobs(), { rule: rule.rule, source: source.trim(), params }) });
    setSource("");
    onMade();
  });
  const submit = (event) => { event.preventDefault(); if (source.trim() && !busy) start(); };
  const spin = (what) => busy === what && html`<span class="spin"></span>`;
  return html`<form class="rule-start stack tight" onSubmit=${submit} aria-label=${`Start a job by rule ${rule.rule}`}>
    <div class="row wrap">
      <input class="grow slim-input" type="text" aria-label=${`Source for rule ${rule.rule}`} placeholder="URL of a source" spellcheck=${false}
        value=${source} onInput=${(event) => setSource(event.target.value)} />
      ${session.value.can_write && html`<label class="button slim">${spin("send")}Upload<input class="sr" type="file" ref=${chosen} aria-label=${`File for rule ${rule.rule}`} onChange=${send} /></label>`}
      ${rule.styles.length > 1 && html`<select class="slim-input" style=${{ width: "auto" }} aria-label=${`Style of rule ${rule.rule}`} value=${style} onChange=${(event) => setStyle(event.target.value)}>
        ${rule.styles.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select>`}
      <button class="button slim primary" disabled=${!source.trim() || !!busy}>${spin("start")}Start</button>
    </div>
    <${Trouble} problem=${said.problem} />
    <div class="small any" role="status">${said.made && html`<${Answer} rule=${rule.rule} made=${said.made} />`}</div>
  </form>`;
}
