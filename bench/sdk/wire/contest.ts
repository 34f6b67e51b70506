/** One comparison of the client with the bare library that it stands on. */
export interface Contest {
  readonly wire: string;
  readonly broker: string;
  /** Why it cannot be held on this machine, if it cannot. */
  missing?(): string | undefined;
  start(): Promise<Contestants>;
}

/** Both do the same work on the same broker, in the same process, and are asked in turns. */
export interface Contestants {
  bare(): Promise<Rates>;
  sdk(): Promise<Rates>;
  stop(): Promise<void>;
}

/** Messages a second, by what was done with them. */
export type Rates = Readonly<Record<string, number>>;

/** How many of `count` messages a second `work` gets done. */
export async function perSecond(count: number, work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return (count * 1000) / (performance.now() - startMs);
}

/** Resolves when `arrive` was called that often. */
export function countdown(count: number): { arrive(): void; done: Promise<void> } {
  let left = count;
  let finish = (): void => undefined;
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const arrive = (): void => {
    left -= 1;
    if (left === 0) finish();
  };
  return { arrive, done };
}
