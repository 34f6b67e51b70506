/**
 * A running broker under attack by STOMP clients, over TCP and WebSockets, with one healthy client beside: the counterpart
 * of `live.ts`. The healthy one sends persistent messages to a queue, waits for receipts, and acknowledges what it gets.
 */
import { StompWire } from '../support/stomp-wire.ts';
import {
  type HealthyConnection,
  type HealthyEvents,
  HealthySubscriber,
} from './healthy-subscriber.ts';
import { besiege, type SiegeOptions } from './siege.ts';
import { SocketAttackers } from './socket-attackers.ts';
import { stompAttacks } from './stomp-attacks.ts';
import { webSocketAttacks } from './websocket-attacks.ts';

const destination = '/queue/healthy';

async function connectHealthy(port: number, events: HealthyEvents): Promise<HealthyConnection> {
  const publisher = await StompWire.connect({ port });
  const subscriber = await StompWire.connect({ port });
  subscriber.onFrame = ({ command, headers, body }) => {
    if (command !== 'MESSAGE') return events.onProblem(`was sent ${command}`);
    events.onMessage(body.toString());
    subscriber.send('ACK', { id: headers['ack']! });
  };
  await subscriber.request('SUBSCRIBE', { id: '0', destination, ack: 'client-individual' });
  let closing = false;
  subscriber.socket.once('close', () => {
    if (!closing) events.onProblem(`the subscriber: ${subscriber.closed?.message}`);
  });
  return {
    publish: (text) => publisher.request('SEND', { destination, persistent: 'true' }, text),
    close: async () => {
      closing = true;
      await publisher.disconnect();
      await subscriber.disconnect();
    },
  };
}

export function fuzzLiveStomp(options: SiegeOptions): Promise<string[]> {
  return besiege(
    {
      name: 'live-stomp',
      scheme: 'stomp',
      alsoListens: 'ws+stomp',
      // What attackers leave in queues stays in bounds by itself.
      args: ['--queues-memory-bytes-max', '32MiB'],
      healthy: (port) => new HealthySubscriber((events) => connectHealthy(port, events)),
      attackers: (port, random, otherPort) => {
        const inner = stompAttacks();
        const kinds = [{ port, ...inner }, webSocketAttacks(otherPort, 'v12.stomp', inner)];
        return new SocketAttackers(kinds, random);
      },
      bugLine: /"level":"error"/,
    },
    options,
  );
}
