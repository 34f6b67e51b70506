import type { BrokerOptions } from '../../../../src/server/broker.ts';
import { startMemoryBroker } from './memory-broker.ts';
import type { Peer } from './transcript.ts';

/** The broker in memory, with the settings of the lines `# amqp.heartbeatS=10` of the transcript. */
export async function memoryPeer(
  transcript: string,
): Promise<{ peer: Peer; stop: () => Promise<void> }> {
  const { network, clock, settle, stop } = await startMemoryBroker(settingsOf(transcript));
  const peer: Peer = {
    connect(remoteAddress) {
      const socket = network.connect(remoteAddress);
      return {
        get closed() {
          return socket.closed;
        },
        send: (bytes) => socket.send(bytes),
        receive: () => (socket.stalled ? Buffer.alloc(0) : socket.receive()),
        cut: () => socket.cut(),
        stall: () => {
          socket.stalled = true;
        },
        unstall: () => socket.unstall(),
      };
    },
    settle,
    advance: (durationMs) => clock.advance(durationMs),
  };
  return { peer, stop };
}

function settingsOf(transcript: string): NonNullable<BrokerOptions['amqp']> {
  const settings: Record<string, unknown> = {};
  for (const [, name, value] of transcript.matchAll(/^# amqp\.(\w+)=(\S+)$/gm)) {
    settings[name!] = name === 'vhosts' ? value!.split(',') : Number(value);
  }
  return settings;
}
