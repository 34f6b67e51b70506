/** Streams of events of a PolyMQ server, over its HTTP listener. */
import type { EventLogDriver, StoredEvent } from '../../driver/driver.ts';
import { type ClientErrorCode, PolymqError } from '../../errors.ts';
import type { WireMessage } from '../../message/wire-message.ts';

/** One request to the server's HTTP listener: JSON in, JSON out. Rejects with `PolymqError` if there is no answer. */
export type HttpCall = (
  method: 'GET' | 'POST',
  path: string,
  options?: { readonly body?: unknown; readonly signal?: AbortSignal | undefined },
) => Promise<{ readonly status: number; readonly json: unknown }>;

/** The server waits no longer than this. */
const WAIT_MS_MAX = 20_000;

const CODES: Readonly<Record<string, ClientErrorCode>> = {
  'version-conflict': 'version-conflict',
  'invalid-request': 'invalid-argument',
  'invalid-name': 'invalid-argument',
  'invalid-config': 'invalid-argument',
  'offset-out-of-range': 'invalid-argument',
  'message-too-large': 'message-too-large',
  'body-too-large': 'message-too-large',
  'storage-full': 'storage-full',
  'unknown-stream': 'not-found',
  'not-found': 'unsupported',
  'unknown-host': 'access-refused',
  stopping: 'disconnected',
};

interface EventJson extends Omit<StoredEvent, 'body'> {
  readonly body: string;
}

export class PolymqEventLog implements EventLogDriver {
  readonly #call: HttpCall;
  /** Ms, as the client's clock counts. */
  readonly #nowMs: () => number;

  constructor(call: HttpCall, nowMs: () => number) {
    this.#call = call;
    this.#nowMs = nowMs;
  }

  async append(
    store: string,
    stream: string,
    events: readonly WireMessage[],
    expected: number | undefined,
  ): Promise<{ readonly version: number; readonly position: string }> {
    const body = { expected, events: events.map(eventJson) };
    const what = `append to the event stream "${stream}" of "${store}"`;
    return this.#ask(what, 'POST', streamPath(store, stream), { body });
  }

  async version(store: string, stream: string): Promise<number> {
    const what = `look at the event stream "${stream}" of "${store}"`;
    const path = `${streamPath(store, stream)}?max=0`;
    const { version } = await this.#ask<{ version: number }>(what, 'GET', path);
    return version;
  }

  async readStream(
    store: string,
    stream: string,
    fromVersion: number,
    max: number,
  ): Promise<readonly StoredEvent[]> {
    const what = `read the event stream "${stream}" of "${store}"`;
    const query = new URLSearchParams({ from: `${fromVersion}`, max: `${Math.min(max, 10_000)}` });
    const path = `${streamPath(store, stream)}?${query}`;
    const { events } = await this.#ask<{ events: EventJson[] }>(what, 'GET', path);
    return events.map(storedEvent);
  }

  async readAll(
    store: string,
    after: string | undefined,
    options: { readonly max: number; readonly waitMs: number; readonly signal?: AbortSignal },
  ): Promise<readonly StoredEvent[]> {
    const endMs = this.#nowMs() + options.waitMs;
    const { signal } = options;
    for (;;) {
      const leftMs = Math.max(0, endMs - this.#nowMs());
      const query = new URLSearchParams({
        max: `${Math.min(options.max, 10_000)}`,
        waitMs: `${Math.min(WAIT_MS_MAX, Math.trunc(leftMs))}`,
        ...(after !== undefined && { after }),
      });
      const path = `/api/v1/events/${encodeURIComponent(store)}?${query}`;
      const found = await this.#askUnless(signal, `read the event store "${store}"`, path);
      if (found.length > 0 || leftMs === 0 || signal?.aborted === true) return found;
    }
  }

  async #askUnless(
    signal: AbortSignal | undefined,
    what: string,
    path: string,
  ): Promise<readonly StoredEvent[]> {
    if (signal?.aborted === true) return [];
    try {
      const { events } = await this.#ask<{ events: EventJson[] }>(what, 'GET', path, { signal });
      return events.map(storedEvent);
    } catch (error: unknown) {
      // The caller has stopped waiting; the request that was cut off is no failure.
      if ((signal as AbortSignal | undefined)?.aborted === true) return [];
      throw error;
    }
  }

  async #ask<T>(what: string, ...request: Parameters<HttpCall>): Promise<T> {
    const { status, json } = await this.#call(...request);
    if (status === 200) return json as T;
    const { error } = (json ?? {}) as { error?: { code?: string; message?: string } };
    const code = CODES[error?.code ?? ''] ?? 'engine-failed';
    const reason = error?.message ?? `the server answered ${status}`;
    throw new PolymqError(code, `could not ${what}: ${reason}`);
  }
}

function streamPath(store: string, stream: string): string {
  return `/api/v1/events/${encodeURIComponent(store)}/streams/${encodeURIComponent(stream)}`;
}

function eventJson(event: WireMessage): EventJson | object {
  const { id, body, contentType, type, headers, timestampMs, correlationId, replyTo } = event;
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64');
  return { id, contentType, type, headers, timestampMs, correlationId, replyTo, body: text };
}

function storedEvent(event: EventJson): StoredEvent {
  return { ...event, body: Buffer.from(event.body, 'base64') };
}
