/** A whole broker in memory, with a network and a clock that tests hold in their hands. */
import { SeededRandom } from '../../../../src/lib/environment/simulated/seeded-random.ts';
import { SimulatedClock } from '../../../../src/lib/environment/simulated/simulated-clock.ts';
import { SimulatedDisk } from '../../../../src/lib/environment/simulated/simulated-disk.ts';
import { SimulatedOutbound } from '../../../../src/lib/environment/simulated/simulated-outbound.ts';
import { type BrokerOptions, startBroker } from '../../../../src/server/broker.ts';
import { FakeNetwork } from '../../amqp-protocol/testing/fake-network.ts';
import type { Peer } from './transcript.ts';

/** Turns of the event loop without anything new, after which nothing is expected to come. */
const QUIET_TURNS = 12;
const STEP_MS = 250;

/** With the settings of the lines `# stomp.headersMax=10` of the transcript. */
export async function memoryPeer(
  transcript: string,
): Promise<{ peer: Peer; stop: () => Promise<void> }> {
  const clock = new SimulatedClock();
  const network = new FakeNetwork();
  const environment = {
    clock,
    timers: clock,
    random: new SeededRandom(1),
    disk: new SimulatedDisk().attach(),
    network,
    outbound: new SimulatedOutbound(),
  };
  const listen = ['stomp://127.0.0.1:0'];
  const broker = await startBroker({
    data: 'memory:',
    listen,
    environment,
    ...settingsOf(transcript),
  });
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
    async settle(busy) {
      for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
        await new Promise<void>((resolve) => setImmediate(resolve));
        if (busy()) quiet = 0;
      }
    },
    // In steps, since what timers start goes on with the turns of the event loop.
    async advance(durationMs) {
      for (let left = durationMs; left > 0; left -= STEP_MS) {
        clock.advance(Math.min(left, STEP_MS));
        for (let turn = 0; turn < 3; turn++) await new Promise<void>((r) => setImmediate(r));
      }
    },
  };
  const stop = async (): Promise<void> => {
    const stopped = broker.stop(0);
    clock.advance(60_000);
    await stopped;
  };
  return { peer, stop };
}

function settingsOf(transcript: string): Pick<BrokerOptions, 'stomp' | 'amqp'> {
  const stomp: Record<string, number> = {};
  for (const [, name, value] of transcript.matchAll(/^# stomp\.(\w+)=(\S+)$/gm)) {
    stomp[name!] = Number(value);
  }
  const vhosts = /^# amqp\.vhosts=(\S+)$/m.exec(transcript)?.[1]?.split(',');
  return { stomp, ...(vhosts === undefined ? {} : { amqp: { vhosts } }) };
}
