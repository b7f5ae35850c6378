// HTTP requests to the service, with the bearer token and with ETags, so that nothing is sent twice.

const TOKEN = "heapster-stream.token";
const TIMEOUT_MS = 10_000;
let clockOffset_ms = 0; // the service's clock minus the browser's

// The service's time. Ages are computed with the service's clock: the browser's may be wrong.
export const now_ms = () => Date.now() + clockOffset_ms;

export class Refused extends Error {
  constructor(status, text) {
    super(text || `HTTP ${status}`);
    this.status = status;
  }
}

export function useToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

export const hasToken = () => sessionStorage.getItem(TOKEN) !== null;

// Returns { body, etag }, or null if the etag still matches. Throws Refused for an HTTP error,
// any other error if there was no answer.
export async function ask(path, { etag, signal } = {}) {
  const headers = { Accept: "application/json" };
  const token = sessionStorage.getItem(TOKEN);
  if (token) headers.Authorization = `Bearer ${token}`;
  if (etag) headers["If-None-Match"] = etag;
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const began_ms = Date.now();
  const answer = await fetch(path, {
    headers,
    cache: "no-store",
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  });
  const date_ms = Date.parse(answer.headers.get("Date") ?? "");
  const middle_ms = (began_ms + Date.now()) / 2;
  // The header has whole seconds, so a difference below two seconds is ignored.
  if (!Number.isNaN(date_ms)) clockOffset_ms = Math.abs(date_ms - middle_ms) > 2000 ? date_ms - middle_ms : 0;
  if (answer.status === 304) return null;
  if (!answer.ok) throw new Refused(answer.status, (await answer.text()).trim());
  return { body: await answer.json(), etag: answer.headers.get("ETag") };
}
