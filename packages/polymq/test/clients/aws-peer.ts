/**
 * What speaks SQS and SNS to the client tests: PolyMQ as a person starts it, or an emulator to check the tests with.
 *
 *   (nothing set)                     the program of this repository, its own process and data folder
 *   TEST_AWS_PEER=elasticmq           ElasticMQ, started here from its jars; SQS alone
 *   TEST_AWS_PEER=moto                moto's server, started here; both services
 *   TEST_AWS_PEER=127.0.0.1:4566      something that somebody else started
 *
 * Emulators are no oracles as RabbitMQ is one for AMQP: where they differ from what AWS documents, the test says so
 * (`lacksIt`) and AWS's documentation decides.
 */
import { freePort } from '../support/apache-kafka.ts';
import { startElasticmq, startMoto } from '../support/aws-emulators.ts';
import { type Polymq, startPolymq } from '../support/polymq.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const chosen = process.env['TEST_AWS_PEER'] ?? 'polymq';

type PeerKind = 'polymq' | 'elasticmq' | 'moto' | 'address';

/** Which peer this run uses; known before it is started, for skip reasons. */
export const AWS_PEER_KIND: PeerKind =
  chosen === 'polymq' || chosen === 'elasticmq' || chosen === 'moto' ? chosen : 'address';

/** Whether the peer is PolyMQ, which may be killed and has what emulators have not. */
export const AWS_PEER_IS_POLYMQ: boolean = AWS_PEER_KIND === 'polymq';

/** For `test.skipIf`: the peer of this run is one of those that do not do it as AWS does. */
export function lacksIt(...kinds: readonly PeerKind[]): boolean {
  return kinds.includes(AWS_PEER_KIND);
}

/** ElasticMQ has no SNS. */
export const PEER_LACKS_SNS: boolean = lacksIt('elasticmq');

export const REGION = 'eu-central-1';

export interface AwsPeer {
  /** `http://host:port`, the same after a restart. */
  readonly endpoint: string;
  readonly host: string;
  readonly port: number;
  /** The same broker over AMQP; PolyMQ only. */
  readonly amqpPort: number;
  /** The same broker as a Kafka; PolyMQ only. */
  readonly kafkaPort: number;
  /** What the program printed since its last start; PolyMQ only. */
  output(): string;
  /** SIGKILL, then the same program over the same data on the same port; PolyMQ only. */
  crashAndRestart(): Promise<void>;
  /** For `afterAll`: whatever is still running ends. */
  stop(): Promise<void>;
}

export interface AwsPeerOptions {
  /** More arguments for `polymq serve`. */
  args?: readonly string[];
  /** Such as `POLYMQ_AWS__ACCESS_KEYS`. */
  env?: Readonly<Record<string, string>>;
}

/** Starts the peer of this run. */
export async function startAwsPeer(options: AwsPeerOptions = {}): Promise<AwsPeer> {
  if (AWS_PEER_KIND === 'polymq') return startPolymqPeer(options);
  if (AWS_PEER_KIND === 'address') return notOurs(chosen, () => Promise.resolve());
  const emulator = await (AWS_PEER_KIND === 'moto' ? startMoto() : startElasticmq());
  return notOurs(`127.0.0.1:${emulator.port}`, () => emulator.stop());
}

async function startPolymqPeer({ args, env }: AwsPeerOptions): Promise<AwsPeer> {
  const folder = temporaryFolder('polymq-clients-');
  const port = await freePort();
  const amqpPort = await freePort();
  const kafkaPort = await freePort();
  const listen = [
    `aws://127.0.0.1:${port}`,
    `amqp://127.0.0.1:${amqpPort}`,
    `kafka://127.0.0.1:${kafkaPort}`,
  ];
  const start = (): Promise<Polymq> => startPolymq({ data: folder.path, listen, args, env });
  let broker = await start();
  return {
    ...address(`127.0.0.1:${port}`),
    amqpPort,
    kafkaPort,
    output: () => broker.stdout + broker.stderr,
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

function notOurs(hostAndPort: string, stop: () => Promise<void>): AwsPeer {
  const refuse = () => Promise.reject(new Error(`the peer at ${hostAndPort} is not to be killed`));
  return {
    ...address(hostAndPort),
    amqpPort: 0,
    kafkaPort: 0,
    output: () => '',
    crashAndRestart: refuse,
    stop,
  };
}

function address(hostAndPort: string): Pick<AwsPeer, 'endpoint' | 'host' | 'port'> {
  const colon = hostAndPort.lastIndexOf(':');
  return {
    endpoint: `http://${hostAndPort}`,
    host: hostAndPort.slice(0, colon),
    port: Number(hostAndPort.slice(colon + 1)),
  };
}
