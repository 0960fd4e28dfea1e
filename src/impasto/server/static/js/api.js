// Requests, and who makes them.
import * as paths from "./paths.js";
import { Store } from "./store.js";

/** undefined while unknown, null when nobody is logged in. */
export const session = new Store(undefined);
export const ROLES = ["viewer", "submitter", "operator", "admin"];

export function may(role) {
  return !!session.value && ROLES.indexOf(session.value.role) >= ROLES.indexOf(role);
}

/** Why a request failed: the fact, and what to do. */
export class Problem extends Error {
  constructor(status, title, remedy = "") {
    super(title);
    this.status = status;
    this.title = title;
    this.remedy = remedy;
  }
}

async function problemOf(answer) {
  try {
    const said = await answer.json();
    if (said.title) return new Problem(answer.status, said.title, said.remedy);
  } catch { /* a proxy may answer in its own words */ }
  return new Problem(answer.status, `the service answered ${answer.status}`, "try again");
}

export function csrf() {
  return session.value?.csrf ? { "X-Impasto-CSRF": session.value.csrf } : {};
}

async function send(method, url, body, signal) {
  let answer;
  try {
    answer = await fetch(url, {
      method,
      signal,
      headers: {
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...(method === "GET" ? {} : csrf()),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "the service cannot be reached", "check the connection; the page tries again by itself");
  }
  if (answer.status === 401 && url !== paths.session()) session.set(null);
  if (!answer.ok) throw await problemOf(answer);
  return answer.status === 204 ? null : answer.json();
}

export const get = (url, signal) => send("GET", url, undefined, signal);
export const post = (url, body, signal) => send("POST", url, body, signal);
export const remove = (url) => send("DELETE", url);

/** Ask who is logged in; a service that does not answer is asked again. */
export async function refreshSession() {
  try {
    session.set(await get(paths.session()));
  } catch (problem) {
    if (problem.status === 401 || problem.status === 403) session.set(null);
    else setTimeout(refreshSession, 2000);
    if (session.value === undefined && problem.status !== 401) session.set({ away: problem });
  }
}

export async function login(token) {
  await post(paths.session(), { token });
  await refreshSession();
}

export async function logout() {
  await remove(paths.session()).catch(() => {});
  session.set(null);
}

/** Send a file where the service says; fetch() cannot tell how much of a body is sent. */
export async function upload(file, onProgress, signal) {
  const where = await post(paths.uploads(), { name: file.name, bytes: file.size }, signal);
  await new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(where.method, where.url);
    const own = new URL(where.url, location.href).origin === location.origin;
    const headers = { ...where.headers, ...(own ? csrf() : {}) };
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onProgress(event.loaded / Math.max(1, file.size));
    request.onload = () => {
      if (request.status < 300) return resolve();
      let said = {};
      try { said = JSON.parse(request.responseText); } catch { /* a store answers in XML */ }
      reject(new Problem(request.status, said.title ?? `the upload was refused (${request.status})`, said.remedy ?? "try again"));
    };
    request.onerror = () =>
      reject(new Problem(0, "the upload was cut off", own ? "try again" : "try again; the store must allow this page's origin (CORS)"));
    request.onabort = () => reject(new DOMException("aborted", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    request.send(file);
  });
  return where.source;
}
