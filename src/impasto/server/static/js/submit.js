// A new job: a clip, a painting, one frame to judge by, and what it will take.
import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { get, may, post, session } from "./api.js";
import { Drop } from "./drop.js";
import { baseName, duration, many, number } from "./format.js";
import * as paths from "./paths.js";
import { go, link } from "./router.js";
import { Field, fieldsOf } from "./schemaform.js";
import { ComparePictures } from "./slider.js";
import { useLoad } from "./store.js";
import { Act, Icon, Trouble, Waiting } from "./ui.js";

const SIZES = [["", "As the source"], ["480", "480 pixels"], ["720", "720 pixels"], ["1280", "1280 pixels"], ["1920", "1920 pixels"]];
const CODECS = [["", "As usual"], ["h264", "H.264"], ["hevc", "H.265"], ["av1", "AV1"], ["vp9", "VP9"], ["prores", "ProRes"], ["ffv1", "FFV1, lossless"]];
const QUALITIES = [["", "As usual"], ["40", "Small file"], ["80", "High"], ["95", "Very high"], ["lossless", "Lossless"]];
const SOUNDS = [["", "As it is"], ["auto", "Encode what does not fit"], ["none", "Without"]];

/** What may be entered as labels: names and values, separated by commas. */
const LABELS = "\\s*([^,=:]*[^,=:\\s][^,=:]*[=:][^,]*(,\\s*|$))*";

/** Nothing can be dropped by a finger. */
const hint = (what) => (matchMedia("(pointer: coarse)").matches ? `Choose ${what}` : `Drop ${what} here`);

function labelsOf(text) {
  const pairs = text.split(",").map((each) => each.trim()).filter(Boolean);
  return Object.fromEntries(pairs.map((each) => {
    const [name, value = ""] = each.split(/[=:](.*)/);
    return [name.trim(), value.trim()];
  }));
}

/** Whether a parameter is what follows the colon in a scorer's name: `onnx:model.onnx`. */
const isModel = (scorer, { required, role }) => scorer.code && required && role !== "" && role !== "picture";

/** Whether the service has said no, rather than not now. */
const refuses = (problem) => problem?.status >= 400 && problem.status < 500 && ![408, 429].includes(problem.status);

/** A source alone, to hear whether it can be read; null where only its scorer can tell. */
const sourceOf = (form, scorer) => (form.source && scorer?.takes.includes("pictures") && !scorer.code ? { source: form.source.url, scorer: "identity" } : null);

/** Parameters that are chosen at a glance: switches, and numbers with two ends. */
const plain = ({ schema, required }) => required || schema.type === "boolean" || (schema.type === "number" && schema.maximum != null && schema.default != null);

/** What was entered, as the API takes it; null while something is missing. */
function submissionOf(form, scorer) {
  if (!form.source || !scorer) return null;
  const missing = fieldsOf(scorer).some((field) => field.required && !isModel(scorer, field) && form.params[field.name] == null);
  if (missing || (scorer.code && !form.file.trim())) return null;
  const options = {};
  if (form.size) options.max_size = Number(form.size);
  if (form.sound) options.audio = form.sound;
  if (form.codec) options.codec = form.codec;
  if (form.quality) options.quality = Number(form.quality) || form.quality;
  const params = Object.fromEntries(Object.entries(form.params).filter(([, value]) => value !== undefined));
  return {
    source: form.source.url, output: form.output.trim(), scorer: scorer.code ? `${scorer.name}:${form.file.trim()}` : scorer.name,
    params, options, labels: labelsOf(form.labels), overwrite: form.overwrite,
  };
}

/** A choice; one that was made elsewhere and is not in the list is shown as it is. */
function Choice({ id, label, all, value, onChange }) {
  const shown = all.some(([key]) => key === value) ? all : [...all, [value, value]];
  return html`<div class="field"><label for=${id}>${label}</label><select id=${id} value=${value} onChange=${(event) => onChange(event.target.value)}>
    ${shown.map(([key, text]) => html`<option key=${key} value=${key}>${text}</option>`)}</select></div>`;
}

function Estimate({ estimate, problem, loading, whole, again }) {
  if (problem) {
    return whole && html`<div class="stack tight"><${Trouble} problem=${problem} kind=${refuses(problem) ? "" : "warn"} />
      <div><button type="button" class="button slim" onClick=${again}>Look again</button></div></div>`;
  }
  if (!estimate) return loading ? html`<${Waiting} what="Looking at the source" />` : null;
  const parts = [many(estimate.items, estimate.noun), ...(whole ? [many(estimate.shards, "shards"), estimate.workers ? many(estimate.workers, "workers") : ""] : [])];
  return html`<div class="estimate" aria-live="polite" aria-busy=${!!loading}>
    ${whole && html`<span class="hint">${estimate.seconds == null ? "How long it takes is not known before a first job" : "The whole job takes about"}</span>
      ${estimate.seconds != null && html`<b>${duration(estimate.seconds)}</b>`}`}
    <span class="small muted">${parts.filter(Boolean).join(" · ")}${estimate.width ? ` · ${number(estimate.width)} × ${number(estimate.height)}` : ""}</span>
    ${estimate.warnings.map((text) => html`<${Trouble} kind="calm" key=${text}><div>${text}</div><//>`)}
  </div>`;
}

function Look({ preview }) {
  const jpeg = (data) => `data:image/jpeg;base64,${data}`;
  const [shape, setShape] = useState("");
  if (preview.scored) return html`<${ComparePictures} before=${jpeg(preview.source)} after=${jpeg(preview.scored)} ratio=${shape} onShape=${setShape} />`;
  return html`<div class="card pad stack tight">${preview.source && html`<img src=${jpeg(preview.source)} alt="The item" />`}
    <pre class="small">${preview.record.map((each) => JSON.stringify(each, null, 1)).join("\n")}</pre></div>`;
}

const EMPTY = { source: null, params: {}, names: {}, scorer: "style", file: "", size: "", sound: "", codec: "", quality: "", labels: "", output: "", overwrite: false };

/** The form of a job that is to be made again with another style. */
function formOf({ row, params, spec }) {
  const kept = Object.fromEntries(Object.entries(params).filter(([name]) => name !== "style"));
  return {
    ...EMPTY, source: { url: row.source, name: baseName(row.source), kept: true, picture: row.preview == null ? "" : paths.previewSource(row.job, row.preview) }, scorer: row.scorer.split(":")[0], params: kept,
    size: spec.max_size ? String(spec.max_size) : "", sound: ["auto", "none"].includes(spec.audio) ? spec.audio : "",
    codec: spec.codec === "auto" ? "" : spec.codec, quality: spec.quality == null ? "" : String(spec.quality),
    labels: Object.entries(row.labels).map((pair) => pair.join("=")).join(", "),
  };
}

export function New({ from }) {
  const scorers = useLoad((signal) => get(paths.scorers(), signal), []);
  const before = useLoad((signal) => (from ? get(paths.job(from), signal) : Promise.resolve(null)), [from]);
  if (scorers.error || before.error) return html`<${Trouble} problem=${scorers.error ?? before.error} />`;
  if (!scorers.value || before.loading) return html`<${Waiting} />`;
  return html`<${Form} scorers=${scorers.value.scorers.filter((each) => !each.code || may("operator"))} start=${before.value ? formOf(before.value) : EMPTY} again=${!!from} />`;
}

function Form({ scorers, start, again }) {
  const [form, setForm] = useState(start);
  const [estimate, setEstimate] = useState({});
  const [preview, setPreview] = useState(null);
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const set = (some) => setForm((old) => ({ ...old, ...some }));
  const param = (name) => (value) => setForm((old) => ({ ...old, params: { ...old.params, [name]: value } }));
  const scorer = scorers.find((each) => each.name === form.scorer);
  const wanted = submissionOf(form, scorer);
  // Models and programs come from places that only operators can name.
  const fields = fieldsOf(scorer).filter(({ role }) => role === "" || role === "picture" || may("operator"))
    .filter((field) => !isModel(scorer, field));
  const [looks, setLooks] = useState(0);
  const latest = useRef("");
  // What is chosen for a video stays in sight while it is refused.
  const film = useRef(false);
  if (estimate.estimate) film.current = estimate.estimate.output_kind === "video" || !!(form.codec || form.quality);
  const request = wanted ?? sourceOf(form, scorer);
  const asked = JSON.stringify({ ...request, labels: 0 });
  latest.current = asked;
  // The name of the output changes nothing about a frame.
  const pictured = JSON.stringify({ ...wanted, labels: 0, output: 0, overwrite: 0 });
  useEffect(() => setProblem(null), [JSON.stringify(form)]);
  useEffect(() => {
    // What was found stays until the next is, or the button below would move under the pointer.
    setEstimate(({ estimate, whole }) => (request && estimate ? { estimate, whole, loading: true } : {}));
    if (!request) return;
    const stop = new AbortController();
    const timer = setTimeout(async () => {
      const whole = request === wanted;
      setEstimate((before) => ({ whole, ...before, loading: true }));
      try { setEstimate({ estimate: await post(paths.plan(), request, stop.signal), whole }); }
      catch (error) { if (error.name !== "AbortError") setEstimate({ problem: error, whole }); }
    }, 500);
    return () => { clearTimeout(timer); stop.abort(); };
  }, [asked, looks]);

  const look = async () => {
    setProblem(null);
    const [mine, whole] = [pictured, asked];
    try {
      const found = await post(paths.preview(), wanted);
      setPreview({ pictured: mine, found });
      if (whole === latest.current) setEstimate({ estimate: found.estimate, whole: true });
    } catch (error) {
      if (whole !== latest.current) return;
      if (refuses(error)) setEstimate({ problem: error, whole: true });
      else setProblem(error);
    }
  };
  const submit = async (event) => {
    event.preventDefault();
    if (!wanted) return;
    setBusy(true);
    setProblem(null);
    try {
      const made = await post(paths.jobs(), wanted);
      go(made.job ? link("jobs", made.job) : "#/jobs");
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
  };
  const pictures = fields.filter(({ role }) => role === "picture");
  const others = fields.filter(({ role }) => role !== "picture").sort((a, b) => b.required - a.required);
  const more = others.filter((field) => !plain(field));
  const field = ({ name, schema, required }) => html`<${Field} key=${`${form.scorer}-${name}`} name=${name} schema=${schema} required=${required} value=${form.params[name]} onChange=${param(name)} />`;
  const refused = refuses(estimate.problem);
  const style = form.scorer === "style";
  const canUpload = session.value.can_write;
  const seen = preview?.pictured === pictured ? preview.found : null;
  return html`<form onSubmit=${submit}>
    <div class="head"><h1>${again ? "Another style" : "New job"}</h1></div>
    ${!canUpload && html`<${Trouble} kind="warn"><div>You have no place for outputs, so nothing can be uploaded or submitted.</div><div class="remedy">Ask the administrator to add one to the service's settings.</div><//><br />`}
    <div class="new-grid">
      <div class="stack" style=${{ gap: "24px" }}>
        <div class="drops">
          <${Drop} id="source" title=${style ? "A clip" : "A source"} hint=${hint(style ? "a video or picture" : "a file")} icon="film" canUpload=${canUpload}
            accept=${scorer?.takes.includes("pictures") ? "video/*,image/*,.mkv,.mxf,.y4m" : undefined} value=${form.source} onChange=${(source) => set({ source })} trouble=${estimate.whole ? null : estimate.problem} />
          ${pictures.map(({ name }) => html`<${Drop} key=${name} id=${`drop-${name}`} title=${name === "style" ? "A painting" : `A picture: ${name}`} hint=${hint("a picture")} icon="brush" canUpload=${canUpload} accept="image/*" pictureOnly
            value=${form.params[name] ? { url: form.params[name] } : null} onChange=${(value) => param(name)(value?.url)} />`)}
        </div>
        <div class="form-grid">
          <div class="field whole"><label for="scorer">Scorer</label>
            <select id="scorer" value=${form.scorer} onChange=${(event) => set({ scorer: event.target.value, params: {}, file: "" })}>${scorers.map((each) => html`<option key=${each.name} value=${each.name}>${each.name}</option>`)}</select>
            <span class="hint">${scorer?.summary}</span></div>
          ${scorer?.code && html`<div class="field whole"><label for="file">Model or program</label><input id="file" type="text" required spellcheck=${false} placeholder="path or URL" value=${form.file} onInput=${(event) => set({ file: event.target.value })} /></div>`}
          ${others.filter(plain).map(field)}
          ${more.length > 0 && html`<details class="whole" key=${form.scorer} open=${more.some(({ name }) => start.params[name] != null)}><summary class="small muted">More about ${form.scorer}</summary><div class="form-grid">${more.map(field)}</div></details>`}
        </div>
        <div class="form-grid">
          ${scorer?.gives.includes("pictures") && html`
            <${Choice} id="size" label="Longer side" all=${SIZES} value=${form.size} onChange=${(size) => set({ size })} />
            <${Choice} id="sound" label="Sound" all=${SOUNDS} value=${form.sound} onChange=${(sound) => set({ sound })} />`}
          ${film.current && html`
            <${Choice} id="codec" label="Codec" all=${CODECS} value=${form.codec} onChange=${(codec) => set({ codec })} />
            <${Choice} id="quality" label="Quality" all=${QUALITIES} value=${form.quality} onChange=${(quality) => set({ quality })} />`}
          <div class="field"><label for="labels">Labels <span class="hint">optional</span></label><input id="labels" type="text" placeholder="client=acme, shot=12" pattern=${LABELS} title="name=value, separated by commas" spellcheck=${false} value=${form.labels} onInput=${(event) => set({ labels: event.target.value })} /></div>
          <div class="field"><label for="output">Output <span class="hint">optional</span></label><input id="output" type="text" placeholder="named after the source" spellcheck=${false} value=${form.output} onInput=${(event) => set({ output: event.target.value })} /></div>
          <label class="check whole"><input type="checkbox" checked=${form.overwrite} onChange=${(event) => set({ overwrite: event.target.checked })} />Replace what is at the output</label>
        </div>
      </div>
      <div class="new-side">
        ${seen ? html`<${Look} preview=${seen} />` : html`<div class="compare empty-frame" style=${{ aspectRatio: "16 / 9" }}>
          <div class="stack tight" style=${{ justifyItems: "center", padding: "20px" }}><${Icon} name="brush" />
            <span>${wanted ? "See one frame before you start." : style ? "A clip and a painting, and you see one frame here." : "Choose a source first."}</span>
            <${Act} run=${look} disabled=${!wanted || refused}>Preview one frame<//></div></div>`}
        <${Estimate} ...${estimate} again=${() => setLooks(looks + 1)} />
        <${Trouble} problem=${problem} />
        <div class="row"><button class="button primary big" disabled=${!wanted || refused || busy || !canUpload}>${busy ? html`<span class="spin"></span>` : null}Start</button>
          ${!session.value.watches && html`<span class="hint">No watcher runs, so it waits for one: impasto watch.</span>`}</div>
      </div>
    </div>
  </form>`;
}
