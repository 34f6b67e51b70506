/**
 * Asks the HTTP listener of a PolyMQ, whose answers are JSON and whose errors say what to do.
 *
 *   ask ─► line ─► at most 16 requests under way, over connections that stay open ─► answer
 *            └──── and at most 16 that wait for something to happen
 *
 * The listener takes few connections, so a client may not open one per request. A request that changes nothing is repeated when its
 * connection was lost; one that does, only if it has certainly not arrived.
 */
import { Agent, request } from 'node:http';
import type { DriverContext } from '../../driver/driver.ts';
import { type ClientErrorCode, PolymqError } from '../../errors.ts';
import { sleep } from '../../lib/clock.ts';
import { Turns } from './turns.ts';

const CODES: Readonly<Record<string, ClientErrorCode>> = {
  'unknown-queue': 'not-found',
  'unknown-stream': 'not-found',
  'not-found': 'unsupported',
  'unknown-host': 'access-refused',
  'bad-body': 'invalid-argument',
  'bad-query': 'invalid-argument',
  'invalid-request': 'invalid-argument',
  'invalid-name': 'invalid-argument',
  'invalid-config': 'invalid-argument',
  'offset-out-of-range': 'invalid-argument',
  'body-too-large': 'message-too-large',
  'message-too-large': 'message-too-large',
  'queue-full': 'queue-full',
  'storage-full': 'storage-full',
  'held-back': 'storage-full',
  'version-conflict': 'version-conflict',
  stopping: 'disconnected',
};

const UNDER_WAY_MAX = 16;
const WAITING_MAX = 16;
const LINE_MAX = 10_000;
/** A request is repeated after 50 ms, 100 ms, … 1.6 s: over a restart of the server. */
const REPEATS = 6;
const REPEAT_FIRST_MS = 50;
/** Nobody listens there. */
const REFUSED = 'ECONNREFUSED';
const LOST: ReadonlySet<string> = new Set([REFUSED, 'ECONNRESET', 'EPIPE', 'ETIMEDOUT']);

export interface HttpRequest {
  readonly path: string;
  /** Of a `POST`; a text is JSON already. */
  readonly body?: unknown;
  /** How long the server may take beyond the usual, for answers that wait. */
  readonly waitMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What the SDK calls an error that the server calls `code`. */
export function clientCode(code: string): ClientErrorCode {
  return CODES[code] ?? 'engine-failed';
}

export class PolymqHttp {
  readonly #base: URL;
  readonly #context: DriverContext;
  readonly #underWay = new Turns(UNDER_WAY_MAX, LINE_MAX);
  readonly #waiting = new Turns(WAITING_MAX, LINE_MAX);
  readonly #agent = new Agent({ keepAlive: true, maxSockets: UNDER_WAY_MAX });
  readonly #waitingAgent = new Agent({ keepAlive: true, maxSockets: WAITING_MAX });

  constructor(base: URL, context: DriverContext) {
    this.#base = base;
    this.#context = context;
  }

  /** `what` is for errors: `looking into queue "a"`. */
  async ask(what: string, request: HttpRequest): Promise<Record<string, unknown>> {
    const { waitMs = 0, signal } = request;
    const limit = AbortSignal.timeout(this.#context.timeoutMs + waitMs);
    const end = signal === undefined ? limit : AbortSignal.any([limit, signal]);
    const turns = waitMs > 0 ? this.#waiting : this.#underWay;
    if (!(await turns.enter(end))) throw this.#noTurn(what, limit);
    try {
      return await this.#ask(what, request, { limit, end });
    } finally {
      turns.leave();
    }
  }

  /** Cuts what is under way, and the connections. */
  close(): void {
    this.#agent.destroy();
    this.#waitingAgent.destroy();
  }

  async #ask(what: string, request: HttpRequest, ends: Ends): Promise<Record<string, unknown>> {
    const { status, text } = await this.#fetch(what, request, ends);
    const answer = this.#json(what, status, text);
    if (status >= 200 && status < 300) return answer;
    const { code = '', message = `status ${status}` } = (answer['error'] ?? {}) as {
      code?: string;
      message?: string;
    };
    throw new PolymqError(clientCode(code), `${what} failed: ${message}`, { cause: answer });
  }

  async #fetch(what: string, asked: HttpRequest, ends: Ends): Promise<Answer> {
    const { path, body, waitMs = 0 } = asked;
    const agent = waitMs > 0 ? this.#waitingAgent : this.#agent;
    const url = new URL(path, this.#base);
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    for (let repeat = 0; ; repeat += 1) {
      try {
        return await exchange(url, { agent, signal: ends.end }, text);
      } catch (cause) {
        const code = codeOf(cause);
        const mayRepeat = code === REFUSED || (body === undefined && LOST.has(code));
        if (ends.end.aborted || !mayRepeat || repeat === REPEATS) {
          throw this.#failed(what, cause, ends.limit);
        }
        await sleep(this.#context.clock, REPEAT_FIRST_MS * 2 ** repeat, ends.end);
      }
    }
  }

  #failed(what: string, cause: unknown, limit: AbortSignal): PolymqError {
    const { origin } = this.#base;
    if (codeOf(cause) === REFUSED || limit.aborted) {
      return new PolymqError(
        limit.aborted ? 'timeout' : 'disconnected',
        `${what}: the HTTP listener at ${origin} cannot be reached; start PolyMQ with it (--listen http://…), or say which port it has: polymq://…?http=PORT`,
        { cause },
      );
    }
    const text = `${what}: the connection to ${origin} was lost; it may have been done or not, so look, or do it again`;
    return new PolymqError('disconnected', text, { cause });
  }

  #noTurn(what: string, limit: AbortSignal): PolymqError {
    return new PolymqError(
      limit.aborted ? 'timeout' : 'engine-failed',
      `${what}: ${UNDER_WAY_MAX} requests to ${this.#base.origin} are under way, and others wait; wait for answers before asking for more`,
    );
  }

  #json(what: string, status: number, text: string): Record<string, unknown> {
    try {
      return JSON.parse(text) as Record<string, unknown>;
    } catch (cause) {
      throw new PolymqError(
        'engine-failed',
        `${what}: ${this.#base.origin} answered something else than JSON (status ${status}); is that a PolyMQ?`,
        { cause },
      );
    }
  }
}

/** When a request is given up: by its time, or that or by its caller. */
interface Ends {
  readonly limit: AbortSignal;
  readonly end: AbortSignal;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

function exchange(
  url: URL,
  options: { readonly agent: Agent; readonly signal: AbortSignal },
  body: string | undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const more = body === undefined ? {} : { method: 'POST', headers };
    const sent = request(url, { ...options, ...more }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(pieces).toString('utf8');
        resolve({ status: response.statusCode ?? 0, text });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}
