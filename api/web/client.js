// Questions to the service: with the token, if one is needed, and never the same answer twice.

const TOKEN = "heapster-stream.token";
const TIMEOUT_MS = 10_000;
let clockOffset_ms = 0; // the service's clock minus ours

// The service's time: ages are counted with its clock, ours may be wrong.
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

// The answer as { body, etag }, or null if it is the one of that etag still. Throws Refused; anything else: no answer.
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
  // The header has whole seconds; a difference below two is none.
  if (!Number.isNaN(date_ms)) clockOffset_ms = Math.abs(date_ms - middle_ms) > 2000 ? date_ms - middle_ms : 0;
  if (answer.status === 304) return null;
  if (!answer.ok) throw new Refused(answer.status, (await answer.text()).trim());
  return { body: await answer.json(), etag: answer.headers.get("ETag") };
}
