// Numbers and names as people read them.
const plain = new Intl.NumberFormat("en");
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const number = (value) => plain.format(value);

export function duration(seconds) {
  if (seconds == null || !Number.isFinite(seconds)) return "–";
  if (seconds < 10) return `${seconds < 1 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min${minutes < 10 ? ` ${Math.floor(seconds % 60)} s` : ""}`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${Math.floor(hours / 24)} days`;
}

export function ago(at) {
  if (!at) return "";
  const seconds = Date.now() / 1000 - at;
  if (seconds < 45) return "just now";
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 86400) return `${Math.round(seconds / 3600)} h ago`;
  if (seconds < 86400 * 7) return `${Math.round(seconds / 86400)} d ago`;
  return day.format(new Date(at * 1000));
}

export const when = (at) => (at ? moment.format(new Date(at * 1000)) : "");
export const clock = (at) => time.format(new Date(at * 1000));

/** A position in a clip: 1:04.2 */
export function position(seconds) {
  const whole = Math.max(0, seconds);
  const minutes = Math.floor(whole / 60);
  return `${minutes}:${(whole % 60).toFixed(1).padStart(4, "0")}`;
}

export function bytes(size) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let value = size;
  while (value >= 1000 && unit < units.length - 1) { value /= 1000; unit += 1; }
  return `${unit && value < 100 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function rate(row) {
  if (!row.rate) return "";
  const value = row.rate < 10 ? row.rate.toFixed(1) : number(Math.round(row.rate));
  return row.noun === "frames" ? `${value} fps` : `${value} ${row.noun}/s`;
}

export function singular(noun) {
  return noun.replace(/s$/, "");
}

/** Count things: 1 shard, 2 shards. */
export const many = (count, noun) => `${number(count)} ${count === 1 ? singular(noun) : noun}`;

/** The last part of a place: only http and file URLs are encoded, and any other text is as it is. */
export function baseName(url) {
  const [, scheme = ""] = url.match(/^([a-z][a-z0-9+.-]*):\/\//i) ?? [];
  const web = /^https?$/i.test(scheme);
  const path = (web ? url.split("?")[0] : url).replace(/\/+$/, "");
  const last = path.slice(path.lastIndexOf("/") + 1);
  if (!web && scheme.toLowerCase() !== "file") return last || url;
  try { return decodeURIComponent(last) || url; } catch { return last || url; }
}

export const titleOf = (row) => baseName(row.output || row.source || "") || row.job;

/** How a job's state reads. */
export function stateWord(row) {
  if (row.state !== "running") return row.state;
  return row.stage && row.stage !== "scoring" ? row.stage : "running";
}

/** A fraction as the API writes it: "5/2" or 2.5. */
export function fraction(value) {
  if (value == null) return null;
  const [top, bottom = "1"] = String(value).split("/");
  return Number(top) / Number(bottom);
}
