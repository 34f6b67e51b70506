import type { BrokerOptions } from '../../../../src/server/broker.ts';
import { startMemoryBroker } from './memory-broker.ts';
import type { Peer } from './transcript.ts';

const STEP_MS = 250;

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
    // In steps, since what timers start goes on with the turns of the event loop.
    advance: async (durationMs) => {
      for (let left = durationMs; left > 0; left -= STEP_MS) {
        clock.advance(Math.min(left, STEP_MS));
        for (let turn = 0; turn < 3; turn++) await new Promise<void>((r) => setImmediate(r));
      }
    },
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
