/** What all clients of the workload are given, and how they run and end. */
import type { QueueHistory } from '../../../checker/queue-history.ts';
import type { SeededRandom } from '../../random.ts';
import { Endpoint, type EndpointOptions } from './endpoint.ts';

export interface ActorOptions extends EndpointOptions {
  name: string;
  random: SeededRandom;
  history: QueueHistory;
  nextValue(): string;
  /** So many operations were answered. */
  onDone(count: number): void;
  /** The broker said or did something that it must not. */
  onProblem(problem: string): void;
}

export abstract class Actor {
  protected readonly options: ActorOptions;
  protected readonly endpoint: Endpoint;
  protected stopping = false;
  #ended: Promise<void> | undefined;

  constructor(options: ActorOptions) {
    this.options = options;
    this.endpoint = new Endpoint(options);
  }

  start(): void {
    const loop = async () => {
      while (!this.stopping) await this.step();
    };
    this.#ended = loop().catch((error: unknown) => {
      this.options.onProblem(`${this.options.name}: ${(error as Error).stack ?? error}`);
    });
  }

  /** Resolves when nothing is under way any more. */
  async finish(): Promise<void> {
    this.stopping = true;
    await this.#ended;
    this.endpoint.close();
  }

  protected abstract step(): Promise<void>;
}
