// A form made from a JSON schema: the parameters of any scorer, also of ones that came later.
import { html, useState } from "../vendor/htm-preact.js";

/** The schema of a value, without "or null" around it. */
function core(schema, root) {
  const refed = schema.$ref ? { ...root.$defs?.[schema.$ref.split("/").pop()], ...schema } : schema;
  const options = refed.anyOf ?? refed.oneOf;
  if (!options) return refed;
  const [first] = options.filter((each) => each.type !== "null");
  return { ...core(first, root), title: refed.title, description: refed.description ?? first.description, default: refed.default };
}

/** What each parameter means: schemas of frozen models carry it in the class's own text. */
function meanings(text = "") {
  const [, list = ""] = text.split(/^\s*Attributes:\s*$/m);
  const found = {};
  let name = "";
  for (const line of list.split("\n").map((each) => each.trim()).filter(Boolean)) {
    const begins = line.match(/^(\w+): (.*)$/);
    if (begins) found[(name = begins[1])] = begins[2];
    else if (name) found[name] += ` ${line}`;
  }
  return found;
}

/** The parameters of a scorer: {name, schema, required, role}; role says what a file's name is. */
export function fieldsOf(scorer) {
  const root = scorer?.params ?? {};
  const said = meanings(root.description);
  return Object.entries(root.properties ?? {}).map(([name, schema]) => {
    const own = core(schema, root);
    const description = (own.description ?? said[name])?.replaceAll("`", "");
    return { name, schema: { ...own, description }, required: (root.required ?? []).includes(name), role: scorer.files?.[name] ?? "" };
  });
}

const words = (name) => name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");

/** A field for text that keeps what is typed, whatever redraws the form before it can be read. */
function Typed({ value, onText, ...rest }) {
  const [text, setText] = useState(value);
  return html`<input ...${rest} value=${text} onInput=${(event) => { setText(event.target.value); onText(event); }} />`;
}

export function Field({ name, schema, required, value, onChange }) {
  const id = `param-${name}`;
  const hint = schema.description && html`<span class="hint" id=${`${id}-hint`}>${schema.description}</span>`;
  const described = schema.description ? `${id}-hint` : undefined;
  if (schema.type === "boolean") {
    return html`<div class="field"><label class="check"><input type="checkbox" checked=${value ?? schema.default ?? false} aria-describedby=${described} onChange=${(event) => onChange(event.target.checked)} />${words(name)}</label>${hint}</div>`;
  }
  const label = html`<label for=${id}>${words(name)}${required ? "" : html` <span class="hint">optional</span>`}</label>`;
  if (schema.enum) {
    return html`<div class="field">${label}<select id=${id} aria-describedby=${described} value=${value ?? schema.default ?? ""} onChange=${(event) => onChange(event.target.value || undefined)}>
      ${!required && schema.default == null && html`<option value="">–</option>`}${schema.enum.map((each) => html`<option key=${each} value=${each}>${each}</option>`)}</select>${hint}</div>`;
  }
  if (schema.type === "number" || schema.type === "integer") {
    const [low, high] = [schema.minimum ?? schema.exclusiveMinimum, schema.maximum ?? schema.exclusiveMaximum];
    const set = (event) => onChange(event.target.value === "" ? undefined : Number(event.target.value));
    if (schema.type === "number" && low != null && high != null && schema.default != null) {
      const now = value ?? schema.default;
      return html`<div class="field"><div class="row between"><label for=${id}>${words(name)}</label><output class="hint num" for=${id}>${now}</output></div>
        <input type="range" id=${id} min=${low} max=${high} step=${(high - low) / 100 < 0.05 ? 0.01 : 0.05} value=${now} aria-describedby=${described} onInput=${set} />${hint}</div>`;
    }
    return html`<div class="field">${label}<${Typed} type="number" id=${id} min=${low} max=${high} step=${schema.type === "integer" ? 1 : "any"} required=${required}
      value=${value ?? ""} placeholder=${schema.default ?? ""} aria-describedby=${described} onText=${set} />${hint}</div>`;
  }
  if (schema.type === "string") {
    return html`<div class="field">${label}<${Typed} type="text" id=${id} required=${required} value=${value ?? ""} placeholder=${schema.default ?? ""} spellcheck=${false}
      aria-describedby=${described} onText=${(event) => onChange(event.target.value || undefined)} />${hint}</div>`;
  }
  const json = (event) => {
    try {
      event.target.setCustomValidity("");
      onChange(event.target.value ? JSON.parse(event.target.value) : undefined);
    } catch { event.target.setCustomValidity("write JSON, such as [1, 2] or {\"a\": 1}"); }
  };
  return html`<div class="field">${label}<${Typed} type="text" class="mono" id=${id} value=${value === undefined ? "" : JSON.stringify(value)} placeholder="JSON" aria-describedby=${described} onText=${json} />${hint}</div>`;
}
