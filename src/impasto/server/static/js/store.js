// Values that components watch. A change redraws at most once per frame.
import { useEffect, useState } from "../vendor/htm-preact.js";

export class Store {
  constructor(value) {
    this.value = value;
    this.watchers = new Set();
    this.due = false;
    this.version = 0;
  }

  set(value) {
    if (value === this.value) return;
    this.value = value;
    this.changed();
  }

  /** Tell watchers; also of what changed inside a value. */
  changed() {
    this.version += 1;
    if (this.due) return;
    this.due = true;
    const run = () => {
      this.due = false;
      for (const watcher of [...this.watchers]) watcher(this.value);
    };
    // Hidden pages get no frames, but must not pile changes up.
    if (document.hidden) setTimeout(run, 200);
    else requestAnimationFrame(run);
  }

  watch(watcher) {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }
}

/** Redraw a component when a store changes; returns the store's value. */
export function useStore(store) {
  const [, redraw] = useState(0);
  const drawn = store.version;
  useEffect(() => {
    const again = () => redraw((n) => n + 1);
    // Effects run after the paint, and the store may have changed before.
    if (store.version !== drawn) again();
    return store.watch(again);
  }, [store]);
  return store.value;
}

/** Redraw a component every so many seconds, for what counts up by itself. */
export function useTick(seconds) {
  const [, redraw] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && redraw((n) => n + 1), seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds]);
}

/** Load something once per key: {value, error, loading, reload}. */
export function useLoad(load, keys) {
  const [state, setState] = useState({ loading: true });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    setState((old) => ({ ...old, loading: true }));
    load(stop.signal).then(
      (value) => !stop.signal.aborted && setState({ value, loading: false }),
      (error) => !stop.signal.aborted && setState({ error, loading: false }),
    );
    return () => stop.abort();
  }, [...keys, turn]);
  return { ...state, reload: () => setTurn((n) => n + 1) };
}
