/**
 * The AMQP broker that the client tests talk to: PolyMQ as a person starts it, or RabbitMQ as the oracle.
 *
 *   (nothing set)                          the program of this repository, its own process and data folder
 *   TEST_RABBITMQ_PEER=rabbitmq            RabbitMQ of Debian's package, started here
 *   TEST_RABBITMQ_PEER=127.0.0.1:5672      a broker somebody else started; tests that kill it are skipped
 *
 * A test that fails on the oracle tests something else than RabbitMQ: make it green there first.
 */
import { freePort } from '../support/apache-kafka.ts';
import { type Polymq, startPolymq } from '../support/polymq.ts';
import { startRabbitmq } from '../support/rabbitmq.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const chosen = process.env['TEST_RABBITMQ_PEER'] ?? 'polymq';

/** Which peer this run uses; known before it is started, for skip reasons. */
export const AMQP_PEER_KIND: 'polymq' | 'rabbitmq' | 'address' =
  chosen === 'polymq' || chosen === 'rabbitmq' ? chosen : 'address';

/** Whether the peer is PolyMQ, which has what Debian's RabbitMQ has not and may be killed. */
export const AMQP_PEER_IS_POLYMQ: boolean = AMQP_PEER_KIND === 'polymq';

export interface AmqpPeer {
  /** `amqp://guest:guest@host:port`, the same after a restart. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** SIGKILL, then the same program over the same data on the same port; PolyMQ only. */
  crashAndRestart(): Promise<void>;
  /** For `afterAll`: whatever is still running ends. */
  stop(): Promise<void>;
}

/** Starts the peer of this run. `args` are more arguments for `polymq serve`. */
export async function startAmqpPeer(args: readonly string[] = []): Promise<AmqpPeer> {
  if (AMQP_PEER_KIND === 'polymq') return startPolymqPeer(args);
  if (AMQP_PEER_KIND === 'address') return notOurs(chosen, () => Promise.resolve());
  const broker = await startRabbitmq({
    plugins: ['rabbitmq_consistent_hash_exchange', 'rabbitmq_random_exchange'],
  });
  return notOurs(`${broker.host}:${broker.port}`, async () => void (await broker.stop()));
}

async function startPolymqPeer(args: readonly string[]): Promise<AmqpPeer> {
  const folder = temporaryFolder('polymq-clients-');
  const port = await freePort();
  const start = (): Promise<Polymq> =>
    startPolymq({ data: folder.path, listen: [`amqp://127.0.0.1:${port}`], args });
  let broker = await start();
  return {
    ...address(`127.0.0.1:${port}`),
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

function notOurs(hostAndPort: string, stop: () => Promise<void>): AmqpPeer {
  const refuse = () => Promise.reject(new Error(`the peer at ${hostAndPort} is not to be killed`));
  return { ...address(hostAndPort), crashAndRestart: refuse, stop };
}

function address(hostAndPort: string): Pick<AmqpPeer, 'url' | 'host' | 'port'> {
  const colon = hostAndPort.lastIndexOf(':');
  return {
    url: `amqp://guest:guest@${hostAndPort}`,
    host: hostAndPort.slice(0, colon),
    port: Number(hostAndPort.slice(colon + 1)),
  };
}
