import type { Log, LogEngine } from '../../../log/log.ts';
import { StorageFullError } from '../../../log/log.ts';

/** An engine whose commits can be held back, or made to fail. */
export class HeldEngine {
  readonly engine: LogEngine;
  /** `hold`: commits wait for `release`. `fail`: they find no room. */
  mode: 'pass' | 'hold' | 'fail' = 'pass';
  #held: (() => void)[] = [];

  constructor(inner: LogEngine) {
    const open: LogEngine['open'] = async (name, options) =>
      this.#wrap(await inner.open(name, options));
    this.engine = delegate(inner, { open });
  }

  release(): void {
    this.mode = 'pass';
    const held = this.#held;
    this.#held = [];
    for (const go of held) go();
  }

  #wrap(log: Log): Log {
    const whenCommitted = async (offset: number) => {
      if (this.mode === 'hold') await new Promise<void>((resolve) => this.#held.push(resolve));
      await log.whenCommitted(offset);
    };
    const append = (batch: Buffer) => {
      if (this.mode === 'fail') throw new StorageFullError(log.name);
      return log.append(batch);
    };
    return delegate(log, { whenCommitted, append });
  }
}

/** `target`, but for the methods given. */
function delegate<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      if (name in methods) return methods[name as keyof T];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
