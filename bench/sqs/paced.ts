/**
 * A steady rate of single messages to long polls that wait, and the time from when each message was due to when it
 * came. A message that is late because all senders are busy counts from when it was due.
 *
 *   timer ─► due numbers ─► senders ─► queue ─► pollers (ask again at once) ─► deleters, in tens
 */
import type { HttpWire } from '../../packages/polymq/test/support/http-wire.ts';
import { hasFailures, type ReceiveReader } from './answers.ts';
import type { Ledger } from './ledger.ts';
import type { DeleteRequests, NumberedRequest } from './requests.ts';

export interface PacedOptions {
  senders: readonly { wire: HttpWire; request: NumberedRequest }[];
  pollers: readonly HttpWire[];
  /** Each with requests of its own: they are in use until they are answered. */
  deleters: readonly { wire: HttpWire; requests: DeleteRequests }[];
  receive: Buffer;
  reader: ReceiveReader;
  ledger: Ledger;
  ratePerSecond: number;
  onFailure(error: Error): void;
}

const TICK_MS = 1;
const OK = 200;
const DELETES_MAX = 10;
/** Times are kept of so many messages: minutes of them. */
const TIMES = 1 << 18;

export class Paced {
  readonly #options: PacedOptions;
  readonly #dueAtMs = new Float64Array(TIMES);
  readonly #handles: Buffer[] = [];
  #timer: NodeJS.Timeout | undefined;
  #startMs = 0;
  #stopped = true;

  constructor(options: PacedOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopped = false;
    for (const wire of this.#options.pollers) this.#poll(wire);
    this.#startMs = performance.now();
    this.#timer = setInterval(() => this.#pump(), TICK_MS);
  }

  /** No more messages; polls go on until all has come. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  #pump(): void {
    const { senders, ledger, ratePerSecond } = this.#options;
    if (this.#stopped) return;
    const due = Math.floor(((performance.now() - this.#startMs) * ratePerSecond) / 1000);
    for (const sender of senders) {
      if (ledger.begun >= due) return;
      if (!sender.wire.waiting) this.#send(sender);
    }
  }

  #send({ wire, request }: { wire: HttpWire; request: NumberedRequest }): void {
    const { ledger, ratePerSecond } = this.#options;
    const number = ledger.begun;
    request.write(0, number, ledger.groupOf(number));
    ledger.begin(number);
    this.#dueAtMs[number & (TIMES - 1)] = this.#startMs + ((number + 1) * 1000) / ratePerSecond;
    wire.request(request.bytes, (status, bytes, start, end) => {
      if (!this.#ok('sending', status, bytes, start, end)) return;
      ledger.sent += 1;
      this.#pump();
    });
  }

  #poll(wire: HttpWire): void {
    const { receive, reader, ledger } = this.#options;
    wire.request(receive, (status, bytes, start, end) => {
      if (!this.#ok('receiving', status, bytes, start, end)) return;
      const nowMs = performance.now();
      try {
        for (const { number, handle } of reader.read(bytes, start, end)) {
          ledger.receive(number);
          ledger.latencies.add(nowMs - this.#dueAtMs[number & (TIMES - 1)]!);
          this.#handles.push(handle);
        }
      } catch (error) {
        this.#options.onFailure(error as Error);
        return;
      }
      this.#poll(wire);
      this.#delete();
    });
  }

  #delete(): void {
    const deleter = this.#options.deleters.find(({ wire }) => !wire.waiting);
    if (!deleter || this.#handles.length === 0) return;
    const handles = this.#handles.splice(0, DELETES_MAX);
    deleter.wire.request(deleter.requests.write(handles), (status, bytes, start, end) => {
      if (!this.#ok('deleting', status, bytes, start, end)) return;
      this.#options.ledger.deleted += handles.length;
      this.#delete();
    });
  }

  #ok(what: string, status: number, bytes: Buffer, start: number, end: number): boolean {
    this.#options.ledger.requests += 1;
    if (status === OK && !(what === 'deleting' && hasFailures(bytes, start, end))) return true;
    const answer = bytes.toString('utf8', start, end);
    this.#options.onFailure(new Error(`${what} was answered ${status} ${answer}`));
    return false;
  }
}
