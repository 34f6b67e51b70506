/**
 * The Redis that the client tests talk to: PolyMQ as a person starts it, or Redis itself as the oracle.
 *
 *   (nothing set)              the program of this repository, its own process and data folder
 *   TEST_REDIS_PEER=redis      redis-server of Debian's package, started here
 *
 * A test that fails on the oracle tests something else than Redis: make it green there first.
 */
import { freePort } from '../support/apache-kafka.ts';
import { type Polymq, startPolymq } from '../support/polymq.ts';
import { startRealRedis } from '../support/redis-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Whether the peer is PolyMQ, which has queues besides. */
export const REDIS_PEER_IS_POLYMQ: boolean =
  (process.env['TEST_REDIS_PEER'] ?? 'polymq') === 'polymq';

export interface RedisPeer {
  readonly port: number;
  /** `redis://127.0.0.1:<port>`, the same after a restart. */
  readonly url: string;
  /** Of AMQP; PolyMQ only. */
  readonly amqpUrl: string;
  /** SIGKILL, then the same program over the same data on the same port. */
  crashAndRestart(): Promise<void>;
  /** For `afterAll`: whatever is still running ends. */
  stop(): Promise<void>;
}

/** `args` are more arguments for `polymq serve`. */
export async function startRedisPeer(args: readonly string[] = []): Promise<RedisPeer> {
  return REDIS_PEER_IS_POLYMQ ? startPolymqPeer(args) : startOracle();
}

async function startPolymqPeer(args: readonly string[]): Promise<RedisPeer> {
  const folder = temporaryFolder('polymq-redis-');
  const port = await freePort();
  const amqpPort = await freePort();
  const start = (): Promise<Polymq> =>
    startPolymq({
      data: folder.path,
      listen: [`redis://127.0.0.1:${port}`, `amqp://127.0.0.1:${amqpPort}`],
      args,
    });
  let broker = await start();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    amqpUrl: `amqp://guest:guest@127.0.0.1:${amqpPort}`,
    crashAndRestart: async () => {
      await broker.kill9();
      broker = await start();
    },
    stop: async () => {
      if (broker.running) await broker.stop();
      folder.remove();
    },
  };
}

async function startOracle(): Promise<RedisPeer> {
  let redis = await startRealRedis();
  const { port } = redis;
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    amqpUrl: '',
    crashAndRestart: async () => {
      await redis.stop();
      redis = await startRealRedis(port);
    },
    stop: () => redis.stop(),
  };
}
