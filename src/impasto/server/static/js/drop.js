// A place to drop a file, or to name one by URL. It is sent at once, so that waiting is short.
import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { upload } from "./api.js";
import { baseName, bytes } from "./format.js";
import { refusalOf } from "./picture.js";
import { Bar, Icon, Thumb, Trouble } from "./ui.js";

/**
 * @param value {url, name} or null: what will be submitted; {kept: true, picture} too if an earlier
 *   job had it.
 * @param onChange called with it once the file is sent, and with null when it is taken out.
 * @param trouble why the service refuses it, or null.
 */
export function Drop({ id, title, hint, accept, icon, value, onChange, canUpload, trouble, pictureOnly }) {
  const [over, setOver] = useState(0);
  const [sending, setSending] = useState(null);
  const [problem, setProblem] = useState(null);
  const [shown, setShown] = useState("");
  // What is being typed stands, whatever redraws the form; it counts once the field is left.
  const [text, setText] = useState(value?.url ?? "");
  const stop = useRef(null);
  useEffect(() => () => stop.current?.abort(), []);
  useEffect(() => () => shown && URL.revokeObjectURL(shown), [shown]);

  const clear = () => {
    stop.current?.abort();
    setSending(null);
    setShown("");
    setProblem(null);
    setText("");
    onChange(null);
  };
  const take = async (file) => {
    if (!file) return;
    clear();
    const mine = (stop.current = new AbortController());
    const refused = await refusalOf(file, pictureOnly);
    if (mine !== stop.current) return;
    if (refused) return setProblem(refused);
    if (/^(image|video)\//.test(file.type)) setShown(URL.createObjectURL(file));
    setSending({ name: file.name, size: file.size, type: file.type, part: 0 });
    try {
      const url = await upload(file, (part) => mine === stop.current && setSending((old) => old && { ...old, part }), mine.signal);
      if (mine !== stop.current) return;
      setSending((old) => ({ ...old, part: 1 }));
      onChange({ url, name: file.name });
    } catch (error) {
      if (mine !== stop.current || error.name === "AbortError") return;
      setProblem(error);
      setSending(null);
      setShown("");
    }
  };
  const hide = () => setShown("");
  const typed = (event) => {
    const url = event.target.value.trim();
    setProblem(null);
    onChange(url ? { url, name: baseName(url) } : null);
  };
  const drag = {
    onDragEnter: (event) => { event.preventDefault(); setOver((n) => n + 1); },
    onDragOver: (event) => event.preventDefault(),
    onDragLeave: () => setOver((n) => n - 1),
    onDrop: (event) => { event.preventDefault(); setOver(0); if (canUpload) take(event.dataTransfer.files[0]); },
  };
  const kept = !sending && value?.kept;
  const full = sending !== null || kept;
  return html`<div class="stack tight">
    <div class="drop ${over > 0 ? "over" : ""} ${full ? "full" : ""}" ...${drag}>
      ${kept ? html`<${Thumb} src=${value.picture} icon=${icon} /><div class="small any"><b title=${value.url}>${value.name}</b></div>
          <button type="button" class="button slim quiet" onClick=${clear}>Replace</button>`
        : full
        ? html`${!shown ? html`<${Icon} name=${icon} />` : sending.type.startsWith("video") ? html`<video class="shown" src=${shown} muted playsinline preload="metadata" aria-hidden="true" onError=${hide}></video>` : html`<img class="shown" src=${shown} alt="" onError=${hide} />`}
          <div class="small any"><b>${sending.name}</b> <span class="faint">${bytes(sending.size)}</span></div>
          ${sending.part < 1 && html`<${Bar} slim percent=${100 * sending.part} label=${`Upload of ${sending.name}`} />`}
          <button type="button" class="button slim quiet" onClick=${clear}>${sending.part < 1 ? "Stop" : "Replace"}</button>`
        : html`<${Icon} name=${icon} /><b>${title}</b><span class="hint">${hint}</span>
          ${canUpload && html`<label class="button slim" for=${id}>Choose a file<input class="sr" type="file" id=${id} accept=${accept} onChange=${(event) => take(event.target.files[0])} /></label>`}`}
    </div>
    ${!full && html`<input class="slim-input" type="text" aria-label=${`URL of ${title.toLowerCase()}`} placeholder="or a URL that the service can read" value=${text} spellcheck=${false} onInput=${(event) => setText(event.target.value)} onChange=${typed} />`}
    <${Trouble} problem=${problem ?? trouble} />
  </div>`;
}
