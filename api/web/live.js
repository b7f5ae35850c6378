// Polls the requests of the current view every few seconds while the page is visible.

import { ask, Refused } from "./client.js";

const EVERY_MS = 5_000;
const DENIED = [401, 403];

export class Live {
  #watched = [];
  #round = new AbortController();
  #timer;

  // Callbacks: status(body) with the service's status; lost(error) when it does not answer, lost(null) when it does;
  // denied(error) when it asks for another token.
  constructor({ status, lost, denied }) {
    this.status = { url: "api/v1/status", show: status };
    this.lost = lost;
    this.denied = denied;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.now();
    });
  }

  // Sets the requests to poll: { url, show(body), failed(error) }.
  watch(requests) {
    this.#watched = requests;
    this.now();
  }

  // Polls now and aborts the requests in flight.
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
        return; // polling stops until a new token is entered
      }
      this.lost(failed[0] ?? null);
    }
    this.#timer = setTimeout(() => this.now(), EVERY_MS);
  }

  // Returns the error, or null if the service answered.
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
