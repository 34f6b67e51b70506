/**
 * A running broker under attack by MQTT clients, over TCP and WebSockets, with one healthy client beside: the counterpart
 * of `live.ts`. The healthy one publishes at QoS 1 to a session of its own that outlives its connection.
 */
import { connectAsync } from 'mqtt';
import {
  type HealthyConnection,
  type HealthyEvents,
  HealthySubscriber,
} from './healthy-subscriber.ts';
import { mqttAttacks } from './mqtt-attacks.ts';
import { besiege, type SiegeOptions } from './siege.ts';
import { SocketAttackers } from './socket-attackers.ts';
import { webSocketAttacks } from './websocket-attacks.ts';

const TOPIC = 'healthy';

async function connectHealthy(port: number, events: HealthyEvents): Promise<HealthyConnection> {
  const url = `mqtt://127.0.0.1:${port}`;
  const options = { reconnectPeriod: 0, protocolVersion: 5 } as const;
  const publisher = await connectAsync(url, { ...options, clientId: 'healthy-publisher' });
  const subscriber = await connectAsync(url, {
    ...options,
    clientId: 'healthy-subscriber',
    clean: false,
    properties: { sessionExpiryInterval: 3600 },
  });
  let closing = false;
  for (const client of [publisher, subscriber]) {
    client.on('error', (error) => events.onProblem(String(error)));
    client.on('close', () => {
      if (!closing) events.onProblem(`the connection of ${client.options.clientId} was closed`);
    });
  }
  subscriber.on('message', (_topic, payload) => events.onMessage(payload.toString()));
  await subscriber.subscribeAsync(TOPIC, { qos: 1 });
  return {
    publish: (text) => publisher.publishAsync(TOPIC, text, { qos: 1 }),
    close: async () => {
      closing = true;
      await publisher.endAsync();
      await subscriber.endAsync();
    },
  };
}

export function fuzzLiveMqtt(options: SiegeOptions): Promise<string[]> {
  return besiege(
    {
      name: 'live-mqtt',
      scheme: 'mqtt',
      alsoListens: 'ws+mqtt',
      // A hundred that never read would hold more than a siege allows.
      args: ['--mqtt-output-bytes-max', '1MiB', '--mqtt-session-messages-max', '1000'],
      healthy: (port) => new HealthySubscriber((events) => connectHealthy(port, events)),
      attackers: (port, random, otherPort) => {
        const inner = mqttAttacks();
        const kinds = [{ port, ...inner }, webSocketAttacks(otherPort, 'mqtt', inner)];
        return new SocketAttackers(kinds, random);
      },
      bugLine: /"level":"error"/,
    },
    options,
  );
}
