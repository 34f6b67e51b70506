/**
 * Random work on a store beside a model of what must hold: who was put, removed and updated, and what of that was
 * committed. After a restart the store is compared with it.
 */
import { expect } from 'vitest';
import type { SeededRandom } from '../../../../lib/environment/simulated/seeded-random.ts';
import { ROW_FLAG } from '../../rows.ts';
import type { StoreKit } from './kit.ts';

interface Known {
  queue: number;
  seq: number;
  body: string;
  persistent: boolean;
  /** Now. `undefined`: not put yet in this life, or gone. */
  row: number | undefined;
  /** Whether the put, and the removal, is known to be committed, or was at least tried. */
  put: 'tried' | 'committed';
  removed: 'no' | 'tried' | 'committed';
  attempts: number;
  /** What was committed at least. */
  attemptsCommitted: number;
  /** It was put in the same turn as this one was removed: one of them must be there. */
  movedFrom?: Known;
}

interface Wait {
  position: number;
  committed(): void;
}

export class Model {
  readonly random: SeededRandom;
  readonly known = new Map<string, Known>();
  readonly #nextSeq = new Map<number, number>();
  #waits: Wait[] = [];
  #marks = new Map<string, { committed: number; tried: number }>();
  lost = 0;

  constructor(random: SeededRandom) {
    this.random = random;
  }

  alive(): Known[] {
    return [...this.known.values()].filter(({ row }) => row !== undefined);
  }

  step(kit: StoreKit): void {
    const { random } = this;
    const choice = random.integer(20);
    if (choice < 9) this.#put(kit);
    else if (choice < 16) this.#remove(kit);
    else if (choice < 17) this.#move(kit);
    else if (choice < 18) this.#update(kit);
    else this.#mark(kit);
    if (kit.store.position === kit.store.committed) this.settle(kit);
  }

  /** Takes note of what has been committed. */
  settle(kit: StoreKit): void {
    const { committed } = kit.store;
    this.#waits = this.#waits.filter((wait) => {
      if (wait.position > committed) return true;
      wait.committed();
      return false;
    });
  }

  /** A crash: what was not committed may or may not be there; nothing has a row. */
  crash(): void {
    this.#waits = [];
    for (const one of this.known.values()) one.row = undefined;
  }

  /** Compares, and goes on from what is there. */
  async check(kit: StoreKit, context: string): Promise<void> {
    const found = new Map(kit.restored.map((one) => [`${one.queue}/${one.seq}`, one]));
    expect(found.size, `${context}: rows twice`).toBe(kit.restored.length);
    this.#checkMoves(new Set(found.keys()), context);
    for (const [key, one] of this.known) {
      const restored = found.get(key);
      found.delete(key);
      const where = `${context}, ${key} ${JSON.stringify(one)}`;
      if (one.persistent && one.put === 'committed' && one.removed === 'no') {
        expect(restored, `lost: ${where}`).toBeDefined();
      }
      if (!one.persistent || one.removed === 'committed') {
        expect(restored, `came back: ${where}`).toBeUndefined();
      }
      if (restored === undefined) {
        this.known.delete(key);
        continue;
      }
      expect(await kit.loadBody(restored.row), where).toBe(one.body);
      const { attempts } = kit.row(restored.row);
      expect(attempts, where).toBeGreaterThanOrEqual(one.attemptsCommitted);
      expect(attempts, where).toBeLessThanOrEqual(one.attempts);
      Object.assign(one, { row: restored.row, put: 'committed', removed: 'no' });
      Object.assign(one, { attempts, attemptsCommitted: attempts });
    }
    expect([...found.keys()], `${context}: from nowhere`).toEqual([]);
    this.#checkMarks(kit, context);
  }

  async checkBodies(kit: StoreKit): Promise<void> {
    for (const one of this.alive()) {
      const body = await kit.loadBody(one.row!);
      // It may have been removed while it was loaded.
      if (one.row !== undefined) expect(body).toBe(one.body);
    }
  }

  #put(kit: StoreKit): void {
    const { random } = this;
    const persistent = random.integer(4) > 0;
    const bytes = [10, 100, 900, 6000][random.integer(4)]!;
    const count = random.integer(6) === 0 ? 1 + random.integer(20) : 1;
    const targets = Array.from({ length: count }, (_, index): [number, number] => {
      const queue = count === 1 ? random.integer(3) : index;
      const seq = this.#nextSeq.get(queue) ?? 0;
      this.#nextSeq.set(queue, seq + 1);
      return [queue, seq];
    });
    const body = `${targets[0]!.join('/')} `.padEnd(random.integer(bytes) + 10, 'x');
    const rows = kit.put(targets, { body, persistent });
    const made = targets.map(([queue, seq], index): Known => {
      const base = { queue, seq, body, persistent, row: rows[index] };
      return { ...base, put: 'tried', removed: 'no', attempts: 0, attemptsCommitted: 0 };
    });
    for (const one of made) this.known.set(`${one.queue}/${one.seq}`, one);
    this.#wait(kit, () => {
      for (const one of made) one.put = 'committed';
    });
  }

  #remove(kit: StoreKit): void {
    const alive = this.alive();
    const from = this.random.integer(alive.length + 1);
    const removed = alive.slice(from, from + 1 + this.random.integer(8));
    for (const one of removed) {
      kit.remove(one.row!);
      one.row = undefined;
      one.removed = 'tried';
    }
    this.#wait(kit, () => {
      for (const one of removed) one.removed = 'committed';
    });
  }

  #move(kit: StoreKit): void {
    const alive = this.alive().filter(({ persistent }) => persistent);
    const from = alive[this.random.integer(alive.length)];
    if (from === undefined) return;
    const queue = 100;
    const seq = this.#nextSeq.get(queue) ?? 0;
    this.#nextSeq.set(queue, seq + 1);
    const { body, row } = from;
    const [moved] = kit.put([[queue, seq]], { body });
    kit.remove(row!);
    Object.assign(from, { row: undefined, removed: 'tried' });
    const base = { queue, seq, body, persistent: true, row: moved, movedFrom: from };
    const to: Known = { ...base, put: 'tried', removed: 'no', attempts: 0, attemptsCommitted: 0 };
    this.known.set(`${queue}/${seq}`, to);
    this.#wait(kit, () => {
      to.put = 'committed';
      from.removed = 'committed';
    });
  }

  #checkMoves(found: ReadonlySet<string>, context: string): void {
    for (const one of this.known.values()) {
      const from = one.movedFrom;
      delete one.movedFrom;
      if (from === undefined || one.removed !== 'no' || from.put !== 'committed') continue;
      const there = [one, from].filter(({ queue, seq }) => found.has(`${queue}/${seq}`));
      expect(there.length, `${context}, ${from.queue}/${from.seq} moved`).toBe(1);
    }
  }

  #update(kit: StoreKit): void {
    const alive = this.alive();
    const one = alive[this.random.integer(alive.length)];
    if (one === undefined) return;
    const page = kit.store.rows.page(one.row!);
    const index = kit.store.rows.index(one.row!);
    one.attempts++;
    page.attempts[index] = one.attempts;
    page.flags[index]! |= ROW_FLAG.redelivered;
    kit.store.update(one.row!, 0);
    const { attempts } = one;
    this.#wait(kit, () => {
      one.attemptsCommitted = Math.max(one.attemptsCommitted, attempts);
    });
  }

  #mark(kit: StoreKit): void {
    const name = `mark ${this.random.integer(3)}`;
    const mark = this.#marks.get(name) ?? { committed: 0, tried: 0 };
    this.#marks.set(name, mark);
    const value = ++mark.tried;
    kit.store.setMark(name, value);
    this.#wait(kit, () => {
      mark.committed = Math.max(mark.committed, value);
    });
  }

  #checkMarks(kit: StoreKit, context: string): void {
    for (const [name, mark] of this.#marks) {
      const value = kit.store.mark(name) ?? 0;
      expect(value, `${context}, ${name}`).toBeGreaterThanOrEqual(mark.committed);
      expect(value, `${context}, ${name}`).toBeLessThanOrEqual(mark.tried);
      mark.committed = value;
      mark.tried = value;
    }
  }

  #wait(kit: StoreKit, committed: () => void): void {
    this.#waits.push({ position: kit.store.position, committed });
  }
}
