/** The real program on one data folder and fixed ports, killed and started again. */
import { createServer } from 'node:net';
import { type Polymq, startPolymq } from '../support/polymq.ts';

export interface BrokerUnderTestOptions {
  data: string;
  /** Schemes to listen on, each at a port that stays the same over restarts. */
  schemes: readonly string[];
  args: readonly string[];
}

export class BrokerUnderTest {
  readonly data: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly #args: readonly string[];
  #running: Polymq | undefined;
  /** What all processes so far have logged, newest last, for a failed run. */
  #stderr = '';

  private constructor(options: BrokerUnderTestOptions, ports: Record<string, number>) {
    this.data = options.data;
    this.#args = options.args;
    this.ports = ports;
  }

  static async prepare(options: BrokerUnderTestOptions): Promise<BrokerUnderTest> {
    const ports: Record<string, number> = {};
    for (const scheme of options.schemes) ports[scheme] = await quietPort();
    return new BrokerUnderTest(options, ports);
  }

  get pid(): number | undefined {
    return this.#running?.pid;
  }

  get stderr(): string {
    return this.#stderr + (this.#running?.stderr ?? '');
  }

  /** Resolves with the milliseconds from spawn to ready. */
  async start(): Promise<number> {
    this.#running = await startPolymq({
      data: this.data,
      listen: Object.entries(this.ports).map(([scheme, port]) => `${scheme}://127.0.0.1:${port}`),
      args: this.#args,
    });
    return this.#running.startMs;
  }

  /** Starts and kills while the start (and so the recovery) is under way. True if it was. */
  async startAndKillAfter(delayMs: number): Promise<boolean> {
    const aborting = new AbortController();
    const starting = startPolymq({
      data: this.data,
      listen: Object.entries(this.ports).map(([scheme, port]) => `${scheme}://127.0.0.1:${port}`),
      args: this.#args,
      signal: aborting.signal,
    });
    const timer = setTimeout(() => aborting.abort(), delayMs);
    try {
      this.#running = await starting;
      await this.kill9();
      return false;
    } catch (error) {
      if (aborting.signal.aborted) return true;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async kill9(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    const before = running.running;
    const exit = await running.kill9();
    this.#keepOutput(running);
    if (!before) {
      throw new Error(`the broker had ended by itself: ${JSON.stringify(exit)}\n${this.#stderr}`);
    }
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    const exit = await running.stop();
    this.#keepOutput(running);
    if (exit.code !== 0) {
      throw new Error(`a clean stop ended with ${JSON.stringify(exit)}\n${this.#stderr}`);
    }
  }

  #keepOutput(running: Polymq): void {
    this.#stderr = (this.#stderr + running.stderr).slice(-64 * 1024);
    this.#running = undefined;
  }
}

const QUIET_FROM = 20_000;
const QUIET_TO = 31_999;
const ATTEMPTS_MAX = 100;

/**
 * A free port below the range from which the system gives outgoing connections theirs: while the broker is
 * down its clients go on trying, and one of them must not end up on the broker's own port.
 */
async function quietPort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const port = QUIET_FROM + Math.floor(Math.random() * (QUIET_TO - QUIET_FROM));
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port between ${QUIET_FROM} and ${QUIET_TO}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
