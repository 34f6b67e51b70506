/**
 * Publishers and subscribers against one broker: every subscriber gets what every publisher sends.
 *
 * The window is counted from the slowest subscriber: `published - min(delivered) <= window`. Where a broker confirms,
 * each publisher also keeps at most its share of the window unconfirmed. What is published is cut from rings of
 * ready-made frames, so a message costs the generator nothing but its bytes.
 */
import type { Target } from '../targets.ts';
import { type Reader, Wire } from './wire.ts';

export interface LiveShape {
  publishers: number;
  subscribers: number;
  payloadBytes: number;
  /** Messages in flight, of all publishers together. */
  window: number;
}

export interface Subscribing {
  /** Messages that it got. */
  readonly delivered: number;
  readonly read: Reader;
}

export interface Publishing {
  /** Ready-made messages of one length, sent in turn: more of them than may be in flight. */
  readonly ring: Buffer;
  readonly unitBytes: number;
  /** Messages that the broker has confirmed or answered; undefined if it does no such thing. */
  readonly confirmed: number | undefined;
  readonly read: Reader;
}

/** What a protocol has to know for this. Names are made from `name`, which is new for every load. */
export interface Dialect<Shape extends LiveShape> {
  subscribe(wire: Wire, name: string, shape: Shape, index: number): Promise<Subscribing>;
  publish(wire: Wire, name: string, shape: Shape, index: number): Promise<Publishing>;
  /** Removes what would stay after the connections. */
  cleanUp?(target: Target, name: string, shape: Shape): Promise<void>;
}

const STALL_MS_MAX = 10_000;
const POLL_MS = 5;
const EXTRA_MS = 30;
let loads = 0;

export class LiveLoad<Shape extends LiveShape = LiveShape> {
  /** Rejects when something goes wrong; never resolves. */
  readonly failed: Promise<never>;
  readonly #target: Target;
  readonly #shape: Shape;
  readonly #dialect: Dialect<Shape>;
  readonly #name: string;
  readonly #wires: Wire[] = [];
  readonly #subscribers: Subscribing[] = [];
  readonly #publishers: Sending[] = [];
  #fail!: (error: Error) => void;
  #published = 0;
  #running = false;
  #ended = false;
  #turn = 0;
  #pumping = false;

  private constructor(target: Target, dialect: Dialect<Shape>, shape: Shape) {
    this.#target = target;
    this.#dialect = dialect;
    this.#shape = shape;
    loads += 1;
    this.#name = `bench-${process.pid}-${loads}`;
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {});
  }

  static async open<Shape extends LiveShape>(
    target: Target,
    dialect: Dialect<Shape>,
    shape: Shape,
  ): Promise<LiveLoad<Shape>> {
    const load = new LiveLoad(target, dialect, shape);
    try {
      await load.#open();
      return load;
    } catch (error) {
      load.destroy();
      throw error;
    }
  }

  get delivered(): number {
    let sum = 0;
    for (const { delivered } of this.#subscribers) sum += delivered;
    return sum;
  }

  start(): void {
    this.#running = true;
    this.#pump();
  }

  /** Resolves when every subscriber has got everything once; rejects if that is not so, or nothing came for `stallMsMax`. */
  async stop(stallMsMax: number = STALL_MS_MAX): Promise<void> {
    this.#running = false;
    try {
      await Promise.race([this.#settle(stallMsMax), this.failed]);
      this.destroy();
      await this.#dialect.cleanUp?.(this.#target, this.#name, this.#shape);
    } finally {
      this.destroy();
    }
  }

  destroy(): void {
    this.#ended = true;
    for (const wire of this.#wires) wire.destroy();
  }

  async #open(): Promise<void> {
    const { publishers, subscribers } = this.#shape;
    for (let i = 0; i < subscribers; i += 1) {
      const wire = await this.#connect();
      const subscribing = await this.#dialect.subscribe(wire, this.#name, this.#shape, i);
      this.#subscribers.push(subscribing);
      this.#attach(wire, subscribing.read);
    }
    for (let i = 0; i < publishers; i += 1) {
      const wire = await this.#connect();
      const publishing = await this.#dialect.publish(wire, this.#name, this.#shape, i);
      this.#publishers.push(new Sending(wire, publishing));
      this.#attach(wire, publishing.read);
    }
  }

  async #connect(): Promise<Wire> {
    const wire = await Wire.connect(this.#target);
    this.#wires.push(wire);
    return wire;
  }

  #attach(wire: Wire, read: Reader): void {
    wire.onClosed = (error) => this.#failed(error);
    // With one subscriber there is nothing to be gathered before the next message can go.
    const pumpsAtOnce = this.#shape.subscribers === 1 && this.#shape.publishers === 1;
    wire.takeOver((buffer, start, end) => {
      try {
        const used = read(buffer, start, end);
        if (pumpsAtOnce) this.#pump();
        else this.#pumpSoon();
        return used;
      } catch (error) {
        this.#failed(error as Error);
        return end;
      }
    });
  }

  #pumpSoon(): void {
    if (this.#pumping || !this.#running) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (!this.#running) return;
    const { window } = this.#shape;
    const publishers = this.#publishers;
    const share = Math.max(1, Math.floor(window / publishers.length));
    const confirms = publishers[0]!.unconfirmed !== undefined;
    let room = window - (this.#published - this.#slowest());
    if (confirms) {
      for (const publisher of publishers) {
        const count = Math.min(room, share - publisher.unconfirmed!);
        if (count > 0) room -= this.#send(publisher, count);
      }
      return;
    }
    // Turn by turn, each with its whole share: the frames of one message each would be writes of one message each.
    const atLeast = publishers.length === 1 ? 1 : share;
    while (room >= atLeast) {
      const publisher = publishers[this.#turn % publishers.length]!;
      this.#turn += 1;
      room -= this.#send(publisher, publishers.length === 1 ? room : share);
    }
  }

  #send(publisher: Sending, count: number): number {
    publisher.send(count);
    this.#published += count;
    return count;
  }

  #slowest(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const { delivered } of this.#subscribers) if (delivered < least) least = delivered;
    return least;
  }

  async #settle(stallMsMax: number): Promise<void> {
    let last = -1;
    let deadline = 0;
    while (!this.#settled()) {
      this.#expectNoMore();
      const now = this.delivered;
      if (now !== last) deadline = performance.now() + stallMsMax;
      last = now;
      if (performance.now() > deadline) throw new Error(`not all came: ${this.#standing()}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    await new Promise((resolve) => setTimeout(resolve, EXTRA_MS));
    this.#expectNoMore();
  }

  #expectNoMore(): void {
    if (this.#subscribers.every(({ delivered }) => delivered <= this.#published)) return;
    throw new Error(`more came than was published: ${this.#standing()}`);
  }

  #settled(): boolean {
    return (
      this.#subscribers.every(({ delivered }) => delivered === this.#published) &&
      this.#publishers.every(({ unconfirmed = 0 }) => unconfirmed === 0)
    );
  }

  #standing(): string {
    const each = this.#subscribers.map(({ delivered }) => delivered);
    const open = this.#publishers.reduce((sum, { unconfirmed = 0 }) => sum + unconfirmed, 0);
    return (
      `${this.#published} published, ${open} not confirmed, ` +
      `subscribers got ${Math.min(...each)} to ${Math.max(...each)}`
    );
  }

  #failed(error: Error): void {
    if (this.#ended) return;
    this.#running = false;
    this.#fail(new Error(`${error.message} (${this.#standing()})`));
  }
}

/** A publisher and how far it is. */
class Sending {
  readonly #wire: Wire;
  readonly #publishing: Publishing;
  readonly #ringUnits: number;
  #sent = 0;

  constructor(wire: Wire, publishing: Publishing) {
    this.#wire = wire;
    this.#publishing = publishing;
    this.#ringUnits = publishing.ring.length / publishing.unitBytes;
  }

  get unconfirmed(): number | undefined {
    const { confirmed } = this.#publishing;
    return confirmed === undefined ? undefined : this.#sent - confirmed;
  }

  send(count: number): void {
    const { ring, unitBytes } = this.#publishing;
    let left = count;
    while (left > 0) {
      const slot = this.#sent % this.#ringUnits;
      const some = Math.min(left, this.#ringUnits - slot);
      this.#wire.socket.write(ring.subarray(slot * unitBytes, (slot + some) * unitBytes));
      this.#sent += some;
      left -= some;
    }
  }
}

/** Units of one length for a ring: as many as fit in the window twice, and at least some hundred kilobytes' worth. */
export function ringOf(window: number, unit: (index: number) => Buffer): Buffer {
  const units = 2 ** Math.ceil(Math.log2(Math.max(2 * window, 1024)));
  return Buffer.concat(Array.from({ length: units }, (_, i) => unit(i)));
}

/** What payloads are made of: letters, and no byte that means anything to a protocol. */
export function payloadOf(bytes: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => 97 + (i % 26)));
}
