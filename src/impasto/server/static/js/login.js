// Who comes in: by a token, pasted or in the link that the service prints.
import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { login } from "./api.js";
import { Mark, Trouble } from "./ui.js";

// Brush strokes: x, y, length, bend, width, colour, opacity.
const PAINT = [
  [-40, 90, 900, -70, 120, "#2f3bb8", 0.95], [-60, 230, 980, 60, 130, "#4a57d6", 0.9],
  [40, 330, 860, -50, 84, "#8fa0ee", 0.9], [-80, 420, 760, 40, 110, "#e9b44c", 0.95],
  [260, 470, 700, -40, 74, "#f4d58d", 0.9], [-40, 560, 960, 50, 130, "#c8553d", 0.92],
  [120, 660, 800, -60, 96, "#8c2f39", 0.92], [-60, 760, 980, 40, 140, "#2d3142", 0.95],
  [80, 880, 900, -30, 130, "#20233a", 1],
];

function Stroke({ stroke: [x, y, length, bend, width, colour, opacity] }) {
  // Bristles: thin lines beside each other, a little out of step.
  const hairs = Array.from({ length: Math.round(width / 7) }, (_, at) => {
    const wave = Math.sin(at * 12.9898 + y) * 43758.5453;
    const chance = wave - Math.floor(wave);
    const down = y + at * 7 - width / 2;
    const from = x + chance * 70;
    const until = x + length - (1 - chance) * 130;
    return html`<path key=${at} d=${`M${from} ${down}Q${(from + until) / 2} ${down + bend} ${until} ${down + bend * 0.2}`}
      stroke-width=${8 + chance * 7} opacity=${opacity * (0.62 + chance * 0.38)} />`;
  });
  return html`<g fill="none" stroke=${colour} stroke-linecap="round">${hairs}</g>`;
}

export function Login() {
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const field = useRef();
  useEffect(() => { document.title = "Log in · Impasto"; field.current.focus(); }, []);
  const submit = async (event) => {
    event.preventDefault();
    const token = field.current.value.trim();
    if (!token) return;
    setBusy(true);
    setProblem(null);
    try { await login(token); } catch (error) {
      setProblem(error);
      setBusy(false);
      field.current.select();
    }
  };
  return html`<main class="login">
    <form class="login-form" onSubmit=${submit}>
      <div class="brand"><${Mark} />Impasto</div>
      <h1>Films, painted<br />frame by frame.</h1>
      <div class="field">
        <label for="token">Token</label>
        <input id="token" type="password" ref=${field} autocomplete="current-password" spellcheck=${false} placeholder="imp_…"
          aria-describedby="token-help" required />
        <span class="hint" id="token-help">The service's first start prints a link that logs you in. Administrators make further tokens.</span>
      </div>
      <div><button class="button primary big" disabled=${busy}>${busy ? html`<span class="spin"></span>` : null}Log in</button></div>
      <${Trouble} problem=${problem} />
    </form>
    <div class="login-art" aria-hidden="true">
      <svg viewBox="0 0 800 900" preserveAspectRatio="xMidYMid slice">${PAINT.map((stroke, at) => html`<${Stroke} key=${at} stroke=${stroke} />`)}</svg>
    </div>
  </main>`;
}
