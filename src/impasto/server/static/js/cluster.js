// Where jobs are scored: machines, workers, and what the autoscaler waits for.
import { html } from "../vendor/htm-preact.js";
import { get } from "./api.js";
import { many, number } from "./format.js";
import * as paths from "./paths.js";
import { useAgain } from "./rules.js";
import { useLoad } from "./store.js";
import { Bar, Trouble, Waiting } from "./ui.js";

function Use({ used, all, name, machine }) {
  if (!all) return html`<span class="faint">–</span>`;
  const whole = (value) => (Number.isInteger(value) ? value : value.toFixed(1));
  return html`<div class="machine-bar"><span>${whole(used)} of ${whole(all)}</span><${Bar} slim percent=${(100 * used) / all} label=${`${name} in use on ${machine}`} /></div>`;
}

const List = ({ title, lines }) => html`<section class="card"><div class="card-head"><h2>${title}</h2></div><ul class="card-body stack tight">${lines.map((text) => html`<li class="small any" key=${text}>${text}</li>`)}</ul></section>`;

export function Cluster() {
  const view = useLoad((signal) => get(paths.cluster(), signal), []);
  useAgain(view, 5);
  if (view.error && !view.value) return html`<${Trouble} problem=${view.error} />`;
  if (!view.value) return html`<${Waiting} />`;
  const { engine, machines, starting, workers, waiting, waits_for: waits, problems, error } = view.value;
  const sum = (name) => machines.reduce((total, machine) => total + machine[name], 0);
  const stats = [
    [number(machines.length), machines.length === 1 ? "machine" : "machines"], [number(workers), workers === 1 ? "worker scores" : "workers score"],
    ...(waiting ? [[number(waiting), waiting === 1 ? "waits for a machine" : "wait for a machine"]] : []), ...(starting ? [[number(starting), starting === 1 ? "machine starts" : "machines start"]] : []),
    [`${number(Math.round(sum("cpus_used")))}/${number(sum("cpus"))}`, "cores in use"], ...(sum("gpus") ? [[`${number(sum("gpus_used"))}/${number(sum("gpus"))}`, "GPUs in use"]] : []),
  ];
  return html`<div class="head"><h1>Cluster</h1><span class="hint">${engine === "ray" ? "Ray" : "this machine"}</span></div>
    ${error && html`<${Trouble} problem=${{ title: error }} kind="warn" />`}
    <div class="stats" style=${{ marginTop: 0, marginBottom: "24px" }}>${stats.map(([value, name]) => html`<div class="stat" key=${name}><b>${value}</b><span>${name}</span></div>`)}</div>
    <div class="stack">
      ${machines.length > 0 && html`<div class="card scroll" style=${{ padding: "4px 18px" }} tabindex="0" role="region" aria-label="Machines"><table><caption class="sr">${many(machines.length, "machines")}</caption>
        <thead><tr><th scope="col">Machine</th><th scope="col">Cores</th><th scope="col">GPUs</th></tr></thead>
        <tbody>${machines.map((machine) => html`<tr key=${machine.name}><td><span class="mono any">${machine.name}</span>${machine.head && html` <span class="chip"><span>head</span></span>`}</td>
          <td><${Use} used=${machine.cpus_used} all=${machine.cpus} name="Cores" machine=${machine.name} /></td><td><${Use} used=${machine.gpus_used} all=${machine.gpus} name="GPUs" machine=${machine.name} /></td></tr>`)}</tbody></table></div>`}
      ${waits.length > 0 && html`<${List} title="What the autoscaler waits for" lines=${waits} />`}
      ${problems.length > 0 && html`<${List} title="Why machines did not start" lines=${problems} />`}
    </div>`;
}
