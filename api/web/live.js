// What is on screen, asked for again every few seconds while somebody looks.

import { ask, Refused } from "./client.js";

const EVERY_MS = 5_000;
const DENIED = [401, 403];

export class Live {
  #watched = [];
  #round = new AbortController();
  #timer;

  // status(body): how the service is; lost(error): it does not answer; denied(): it wants another token.
  constructor({ status, lost, denied }) {
    this.status = { url: "api/v1/status", show: status };
    this.lost = lost;
    this.denied = denied;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.now();
    });
  }

  // From now on this is on screen: requests as { url, show(body), failed(error) }.
  watch(requests) {
    this.#watched = requests;
    this.now();
  }

  // Ask at once; answers on their way are not waited for.
  async now() {
    clearTimeout(this.#timer);
    this.#round.abort();
    this.#round = new AbortController();
    const { signal } = this.#round;
    if (!document.hidden) {
      const asked = [this.status, ...this.#watched].map((request) => this.#ask(request, signal));
      const failed = (await Promise.all(asked)).filter(Boolean);
      if (signal.aborted) return;
      const refused = failed.find((error) => DENIED.includes(error.status));
      if (refused) {
        this.denied(refused);
        return; // until there is another token
      }
      this.lost(failed[0] ?? null);
    }
    this.#timer = setTimeout(() => this.now(), EVERY_MS);
  }

  // Why there is no answer, null if there is one.
  async #ask(request, signal) {
    let answer;
    try {
      answer = await ask(request.url, { etag: request.etag, signal });
    } catch (error) {
      if (signal.aborted) return null;
      if (error instanceof Refused && !DENIED.includes(error.status) && error.status < 500) {
        request.etag = undefined;
        request.failed?.(error);
        return null;
      }
      return error;
    }
    if (answer && !signal.aborted) {
      request.etag = answer.etag;
      request.show(answer.body);
    }
    return null;
  }
}
