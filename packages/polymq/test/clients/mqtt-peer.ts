/**
 * What speaks MQTT to the client tests: PolyMQ as a person starts it, or mosquitto as the oracle.
 *
 *   (nothing set)                     the program of this repository, its own process and data folder
 *   TEST_MQTT_PEER=mosquitto          mosquitto of Debian's package, started here
 *   TEST_MQTT_PEER=127.0.0.1:1883     a broker somebody else started; tests of WebSocket and those that kill it are skipped
 *
 * Where mosquitto 2.0.11 is not what the specification says, the test says so (`lacksIt`) and the specification decides.
 */
import { freePort } from '../support/apache-kafka.ts';
import { startMosquitto } from '../support/mosquitto.ts';
import { type Polymq, startPolymq } from '../support/polymq.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const chosen = process.env['TEST_MQTT_PEER'] ?? 'polymq';

type PeerKind = 'polymq' | 'mosquitto' | 'address';

/** Which peer this run uses; known before it is started, for skip reasons. */
export const MQTT_PEER_KIND: PeerKind =
  chosen === 'polymq' || chosen === 'mosquitto' ? chosen : 'address';

/** Whether the peer is PolyMQ, which may be killed and has limits of its own. */
export const MQTT_PEER_IS_POLYMQ: boolean = MQTT_PEER_KIND === 'polymq';

/** For `test.skipIf`: the peer of this run is one of those that do not do it as MQTT says. */
export function lacksIt(...kinds: readonly PeerKind[]): boolean {
  return kinds.includes(MQTT_PEER_KIND);
}

export interface MqttPeer {
  readonly host: string;
  readonly port: number;
  /** `mqtt://host:port`, the same after a restart. */
  readonly url: string;
  /** `ws://host:port/mqtt`. */
  readonly webSocketUrl: string;
  /** The same broker over AMQP; PolyMQ only. */
  readonly amqpPort: number;
  /** The process; 0 if it is not ours. */
  pid(): number;
  /** SIGKILL, then the same program over the same data on the same ports; PolyMQ only. */
  crashAndRestart(): Promise<void>;
  /** SIGTERM, then the same; PolyMQ only. */
  restart(): Promise<void>;
  /** For `afterAll`: whatever is still running ends. */
  stop(): Promise<void>;
}

/** Starts the peer of this run. `args` are more arguments for `polymq serve`. */
export async function startMqttPeer(args: readonly string[] = []): Promise<MqttPeer> {
  if (MQTT_PEER_KIND === 'polymq') return startPolymqPeer(args);
  if (MQTT_PEER_KIND === 'address') return notOurs(chosen, 0, () => Promise.resolve());
  const config = { sys_interval: '1', max_inflight_messages: '1000', max_queued_messages: '0' };
  const broker = await startMosquitto({ config });
  return notOurs(`127.0.0.1:${broker.port}`, broker.webSocketPort, async () => {
    await broker.stop();
  });
}

async function startPolymqPeer(args: readonly string[]): Promise<MqttPeer> {
  const folder = temporaryFolder('polymq-clients-');
  const port = await freePort();
  const webSocketPort = await freePort();
  const amqpPort = await freePort();
  const listen = [
    `mqtt://127.0.0.1:${port}`,
    `ws+mqtt://127.0.0.1:${webSocketPort}`,
    `amqp://127.0.0.1:${amqpPort}`,
  ];
  const start = (): Promise<Polymq> =>
    startPolymq({
      data: folder.path,
      listen,
      args: ['--limits-connections-per-second-max', '100000', ...args],
    });
  let broker = await start();
  return {
    ...address(`127.0.0.1:${port}`, webSocketPort),
    amqpPort,
    pid: () => broker.pid,
    crashAndRestart: async () => {
      await broker.kill9();
      broker = await start();
    },
    restart: async () => {
      await broker.stop();
      broker = await start();
    },
    stop: async () => {
      if (broker.running) await broker.stop();
      folder.remove();
    },
  };
}

function notOurs(hostAndPort: string, webSocketPort: number, stop: () => Promise<void>): MqttPeer {
  const refuse = () => Promise.reject(new Error(`the peer at ${hostAndPort} is not to be killed`));
  return {
    ...address(hostAndPort, webSocketPort),
    amqpPort: 0,
    pid: () => 0,
    crashAndRestart: refuse,
    restart: refuse,
    stop,
  };
}

function address(
  hostAndPort: string,
  webSocketPort: number,
): Pick<MqttPeer, 'host' | 'port' | 'url' | 'webSocketUrl'> {
  const colon = hostAndPort.lastIndexOf(':');
  const host = hostAndPort.slice(0, colon);
  return {
    host,
    port: Number(hostAndPort.slice(colon + 1)),
    url: `mqtt://${hostAndPort}`,
    webSocketUrl: `ws://${host}:${webSocketPort}/mqtt`,
  };
}
