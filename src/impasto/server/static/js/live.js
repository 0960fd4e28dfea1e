// The one stream of events of a page: browsers allow six connections to a host, for all tabs.
import { get, refreshSession, session } from "./api.js";
import * as paths from "./paths.js";
import { Store } from "./store.js";

/** Jobs by id; null until the first list is there. */
export const jobs = new Store(null);
/** connecting, live or away */
export const line = new Store("connecting");
/** What is known of the job that is looked at. */
export const followed = new Store(null);

const MOST_LINES = 20_000;
const IDLE_MS = 60_000;
let stream = null;
let wanted = "";
let retry = 0;
let idle = 0;
let stale = false;

function fresh(id) {
  return { job: id, detail: null, error: null, shards: new Map(), previews: [], log: [], cut: 0, ended: false, reading: new Set() };
}

function onJobs(said) {
  const map = said.whole ? new Map() : jobs.value ?? new Map();
  for (const row of said.rows) map.set(row.job, row);
  for (const id of said.gone ?? []) map.delete(id);
  jobs.value = map;
  jobs.changed();
  const own = wanted && said.rows.find((row) => row.job === wanted);
  const now = followed.value;
  if (own && now?.detail) {
    now.detail = { ...now.detail, row: own };
    followed.changed();
  }
}

function mergePairs(now, pairs) {
  const known = new Map(now.previews.map((pair) => [pair.item, pair]));
  for (const pair of pairs) known.set(pair.item, pair);
  now.previews = [...known.values()].sort((a, b) => a.item - b.item);
}

const HANDLERS = {
  detail: (now, said) => { now.detail = said; now.error = null; },
  shards: (now, said) => {
    for (const row of said.shards) {
      now.shards.set(row.shard, row);
      // What is being read meanwhile may be older than this.
      for (const newer of now.reading) newer.add(row.shard);
    }
  },
  previews: (now, said) => mergePairs(now, said.pairs),
  log: (now, said) => {
    // Lines are kept in one array; its length tells viewers that it grew.
    now.log.push(...said.lines);
    if (now.log.length > MOST_LINES) now.cut += now.log.splice(0, now.log.length - MOST_LINES).length;
  },
  end: (now) => { now.ended = true; },
};

/** Read what events tell changes of, so that a page is whole after any reconnection. */
async function catchUp(id) {
  const now = followed.value;
  if (!now || now.job !== id) return;
  const newer = new Set();
  now.reading.add(newer);
  const still = () => followed.value === now;
  const [detail, shards, previews] = await Promise.allSettled([
    get(paths.job(id)), get(paths.shards(id)), get(paths.previews(id)),
  ]);
  now.reading.delete(newer);
  if (!still()) return;
  if (detail.status === "fulfilled") { now.detail = detail.value; now.error = null; }
  else if (!now.detail || detail.reason.status === 404) now.error = detail.reason;
  if (shards.status === "fulfilled") {
    for (const row of shards.value.shards) if (!newer.has(row.shard)) now.shards.set(row.shard, row);
  }
  if (previews.status === "fulfilled") mergePairs(now, previews.value.pairs);
  followed.changed();
}

function open() {
  clearTimeout(retry);
  stream?.close();
  stream = null;
  if (!session.value?.role) return;
  const id = wanted;
  // A new stream begins the log anew; only the browser's own reconnection resumes it.
  if (id && followed.value?.job === id) Object.assign(followed.value, { log: [], cut: 0, ended: false });
  stream = new EventSource(id ? `${paths.events()}?job=${encodeURIComponent(id)}` : paths.events());
  const mine = stream;
  mine.onopen = () => {
    line.set("live");
    if (id) catchUp(id);
  };
  mine.onerror = () => {
    line.set("away");
    if (mine.readyState === EventSource.CLOSED && mine === stream) {
      refreshSession();
      retry = setTimeout(open, 3000);
    }
  };
  mine.addEventListener("jobs", (event) => onJobs(JSON.parse(event.data)));
  for (const [kind, handle] of Object.entries(HANDLERS)) {
    mine.addEventListener(kind, (event) => {
      const now = followed.value;
      if (!now || now.job !== id) return;
      handle(now, JSON.parse(event.data));
      followed.changed();
    });
  }
}

/** Follow one job besides the list; "" follows the list alone. */
export function follow(id) {
  if (id === wanted && stream) return;
  wanted = id;
  followed.set(id ? fresh(id) : null);
  open();
  // A proxy may hold events back; the page shows what there is all the same.
  if (id) setTimeout(() => wanted === id && !followed.value?.detail && catchUp(id), 1500);
}

/** Put a row there that an action answered, without waiting for its event. */
export function noteRow(row) {
  onJobs({ rows: [row], whole: false });
}

export function stop() {
  clearTimeout(retry);
  stream?.close();
  stream = null;
  jobs.set(null);
  followed.set(null);
  wanted = "";
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(idle);
  if (document.hidden) {
    idle = setTimeout(() => { stream?.close(); stream = null; stale = true; }, IDLE_MS);
  } else if (stale) {
    stale = false;
    open();
  }
});
