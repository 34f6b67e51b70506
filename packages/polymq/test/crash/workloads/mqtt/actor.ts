/** What all clients of the workload are given, and how they live: one connection after the other until the end. */
import type { History } from '../../../checker/history.ts';
import { MqttRefused, MqttWire, type MqttWireOptions } from '../../../support/mqtt-wire.ts';
import type { SeededRandom } from '../../random.ts';

export interface ActorOptions {
  name: string;
  port: number;
  random: SeededRandom;
  history: History;
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
/** Not ready yet, or shutting down. */
const SERVER_CODES = new Set([0x03, 0x88, 0x89, 0x8b]);

export abstract class Actor {
  protected readonly options: ActorOptions;
  protected stopping = false;
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

  protected connect(
    options: Pick<
      MqttWireOptions,
      'clientId' | 'version' | 'clean' | 'onPacket' | 'receiveMaximum'
    >,
  ): Promise<MqttWire> {
    const { port } = this.options;
    return MqttWire.connect({ port, connectTimeoutMs: CONNECT_TIMEOUT_MS, ...options });
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
        if (error instanceof MqttRefused && !SERVER_CODES.has(error.code))
          this.complain(`${error}`);
        await pause(RECONNECT_MS);
      }
    }
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
