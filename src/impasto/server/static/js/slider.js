// Before and after: two pictures, or two videos, over each other, with an edge that moves.
import { html, useState } from "../vendor/htm-preact.js";
import { Icon } from "./ui.js";

/**
 * `before` makes its node from a style: a copy of one node would count as unchanged.
 *
 * The edge is a range input over everything, so it is dragged, tapped and moved by arrow keys
 * without a line of code for it.
 */
export function Compare({ before, after, ratio, tags = ["Source", "Painted"] }) {
  const [at, setAt] = useState(50);
  return html`<div class="compare" style=${{ aspectRatio: ratio || "16 / 9", "--ratio": ratio || "16 / 9" }}>
    ${after}
    ${before({ clipPath: `inset(0 ${100 - at}% 0 0)` })}
    <input type="range" min="0" max="100" step="0.5" value=${at} aria-label="Edge between source and result"
      aria-valuetext=${`${Math.round(at)} percent of the source shown`} onInput=${(event) => setAt(Number(event.target.value))} />
    <div class="edge" style=${{ left: `${at}%` }}><${Icon} name="sides" /></div>
    <span class="tag left" style=${{ opacity: at > 14 ? 1 : 0 }}>${tags[0]}</span>
    <span class="tag right" style=${{ opacity: at < 86 ? 1 : 0 }}>${tags[1]}</span>
  </div>`;
}

/** Two pictures; each stays until the next one has loaded, so that scrubbing does not flicker. */
export function ComparePictures({ before, after, ratio, onShape, tags }) {
  const shape = (event) => onShape?.(`${event.target.naturalWidth} / ${event.target.naturalHeight}`);
  return html`<${Compare} ratio=${ratio} tags=${tags}
    before=${(style) => html`<img class="pane" style=${style} src=${before} alt="The source" decoding="async" draggable=${false} onLoad=${shape} />`}
    after=${html`<img class="pane" src=${after} alt="The result" decoding="async" draggable=${false} />`} />`;
}
