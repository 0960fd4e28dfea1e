// The frames of a video that one of them is chosen from, to be previewed.
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { post } from "./api.js";
import { position } from "./format.js";
import * as paths from "./paths.js";

/** One frame a shot of a source: null until they are known, and where it has none. */
export function useMoments(source) {
  const [found, setFound] = useState({});
  useEffect(() => {
    if (!source) return;
    const stop = new AbortController();
    post(paths.moments(), { source, scorer: "identity" }, stop.signal)
      .then((told) => setFound({ source, told }))
      // What is wrong with a source is told beside it.
      .catch(() => {});
    return () => stop.abort();
  }, [source]);
  return found.source === source && found.told?.moments.length > 1 ? found.told : null;
}

export function Moments({ moments, at, disabled, onPick }) {
  return html`<div class="moments" role="group" aria-label="The frame to preview">
    ${moments.map((each) => html`<button type="button" key=${each.at} aria-pressed=${String(each.at === at)} disabled=${disabled}
      aria-label=${`The frame at ${position(each.at)}`} onClick=${() => onPick(each.at)}>
      <img src=${`data:image/jpeg;base64,${each.picture}`} alt="" /><span>${position(each.at)}</span></button>`)}
  </div>`;
}
