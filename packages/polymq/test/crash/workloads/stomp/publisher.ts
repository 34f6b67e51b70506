/**
 * One publisher: bursts of persistent messages, each with a receipt, as many without one at a time as the window allows. What a
 * connection that breaks leaves behind is unknown; the next one has another name.
 */
import type { StompWire } from '../../../support/stomp-wire.ts';
import { encodeValue } from '../values.ts';
import { Actor, type ActorOptions, pause } from './actor.ts';
import type { Route } from './topology.ts';

const WINDOW = 60;
const BURST_MAX = 12;
const PAUSE_MS_MAX = 30;
const TRANSIENT_CHANCE = 0.1;

export class Publisher extends Actor {
  readonly #routes: readonly Route[];

  constructor(options: ActorOptions & { routes: readonly Route[] }) {
    super(options);
    this.#routes = options.routes;
  }

  protected override async live(life: number): Promise<void> {
    const { name, random } = this.options;
    const wire = await this.connect((frame) => this.complain(`was sent ${frame.command}`));
    while (!this.stopping && !wire.closed) {
      const burst = Math.min(WINDOW - this.pending, random.between(1, BURST_MAX));
      for (let i = 0; i < burst; i += 1) this.#publish(wire, `${name}#${life}`);
      await pause(random.between(0, PAUSE_MS_MAX));
    }
    await this.untilReceived(wire);
    await wire.disconnect();
  }

  #publish(wire: StompWire, producer: string): void {
    const { random, history, nextValue, onDone } = this.options;
    const { destination, queues } = random.pick(this.#routes);
    const persistent = !random.chance(TRANSIENT_CHANCE);
    const value = nextValue();
    const publish = history.publish({ value, producer, queues, persistent });
    const headers = { destination, persistent: String(persistent), 'crash-id': value };
    this.ask(wire, 'SEND', headers, encodeValue(value), (done) => {
      history.published(publish, done ? 'ok' : 'info');
      if (done) onDone(1);
    });
  }
}
