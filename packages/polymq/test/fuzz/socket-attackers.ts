/**
 * Attackers on sockets, told apart only by the bytes they send. Some are quick: they send, look whether anything comes,
 * and go, one way or another. Others are held open until there are too many: they never finish what they began, send a
 * byte now and then, or never read what they asked for.
 */
import { connect, type Socket } from 'node:net';
import type { SeededRandom } from '../crash/random.ts';
import { pause, runAttacks, Tally } from './attack-loop.ts';
import type { Attackers } from './siege.ts';

export type Attack = (random: SeededRandom) => Buffer;

export interface SocketAttacks {
  port: number;
  /** What quick ones send, by name. */
  attacks: Readonly<Record<string, Attack>>;
  /** Whole conversations, of which slow ones send a part. */
  conversation: Attack;
  /** What makes a broker send much, sent by those who never read. */
  greedy: Attack;
}

const ATTACKERS = 6;
const HELD_MAX = 100;
const HOLD_EVERY_MS = 50;
const DRIP_MS = 200;
const ANSWER_MS_MAX = 200;

export class SocketAttackers implements Attackers {
  readonly #kinds: readonly SocketAttacks[];
  readonly #random: SeededRandom;
  readonly #tally = new Tally();
  /** Open connections, and what those that drip have yet to send. */
  readonly #held: { socket: Socket; rest: Buffer }[] = [];

  /** `kinds`: one for each listener that is attacked. */
  constructor(kinds: readonly SocketAttacks[], random: SeededRandom) {
    this.#kinds = kinds;
    this.#random = random;
  }

  async run(seconds: number): Promise<void> {
    const drip = setInterval(() => this.#drip(), DRIP_MS);
    await runAttacks({
      seconds,
      attackers: ATTACKERS,
      attack: () => this.#attack(),
      hold: () => this.#hold(),
      holdEveryMs: HOLD_EVERY_MS,
    });
    clearInterval(drip);
    for (const { socket } of this.#held.splice(0)) socket.destroy();
  }

  describe(): string {
    return this.#tally.toString();
  }

  async #attack(): Promise<void> {
    const random = this.#random;
    const { port, attacks } = random.pick(this.#kinds);
    const name = random.pick(Object.keys(attacks));
    this.#tally.add(name);
    const socket = open(port);
    // Answers are read and thrown away.
    socket.resume();
    socket.write(attacks[name]!(random));
    if (random.chance(0.3)) {
      await pause(random.between(0, 20));
      socket.resetAndDestroy();
      return;
    }
    if (random.chance(0.5)) socket.end();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await Promise.race([closed, pause(ANSWER_MS_MAX)]);
    socket.destroy();
  }

  #hold(): void {
    const random = this.#random;
    const { port, conversation, greedy } = random.pick(this.#kinds);
    const socket = open(port);
    let rest: Buffer = Buffer.alloc(0);
    if (random.chance(0.25)) {
      this.#tally.add('never reads');
      socket.pause();
      socket.write(greedy(random));
    } else {
      const whole = conversation(random);
      const cut = random.between(0, whole.length - 1);
      this.#tally.add('never ends');
      socket.resume();
      socket.write(whole.subarray(0, cut));
      rest = whole.subarray(cut);
    }
    this.#held.push({ socket, rest });
    if (this.#held.length > HELD_MAX) this.#held.shift()!.socket.destroy();
  }

  #drip(): void {
    for (const held of this.#held) {
      if (held.rest.length === 0 || held.socket.destroyed) continue;
      held.socket.write(held.rest.subarray(0, 1));
      held.rest = held.rest.subarray(1);
    }
  }
}

function open(port: number): Socket {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  return socket;
}

export function noise(random: SeededRandom): Buffer {
  return Buffer.from(Array.from({ length: random.between(1, 400) }, () => random.between(0, 255)));
}
