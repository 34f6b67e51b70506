/** Many attacks at once, some quick, some that hold connections open, until the time is over; and how many of each there were. */
export interface AttackLoop {
  seconds: number;
  /** Attackers that run beside each other. */
  attackers: number;
  attack: () => Promise<void>;
  /** Opens one more connection that is kept. */
  hold: () => void;
  holdEveryMs: number;
}

export async function runAttacks(loop: AttackLoop): Promise<void> {
  const end = performance.now() + loop.seconds * 1000;
  const quick = Array.from({ length: loop.attackers }, async () => {
    while (performance.now() < end) await loop.attack();
  });
  const slow = (async () => {
    while (performance.now() < end) {
      loop.hold();
      await pause(loop.holdEveryMs);
    }
  })();
  await Promise.all([...quick, slow]);
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Counts by name. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  toString(): string {
    return [...this.#counts].map(([name, count]) => `${count} x ${name}`).join(', ');
  }
}
