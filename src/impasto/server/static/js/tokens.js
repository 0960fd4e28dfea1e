// Tokens: who may come in. A token's text is shown once.
import { html, useRef, useState } from "../vendor/htm-preact.js";
import { get, post, remove, ROLES, session } from "./api.js";
import { ago, when } from "./format.js";
import * as paths from "./paths.js";
import { useLoad } from "./store.js";
import { Confirm, Icon, tell, Trouble, Waiting } from "./ui.js";

const DAY = 86_400;
const ENDS = [["", "Never"], [String(DAY), "In a day"], [String(7 * DAY), "In 7 days"], [String(30 * DAY), "In 30 days"], [String(365 * DAY), "In a year"]];
const MEANS = {
  viewer: "sees jobs, and fetches results", submitter: "also uploads, submits, cancels and resumes",
  operator: "also steers rules, and runs programs and models", admin: "also makes and revokes tokens",
};

function Made({ made, onClose }) {
  const ways = [["A link that logs in", `${location.origin}${location.pathname}#token=${encodeURIComponent(made.token)}`], ["The token, for programs", made.token]];
  const copy = (text) => async () => {
    try { await navigator.clipboard.writeText(text); tell("Copied."); } catch { tell("Select the text and copy it."); }
  };
  return html`<div class="card pad stack tight" role="status"><h2>Token ${made.row.name ? `for ${made.row.name}` : "made"}</h2>
    <p class="small muted">Copy one of these now; neither can be shown again. Whoever has it is let in.</p>
    ${ways.map(([name, text]) => html`<div class="stack tight" key=${name}><h3>${name}</h3><div class="secret"><code>${text}</code>
      <button type="button" class="button slim" aria-label=${`Copy: ${name.toLowerCase()}`} onClick=${copy(text)}><${Icon} name="copy" />Copy</button></div></div>`)}
    <div><button type="button" class="button slim quiet" onClick=${onClose}>Done</button></div></div>`;
}

export function Tokens() {
  const tokens = useLoad((signal) => get(paths.tokens(), signal), []);
  const [role, setRole] = useState("submitter");
  const [made, setMade] = useState(null);
  const [problem, setProblem] = useState(null);
  const [ask, setAsk] = useState(null);
  const form = useRef();
  const create = async (event) => {
    event.preventDefault();
    const said = new FormData(form.current);
    const ends = said.get("ends");
    setProblem(null);
    try {
      setMade(await post(paths.tokens(), { name: said.get("name").trim(), role, tenant: said.get("tenant").trim(), expires_in: ends ? Number(ends) : null }));
      form.current.reset();
      tokens.reload();
    } catch (error) { setProblem(error); }
  };
  const list = tokens.value?.tokens ?? [];
  return html`<div class="head"><h1>Tokens</h1></div>
    <div class="stack" style=${{ gap: "24px" }}>
      <form class="card pad stack" ref=${form} onSubmit=${create}>
        <div class="form-grid" style=${{ gridTemplateColumns: "repeat(auto-fit, minmax(170px, 1fr))" }}>
          <div class="field"><label for="name">What it is for</label><input type="text" id="name" name="name" maxlength="200" placeholder="render farm" /></div>
          <div class="field"><label for="role">Role</label><select id="role" value=${role} onChange=${(event) => setRole(event.target.value)}>${ROLES.map((each) => html`<option key=${each} value=${each}>${each}</option>`)}</select></div>
          <div class="field"><label for="tenant">Tenant <span class="hint">optional</span></label><input type="text" id="tenant" name="tenant" pattern="[a-z0-9][a-z0-9_\\-]*" placeholder=${session.value.tenant || "all"} /></div>
          <div class="field"><label for="ends">Ends</label><select id="ends" name="ends">${ENDS.map(([key, text]) => html`<option key=${key} value=${key}>${text}</option>`)}</select></div>
        </div>
        <div class="row between wrap"><span class="hint">A ${role} ${MEANS[role]}.</span><button class="button primary">Create token</button></div>
        <${Trouble} problem=${problem} />
      </form>
      ${made && html`<${Made} made=${made} onClose=${() => setMade(null)} />`}
      <${Trouble} problem=${tokens.error} />
      ${tokens.loading && !list.length ? html`<${Waiting} />` : html`<div class="card scroll" style=${{ padding: "4px 18px" }} tabindex="0" role="region" aria-label="Tokens"><table class="fold"><caption class="sr">Tokens</caption>
        <thead><tr><th scope="col">For</th><th scope="col">Role</th><th scope="col">Tenant</th><th scope="col">Made</th><th scope="col">Ends</th><th scope="col"><span class="sr">Revoke</span></th></tr></thead>
        <tbody>${list.map((each) => html`<tr key=${each.id}><td><div class="any" style=${{ fontWeight: 500 }}>${each.name || "unnamed"}</div><span class="mono hint">${each.id}</span></td><td data-name="Role">${each.role}</td><td data-name="Tenant">${each.tenant || html`<span class="faint">all</span>`}</td>
          <td class="small faint" data-name="Made" title=${when(each.created)}>${ago(each.created)}</td><td class="small faint" data-name="Ends">${each.expires ? when(each.expires) : "never"}</td>
          <td class="num"><button type="button" class="button slim quiet" aria-label=${`Revoke ${each.name || each.id}`} onClick=${() => setAsk(each)}>Revoke</button></td></tr>`)}</tbody></table></div>`}
    </div>
    ${ask && html`<${Confirm} title="Revoke this token?" text=${`${ask.name || ask.id}: whoever uses it is locked out within seconds.`} yes="Revoke it"
      onYes=${async () => { await remove(paths.token(ask.id)); tell("Revoked."); tokens.reload(); }} onClose=${() => setAsk(null)} />`}`;
}
