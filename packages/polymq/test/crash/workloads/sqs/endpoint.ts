/** One client's connection to a broker that comes and goes: connects anew when it has to. */
import { AwsClient, AwsFailure } from '../../../support/aws-client.ts';

export interface EndpointOptions {
  port: number;
  /** The connection broke, or the broker refused. */
  onError(error: unknown): void;
}

const RECONNECT_MS = 40;
const CONNECT_TIMEOUT_MS = 2000;
/** Beyond the longest poll: then something hangs. */
const ANSWER_MS_MAX = 20_000;

export class Endpoint {
  /** Connections so far. */
  connections = 0;
  readonly #options: EndpointOptions;
  #client: AwsClient | undefined;

  constructor(options: EndpointOptions) {
    this.#options = options;
  }

  /**
   * The outcome of one attempt: what the broker answered, a refusal, or undefined if nobody knows whether
   * it was done. After the last it pauses, so that callers may simply try again.
   */
  async attempt<T>(work: (client: AwsClient) => Promise<T>): Promise<T | AwsFailure | undefined> {
    try {
      const client = await this.#connected();
      return await withinTime(work(client));
    } catch (error) {
      this.#options.onError(error);
      if (error instanceof AwsFailure && error.status < SERVER_ERROR) return error;
      this.close();
      await pause(RECONNECT_MS);
      return undefined;
    }
  }

  /** Before what is recorded once and for all, so that it is not tried where nobody listens. */
  async untilConnected(giveUp: () => boolean): Promise<void> {
    while (!giveUp()) {
      try {
        await this.#connected();
        return;
      } catch (error) {
        this.#options.onError(error);
        await pause(RECONNECT_MS);
      }
    }
  }

  close(): void {
    this.#client?.destroy();
    this.#client = undefined;
  }

  async #connected(): Promise<AwsClient> {
    if (this.#client?.wire.closed) this.#client = undefined;
    if (this.#client) return this.#client;
    const { port } = this.#options;
    this.#client = await AwsClient.connect({ port, connectTimeoutMs: CONNECT_TIMEOUT_MS });
    this.connections += 1;
    return this.#client;
  }
}

/** From here on the service failed, and nobody knows what was done. */
const SERVER_ERROR = 500;

async function withinTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer came')), ANSWER_MS_MAX);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
