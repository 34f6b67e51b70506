/** Asks the HTTP listener of a PolyMQ, whose answers are JSON and whose errors say what to do. */
import type { DriverContext } from '../../driver/driver.ts';
import { type ClientErrorCode, PolymqError } from '../../errors.ts';

const CODES: Readonly<Record<string, ClientErrorCode>> = {
  'unknown-queue': 'not-found',
  'unknown-stream': 'not-found',
  'not-found': 'unsupported',
  'unknown-host': 'access-refused',
  'bad-body': 'invalid-argument',
  'bad-query': 'invalid-argument',
  'body-too-large': 'message-too-large',
  'version-conflict': 'version-conflict',
};

export interface HttpRequest {
  readonly path: string;
  /** Of a `POST`. */
  readonly body?: unknown;
  /** How long the server may take beyond the usual, for answers that wait. */
  readonly waitMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export class PolymqHttp {
  readonly #base: URL;
  readonly #context: DriverContext;

  constructor(base: URL, context: DriverContext) {
    this.#base = base;
    this.#context = context;
  }

  /** `what` is for errors: `looking into queue "a"`. */
  async ask(what: string, request: HttpRequest): Promise<Record<string, unknown>> {
    const response = await this.#fetch(what, request);
    const answer = await this.#json(what, response);
    if (response.ok) return answer;
    const { code = '', message = `status ${response.status}` } = (answer['error'] ?? {}) as {
      code?: string;
      message?: string;
    };
    throw new PolymqError(CODES[code] ?? 'engine-failed', `${what} failed: ${message}`, {
      cause: answer,
    });
  }

  async #fetch(what: string, { path, body, waitMs, signal }: HttpRequest): Promise<Response> {
    const limit = AbortSignal.timeout(this.#context.timeoutMs + (waitMs ?? 0));
    const init: RequestInit = {
      signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
    };
    if (body !== undefined) {
      init.method = 'POST';
      init.headers = { 'content-type': 'application/json' };
      init.body = JSON.stringify(body);
    }
    try {
      return await fetch(new URL(path, this.#base), init);
    } catch (cause) {
      throw new PolymqError(
        limit.aborted ? 'timeout' : 'disconnected',
        `${what}: the HTTP listener at ${this.#base.origin} cannot be reached; start PolyMQ with it (--listen http://…), or say which port it has: polymq://…?http=PORT`,
        { cause },
      );
    }
  }

  async #json(what: string, response: Response): Promise<Record<string, unknown>> {
    try {
      return (await response.json()) as Record<string, unknown>;
    } catch (cause) {
      throw new PolymqError(
        'engine-failed',
        `${what}: ${this.#base.origin} answered something else than JSON (status ${response.status}); is that a PolyMQ?`,
        { cause },
      );
    }
  }
}
