/**
 * Sends whose ids the broker shall know, over HTTP, since AMQP has no word for that.
 *
 *   send ─► line of the queue ─► one request at a time, with all that waits (up to 1000 messages, 12 MiB) ─► outcomes
 *
 * Messages for a queue leave in the order in which they were given, however many calls are under way. A request whose answer is
 * lost is not repeated: its messages may be stored, and who sends them again learns that they are duplicates.
 */
import type { SendOutcome } from '../../driver/driver.ts';
import { PolymqError, UnsupportedError } from '../../errors.ts';
import type { OutgoingMessage } from '../../message/wire-message.ts';
import type { Link } from '../amqp/link.ts';
import { REPLY_TO } from '../amqp/names.ts';
import { clientCode, type PolymqHttp } from './http.ts';

const MESSAGES_MAX = 1_000;
/** Of JSON; the server takes 16 MiB. A single message may have more, and be refused there. */
const REQUEST_BYTES_MAX = 12 * 1024 * 1024;
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** What the server takes. */
const TEXT_LENGTH_MAX = 16 * 1024;
const DEDUPE_LENGTH_MAX = 1024;

interface Entry {
  /** JSON. */
  readonly text: string;
  readonly bytes: number;
  done(outcome: SendOutcome): void;
}

export class DedupedSends {
  readonly #http: PolymqHttp;
  readonly #link: Link;
  readonly #pathOf: (queue: string) => string;
  /** By queue; a line is there while somebody serves it. */
  readonly #lines = new Map<string, Entry[]>();
  #bytes = 0;

  constructor(http: PolymqHttp, link: Link, pathOf: (queue: string) => string) {
    this.#http = http;
    this.#link = link;
    this.#pathOf = pathOf;
  }

  send(queue: string, messages: readonly OutgoingMessage[]): Promise<readonly SendOutcome[]> {
    return Promise.all(messages.map((message) => this.#add(queue, message)));
  }

  #add(queue: string, message: OutgoingMessage): Promise<SendOutcome> {
    const error = problemOf(queue, message);
    if (error !== undefined) return Promise.resolve({ error });
    const text = JSON.stringify(jsonOf(message));
    const bytes = Buffer.byteLength(text);
    if (this.#bytes > 0 && this.#bytes + bytes > WAITING_BYTES_MAX) {
      return Promise.resolve({ error: tooMuch(this.#bytes) });
    }
    this.#bytes += bytes;
    return new Promise((done) => {
      const entry = { text, bytes, done };
      const line = this.#lines.get(queue);
      if (line !== undefined) line.push(entry);
      else {
        const opened = [entry];
        this.#lines.set(queue, opened);
        // What is sent in the same turn goes with it.
        setImmediate(() => void this.#serve(queue, opened));
      }
    });
  }

  async #serve(queue: string, line: Entry[]): Promise<void> {
    while (line.length > 0) {
      const entries = line.splice(0, nextCount(line));
      const outcomes = await this.#request(queue, entries);
      for (const [index, { bytes, done }] of entries.entries()) {
        this.#bytes -= bytes;
        done(outcomes[index]!);
      }
    }
    this.#lines.delete(queue);
  }

  async #request(queue: string, entries: readonly Entry[]): Promise<readonly SendOutcome[]> {
    const what = `sending to queue "${queue}"`;
    const body = `{"messages":[${entries.map(({ text }) => text).join(',')}]}`;
    try {
      await this.#link.ready(what);
      const answer = await this.#http.ask(what, { path: this.#pathOf(queue), body });
      const sent = answer['messages'] as readonly SentJson[];
      return entries.map((_, index) => outcomeOf(what, sent[index]));
    } catch (error) {
      return entries.map(() => ({ error: error as PolymqError }));
    }
  }
}

/** How many of those that wait go together: at least one. */
function nextCount(line: readonly Entry[]): number {
  let bytes = 0;
  let count = 0;
  for (const entry of line) {
    bytes += entry.bytes;
    if (count === MESSAGES_MAX || (count > 0 && bytes > REQUEST_BYTES_MAX)) break;
    count += 1;
  }
  return count;
}

interface SentJson {
  readonly duplicate?: boolean;
  readonly error?: { readonly code: string; readonly message: string };
}

function outcomeOf(what: string, sent: SentJson | undefined): SendOutcome {
  if (sent?.duplicate !== undefined) return { duplicate: sent.duplicate };
  const { code = '', message = 'the server has not said what became of it' } = sent?.error ?? {};
  return { error: new PolymqError(clientCode(code), `${what} failed: ${message}`) };
}

function jsonOf(message: OutgoingMessage): object {
  const { id, body, contentType, type, headers, key, timestampMs, correlationId } = message;
  const { replyTo, priority, dedupe, delayMs, ttlMs } = message;
  return {
    ...{ id, contentType, type, headers, key, correlationId, replyTo, priority, dedupe },
    timestampMs: Math.max(0, Math.floor(timestampMs)),
    delayMs: delayMs === undefined ? undefined : Math.max(0, Math.ceil(delayMs)),
    ttlMs: ttlMs === undefined ? undefined : Math.ceil(ttlMs),
    body: Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64'),
  };
}

/** The server would refuse the others of the request, too. */
function problemOf(queue: string, message: OutgoingMessage): PolymqError | undefined {
  const { id, contentType, type, correlationId, replyTo, key, dedupe = '' } = message;
  if (replyTo === REPLY_TO) {
    const advice = 'leave out dedupe, or have the answer sent to a queue';
    return new UnsupportedError('PolyMQ', 'dedupe together with a direct reply', advice);
  }
  const texts = Object.entries({ id, contentType, type, correlationId, replyTo, key });
  const long = texts.find(([, text]) => text !== undefined && text.length > TEXT_LENGTH_MAX);
  const name = dedupe.length > DEDUPE_LENGTH_MAX ? 'dedupe' : long?.[0];
  if (name === undefined) return undefined;
  const max = name === 'dedupe' ? DEDUPE_LENGTH_MAX : TEXT_LENGTH_MAX;
  return new PolymqError(
    'invalid-argument',
    `sending to queue "${queue}": ${name} of a message with dedupe may have ${max} characters`,
  );
}

function tooMuch(bytes: number): PolymqError {
  const text = `${bytes} bytes wait in this process to be sent with dedupe; wait for sends to resolve before making more`;
  return new PolymqError('queue-full', text);
}
