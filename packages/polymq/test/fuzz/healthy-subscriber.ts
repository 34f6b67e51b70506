/**
 * One client that does its work while others attack: it publishes numbered messages, each after the one before has been
 * taken, and must get every one of them once and in order.
 */
import { pause } from './attack-loop.ts';
import type { HealthyClient } from './siege.ts';

export interface HealthyConnection {
  /** Resolves when the broker has taken the message. */
  publish(text: string): Promise<unknown>;
  close(): Promise<unknown>;
}

export interface HealthyEvents {
  onMessage(text: string): void;
  onProblem(problem: string): void;
}

const PAUSE_MS = 10;
const LAST_POLLS_MAX = 100;
const LAST_POLL_MS = 50;

export class HealthySubscriber implements HealthyClient {
  readonly #connect: (events: HealthyEvents) => Promise<HealthyConnection>;
  #connection: HealthyConnection | undefined;
  #loop: Promise<void> | undefined;
  #stopping = false;
  #problem: string | undefined;
  #received = 0;
  sent = 0;
  slowestMs = 0;

  /** `connect`: connects and subscribes. */
  constructor(connect: (events: HealthyEvents) => Promise<HealthyConnection>) {
    this.#connect = connect;
  }

  async start(): Promise<void> {
    this.#connection = await this.#connect({
      onMessage: (text) => {
        if (text !== `v${this.#received}`) this.#failed(`got ${text} for v${this.#received}`);
        this.#received += 1;
      },
      onProblem: (problem) => this.#failed(problem),
    });
    this.#loop = this.#publish(this.#connection).catch((error: unknown) => {
      this.#failed(String(error));
    });
  }

  /** Waits for what is under way and says what is wrong. */
  async finish(): Promise<string[]> {
    this.#stopping = true;
    await this.#loop;
    for (let i = 0; i < LAST_POLLS_MAX && this.#received < this.sent; i += 1) {
      await pause(LAST_POLL_MS);
    }
    if (this.#problem !== undefined) return [`the healthy client: ${this.#problem}`];
    await this.#connection!.close();
    if (this.#received === this.sent) return [];
    return [`the healthy client got ${this.#received} of ${this.sent} messages`];
  }

  async #publish(connection: HealthyConnection): Promise<void> {
    while (!this.#stopping) {
      const began = performance.now();
      await connection.publish(`v${this.sent}`);
      this.slowestMs = Math.max(this.slowestMs, performance.now() - began);
      this.sent += 1;
      await pause(PAUSE_MS);
    }
  }

  #failed(problem: string): void {
    this.#problem ??= problem;
  }
}
