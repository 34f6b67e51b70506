/** A whole broker on a simulated disk, with a network and a clock that tests hold in their hands, and that may be killed. */
import { type RunningBroker, startBroker } from '../../../src/index.ts';
import { SeededRandom } from '../../../src/lib/environment/simulated/seeded-random.ts';
import { SimulatedClock } from '../../../src/lib/environment/simulated/simulated-clock.ts';
import { SimulatedDisk } from '../../../src/lib/environment/simulated/simulated-disk.ts';
import { SimulatedOutbound } from '../../../src/lib/environment/simulated/simulated-outbound.ts';
import type { BrokerOptions } from '../../../src/server/broker.ts';
import { FakeNetwork, type FakeSocket } from './fake-network.ts';
import type { Peer, Pipe } from './peer.ts';

const STEP_MS = 250;

interface Life {
  clock: SimulatedClock;
  network: FakeNetwork;
  broker: RunningBroker;
}

export interface MemoryPeerOptions {
  broker: Omit<BrokerOptions, 'environment'>;
  /** Turns of the event loop without anything new, after which nothing is expected to come. */
  quietTurns: number;
}

export class MemoryPeer implements Required<Peer> {
  readonly disk: SimulatedDisk = new SimulatedDisk();
  readonly #options: MemoryPeerOptions;
  readonly #sockets: FakeSocket[] = [];
  #life: Life | undefined;

  constructor(options: MemoryPeerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    // A new process has a clock of its own that goes on where that of the one before was.
    const clock = new SimulatedClock(this.#life?.clock.nowMs());
    const network = new FakeNetwork();
    const environment = {
      clock,
      timers: clock,
      random: new SeededRandom(1),
      disk: this.disk.attach(),
      network,
      outbound: new SimulatedOutbound(),
    };
    const broker = await startBroker({ ...this.#options.broker, environment });
    this.#life = { clock, network, broker };
  }

  connect(remoteAddress: string | undefined): Pipe {
    const socket = this.#life!.network.connect(remoteAddress);
    this.#sockets.push(socket);
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
  }

  async settle(busy: () => boolean): Promise<void> {
    for (let quiet = 0; quiet < this.#options.quietTurns; quiet++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (busy()) quiet = 0;
    }
  }

  /** In steps, since what timers start goes on with the turns of the event loop. */
  async advance(durationMs: number): Promise<void> {
    for (let left = durationMs; left > 0; left -= STEP_MS) {
      this.#life!.clock.advance(Math.min(left, STEP_MS));
      for (let turn = 0; turn < 3; turn++) await new Promise<void>((r) => setImmediate(r));
    }
  }

  async restart(how: 'crash' | 'stop'): Promise<void> {
    if (how === 'crash') {
      this.disk.kill();
      for (const socket of this.#sockets.splice(0)) socket.cut();
    } else await this.stop();
    await this.start();
  }

  async stop(): Promise<void> {
    const { broker, clock } = this.#life!;
    const stopped = broker.stop(0);
    clock.advance(60_000);
    await stopped;
  }
}

export async function startMemoryPeer(options: MemoryPeerOptions): Promise<MemoryPeer> {
  const peer = new MemoryPeer(options);
  await peer.start();
  return peer;
}
