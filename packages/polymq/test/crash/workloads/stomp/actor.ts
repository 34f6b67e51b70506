/** What all clients of the workload are given, and how they live: one connection after the other until the end. */
import type { QueueHistory } from '../../../checker/queue-history.ts';
import type { StompFrame } from '../../../support/stomp-wire.ts';
import { StompFailed, StompWire } from '../../../support/stomp-wire.ts';
import type { SeededRandom } from '../../random.ts';

export interface ActorOptions {
  name: string;
  port: number;
  random: SeededRandom;
  history: QueueHistory;
  nextValue(): string;
  /** So many operations were acknowledged. */
  onDone(count: number): void;
  /** The connection ended, or could not be made. */
  onError(error: unknown): void;
  /** The broker said or did something that it must not. */
  onProblem(problem: string): void;
}

const RECONNECT_MS = 40;
const CONNECT_TIMEOUT_MS = 2000;
const RECEIPTS_MS_MAX = 20_000;

export abstract class Actor {
  protected readonly options: ActorOptions;
  protected stopping = false;
  /** Receipts that have not come. */
  protected pending = 0;
  #ended: Promise<void> | undefined;

  constructor(options: ActorOptions) {
    this.options = options;
  }

  start(): void {
    this.#ended = this.#run();
  }

  /** Resolves when nothing is under way any more. */
  async finish(): Promise<void> {
    this.stopping = true;
    await this.#ended;
  }

  /** One connection, from its beginning to its end. Throws if it was not this side that ended it. */
  protected abstract live(life: number): Promise<void>;

  protected connect(onFrame?: (frame: StompFrame) => void): Promise<StompWire> {
    const { port } = this.options;
    return StompWire.connect({ port, connectTimeoutMs: CONNECT_TIMEOUT_MS, onFrame });
  }

  /** Sends with a receipt, and tells what became of it; the connection itself says why. */
  protected ask(
    wire: StompWire,
    command: string,
    headers: Readonly<Record<string, string>>,
    body: string,
    settled: (done: boolean) => void,
  ): void {
    this.pending += 1;
    wire.request(command, headers, body).then(
      () => {
        this.pending -= 1;
        settled(true);
      },
      () => {
        this.pending -= 1;
        settled(false);
      },
    );
  }

  protected async untilReceived(wire: StompWire): Promise<void> {
    const deadline = Date.now() + RECEIPTS_MS_MAX;
    while (this.pending > 0 && !wire.closed && Date.now() < deadline) await pause(5);
    if (wire.closed) throw wire.closed;
    if (this.pending > 0) this.complain(`no receipt within ${RECEIPTS_MS_MAX} ms`);
  }

  protected complain(problem: string): void {
    this.options.onProblem(`${this.options.name}: ${problem}`);
  }

  async #run(): Promise<void> {
    for (let life = 1; !this.stopping; life += 1) {
      try {
        await this.live(life);
      } catch (error) {
        this.options.onError(error);
        if (error instanceof StompFailed) this.complain(`${error}`);
        await pause(RECONNECT_MS);
      }
    }
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
