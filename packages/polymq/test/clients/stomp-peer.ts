/**
 * The STOMP broker that the client tests talk to: PolyMQ as a person starts it, or RabbitMQ as the oracle.
 *
 *   (nothing set)               the program of this repository, its own process and data folder
 *   TEST_STOMP_PEER=rabbitmq    RabbitMQ of Debian's package with its STOMP plugins, started here
 *
 * A test that fails on the oracle tests something else than RabbitMQ: make it green there first.
 */
import { freePort } from '../support/apache-kafka.ts';
import { type Polymq, startPolymq } from '../support/polymq.ts';
import { startRabbitmq } from '../support/rabbitmq.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Whether the peer is PolyMQ, which closes after every error, and may be killed. */
export const STOMP_PEER_IS_POLYMQ: boolean = process.env['TEST_STOMP_PEER'] !== 'rabbitmq';

export interface StompPeer {
  readonly host: '127.0.0.1';
  /** The same after a restart. */
  readonly port: number;
  readonly webSocketUrl: string;
  /** `amqp://guest:guest@host:port`: the same broker. */
  readonly amqpUrl: string;
  /** Of the broker's process. */
  readonly pid: number;
  /** SIGKILL, then the same program over the same data on the same ports; PolyMQ only. */
  crashAndRestart(): Promise<void>;
  /** For `afterAll`: whatever is still running ends. */
  stop(): Promise<void>;
}

/** Starts the peer of this run. `args` are more arguments for `polymq serve`. */
export function startStompPeer(args: readonly string[] = []): Promise<StompPeer> {
  return STOMP_PEER_IS_POLYMQ ? startPolymqPeer(args) : startRabbitmqPeer();
}

async function startPolymqPeer(args: readonly string[]): Promise<StompPeer> {
  const folder = temporaryFolder('polymq-stomp-');
  const port = await freePort();
  const webSocketPort = await freePort();
  const amqpPort = await freePort();
  const listen = [
    `stomp://127.0.0.1:${port}`,
    `ws+stomp://127.0.0.1:${webSocketPort}`,
    `amqp://127.0.0.1:${amqpPort}`,
  ];
  const start = (): Promise<Polymq> => startPolymq({ data: folder.path, listen, args });
  let broker = await start();
  return {
    host: '127.0.0.1',
    port,
    webSocketUrl: `ws://127.0.0.1:${webSocketPort}/ws`,
    amqpUrl: `amqp://guest:guest@127.0.0.1:${amqpPort}`,
    get pid() {
      return broker.pid;
    },
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

async function startRabbitmqPeer(): Promise<StompPeer> {
  const port = await freePort();
  const webSocketPort = await freePort();
  const broker = await startRabbitmq({
    plugins: ['rabbitmq_stomp', 'rabbitmq_web_stomp'],
    config: {
      'stomp.listeners.tcp.1': `127.0.0.1:${port}`,
      'web_stomp.tcp.ip': '127.0.0.1',
      'web_stomp.tcp.port': `${webSocketPort}`,
      'web_stomp.ws_frame': 'binary',
    },
  });
  return {
    host: '127.0.0.1',
    port,
    webSocketUrl: `ws://127.0.0.1:${webSocketPort}/ws`,
    amqpUrl: broker.url,
    pid: broker.pid,
    crashAndRestart: () => Promise.reject(new Error('RabbitMQ is not to be killed')),
    stop: async () => void (await broker.stop()),
  };
}
