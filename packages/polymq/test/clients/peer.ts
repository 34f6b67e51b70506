/**
 * The Kafka that the client tests talk to: PolyMQ as a person starts it, or another one as the oracle.
 *
 *   (nothing set)                       the program of this repository, its own process and data folder
 *   TEST_KAFKA_PEER=apache             Apache Kafka, started here from its jars
 *   TEST_KAFKA_PEER=127.0.0.1:9092     a Kafka somebody else started; tests that kill it are skipped
 *
 * A test that fails on the oracle tests something else than Kafka: make it green there first.
 */
import { type ApacheKafka, freePort, startApacheKafka } from '../support/apache-kafka.ts';
import { type Polymq, startPolymq } from '../support/polymq.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const chosen = process.env['TEST_KAFKA_PEER'] ?? 'polymq';

/** Which peer this run uses; known before it is started, for skip reasons. */
export const PEER_KIND: 'polymq' | 'apache' | 'address' =
  chosen === 'polymq' || chosen === 'apache' ? chosen : 'address';

/** Whether the peer is a process of ours that may be killed. */
export const PEER_IS_OURS: boolean = PEER_KIND !== 'address';

export interface KafkaPeer {
  /** `host:port`, the same after a restart. */
  readonly address: string;
  readonly host: string;
  readonly port: number;
  /** The folder with the data, for PolyMQ. */
  readonly data: string;
  /** The port of `/metrics` and the health checks; PolyMQ only. */
  readonly httpPort: number;
  /** The process; 0 if it is not ours. */
  readonly pid: number;
  /** What the program printed since its last start; PolyMQ only. */
  output(): string;
  /** SIGKILL, then the same program over the same data on the same port. */
  crashAndRestart(): Promise<void>;
  /** SIGTERM; resolves with the exit code. The data folder stays until this process ends. */
  stopCleanly(): Promise<number | null>;
  /** For `afterAll`: whatever is still running ends. */
  stop(): Promise<void>;
}

/** Starts the peer of this run. `args` are more arguments for `polymq serve`. */
export function startPeer(args: readonly string[] = []): Promise<KafkaPeer> {
  if (PEER_KIND === 'address') return Promise.resolve(existingPeer(chosen));
  return PEER_KIND === 'apache' ? startApachePeer() : startPolymqPeer(args);
}

async function startPolymqPeer(args: readonly string[]): Promise<KafkaPeer> {
  const folder = temporaryFolder('polymq-clients-');
  const port = await freePort();
  const start = (): Promise<Polymq> =>
    startPolymq({
      data: folder.path,
      listen: [`kafka://127.0.0.1:${port}`, 'http://127.0.0.1:0'],
      args,
    });
  let broker = await start();
  return {
    address: `127.0.0.1:${port}`,
    host: '127.0.0.1',
    port,
    data: folder.path,
    get httpPort() {
      return broker.port('http');
    },
    get pid() {
      return broker.pid;
    },
    output: () => broker.stdout + broker.stderr,
    crashAndRestart: async () => {
      await broker.kill9();
      broker = await start();
    },
    stopCleanly: async () => (await broker.stop()).code,
    stop: async () => {
      if (broker.running) await broker.stop();
      folder.remove();
    },
  };
}

async function startApachePeer(): Promise<KafkaPeer> {
  const folder = temporaryFolder('apache-kafka-clients-');
  const port = await freePort();
  const start = (): Promise<ApacheKafka> =>
    startApacheKafka({ data: folder.path, port, heap: '512m' });
  let broker = await start();
  return {
    address: `127.0.0.1:${port}`,
    host: '127.0.0.1',
    port,
    data: folder.path,
    httpPort: 0,
    get pid() {
      return broker.pid;
    },
    output: () => broker.output,
    crashAndRestart: async () => {
      await broker.kill9();
      broker = await start();
    },
    stopCleanly: async () => (await broker.stop()).code,
    stop: async () => {
      if (broker.running) await broker.stop();
      folder.remove();
    },
  };
}

function existingPeer(address: string): KafkaPeer {
  const colon = address.lastIndexOf(':');
  const refuse = () => Promise.reject(new Error(`the peer at ${address} is not ours to restart`));
  return {
    address,
    host: address.slice(0, colon),
    port: Number(address.slice(colon + 1)),
    data: '',
    httpPort: 0,
    pid: 0,
    output: () => '',
    crashAndRestart: refuse,
    stopCleanly: refuse,
    stop: () => Promise.resolve(),
  };
}

let names = 0;

/** A name no other test of any run has used, so that an old peer's data does not matter. */
export function uniqueName(prefix: string): string {
  names += 1;
  return `${prefix}-${process.pid}-${Date.now().toString(36)}-${names}`;
}

/** Asks until the answer is not `undefined`; the reason goes into the error when time runs out. */
export async function eventually<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
  timeoutMs = 30_000,
): Promise<T> {
  const end = Date.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`gave up waiting until ${what}`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
