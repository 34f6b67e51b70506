/**
 * Killed at every await point. A run of a scenario touches the world (engine, database, effects) only through objects
 * that its `KillSwitch` guards. Every asynchronous call on a guarded object is two kill points: before it reaches the
 * world, and after it took effect but before the caller learns of it. A callback that is handed in (the work of a
 * transaction) is one more, when it has answered: dying there means the transaction is never committed.
 *
 *        caller          guard                     world
 *          │── call ──────►│ point: "before"         │
 *          │               │── call ────────────────►│
 *          │               │◄──────────── result ────│
 *          │◄── result ────│ point: "after"          │
 *
 * From the point of death on nothing of that run reaches the world: its calls are not made, its promises never resolve,
 * its timers and the callbacks that it handed out (sinks of subscriptions) are ignored. An open transaction gets an
 * error from its work, as it does from a broken connection, and rolls back. What a driver must do when its client dies
 * (close the connection, let leases run out) is registered by the scenario with `onDeath`.
 *
 * `forEveryKillPoint` runs a scenario once without a death and notes the points; then, for each of them, in a new world:
 * run, die there, start again (`recover`, or `run` itself), check the invariants. With `kills: 2` the second life dies as
 * well, somewhere else for each point, and a third one finishes.
 *
 * A point is known by what is done there and how often it was done before, not by its number: lives that poll come by more points or
 * fewer, in another order, as the timing has it. A life that comes by a point nobody has come by before adds it to those to be died
 * at. One that ends without having come by its point has met fewer polls, which is no failure if that was a repetition; the first
 * coming-by of each kind is tried again, and reported as `missed` if there is no dying at it.
 */
import type { Clock } from '../../src/lib/clock.ts';

/** What survives the death of a run is in `World`; what a run makes for itself dies with it. */
export interface KillScenario<World> {
  /** A new engine and database for each run. */
  setup(): Promise<World> | World;
  /** One life of the process. It reaches the world through `kill.guard(…)` and `kill.effect(…)` only. */
  run(world: World, kill: KillSwitch): Promise<unknown>;
  /** The life after a death. Missing: `run` again. */
  recover?(world: World, kill: KillSwitch): Promise<unknown>;
  /** Throws if an invariant is broken. Gets the world as it is after the last life. */
  check(world: World, death: Death | undefined): Promise<void> | void;
  teardown?(world: World): Promise<void> | void;
}

export interface KillOptions {
  /** How many lives die before one may finish. Missing: 1. */
  kills?: 1 | 2;
  /** How long one life may take before it counts as hanging. Missing: 15 s. */
  timeoutMs?: number;
  /** Tries only each n-th point, for long scenarios. Missing: 1. */
  every?: number;
}

export interface Death {
  /** From 0 on, in the order in which the run came by. */
  readonly point: number;
  /** `db.query before: insert into …` */
  readonly label: string;
}

export interface KillReport {
  /** Points of the run without a death. */
  readonly points: number;
  /** Lives that died. */
  readonly deaths: number;
  readonly labels: readonly string[];
  /** What was done at points that were tried, and at none of which a life has died. Empty, or the test proves less than it says. */
  readonly missed: readonly string[];
}

/** A point that lives have in common, whatever their timing. */
interface CommonPoint {
  /** Its label without what differs between worlds: numbers and UUIDs. */
  readonly what: string;
  /** From 1 on: how often a life has come by it then. */
  readonly nth: number;
}

/** What the engine's side sees when the caller has died within its callback. */
export class KilledError extends Error {
  constructor(label: string) {
    super(`this run was killed (${label})`);
    this.name = 'KilledError';
  }
}

/** Of labels: what is another one in each world. */
const DIFFERS = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d+/g;
/** How many lives try to die at a point that only some lives come by. */
const ATTEMPTS = 5;
/** Of the points of the unharmed life. */
const REPETITIONS_FACTOR = 1.5;
const KINDS_FACTOR = 5;

type AnyFunction = (...values: unknown[]) => unknown;

/** One life: its guards, the point at which it dies, and what is to be done then. */
export class KillSwitch {
  /** Every point that this life came by, in order. */
  readonly labels: string[] = [];
  /** The same, as other lives may know them. */
  readonly points: CommonPoint[] = [];
  readonly #dieAt: number | CommonPoint;
  readonly #counts = new Map<string, number>();
  #death: Death | undefined;
  #tellDeath: (death: Death) => void = () => {};
  readonly #died: Promise<Death>;
  readonly #cleanups: (() => unknown)[] = [];
  readonly #inFlight = new Set<Promise<unknown>>();
  readonly #proxies = new WeakMap<object, object>();
  readonly #targets = new WeakMap<object, object>();

  /** Dies at the point of that number, or that one of those in common; `Infinity`: never. */
  constructor(dieAt: number | CommonPoint = Number.POSITIVE_INFINITY) {
    this.#dieAt = dieAt;
    this.#died = new Promise((resolve) => {
      this.#tellDeath = resolve;
    });
  }

  get death(): Death | undefined {
    return this.#death;
  }

  get dead(): boolean {
    return this.#death !== undefined;
  }

  /** Resolves at the death of this life. */
  get died(): Promise<Death> {
    return this.#died;
  }

  /** Called once when this life dies, before the next one begins: closes what the operating system would close. */
  onDeath(cleanup: () => unknown): void {
    this.#cleanups.push(cleanup);
  }

  /** An effect on the world that is no method of a guarded object, with a point before and one after it. */
  effect<T>(label: string, work: () => T | Promise<T>): Promise<T> {
    return this.#throughWorld(label, '', async () => work());
  }

  /**
   * `target`, as this life may use it. Objects with methods that hang off it or come as results are guarded, too; a
   * clock keeps telling the time, and its timers end with this life.
   */
  guard<T extends object>(target: T, label: string = target.constructor?.name ?? 'object'): T {
    const known = this.#proxies.get(target);
    if (known !== undefined) return known as T;
    const proxy = isClock(target) ? this.#clock(target) : this.#proxyOf(target, label);
    this.#proxies.set(target, proxy);
    this.#targets.set(proxy, target);
    return proxy as T;
  }

  /** Runs the cleanups, and waits a little for what was under way in the world. */
  async settle(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0)) await cleanup();
    if (this.#inFlight.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const waited = new Promise((resolve) => {
      timer = setTimeout(resolve, 250);
    });
    await Promise.race([Promise.allSettled([...this.#inFlight]), waited]);
    clearTimeout(timer);
  }

  /** `true`: this life is over. */
  #point(label: string): boolean {
    if (this.#death !== undefined) return true;
    this.labels.push(label);
    const what = label.replace(DIFFERS, '#');
    const nth = (this.#counts.get(what) ?? 0) + 1;
    this.#counts.set(what, nth);
    this.points.push({ what, nth });
    if (!this.#isItsEnd(what, nth)) return false;
    this.#death = { point: this.labels.length - 1, label };
    this.#tellDeath(this.#death);
    return true;
  }

  #isItsEnd(what: string, nth: number): boolean {
    const dieAt = this.#dieAt;
    return typeof dieAt === 'number'
      ? this.labels.length - 1 === dieAt
      : dieAt.what === what && dieAt.nth === nth;
  }

  #proxyOf(target: object, label: string): object {
    const at = (key: PropertyKey): unknown => Reflect.get(target, key, target);
    return new Proxy(Object.create(null), {
      get: (_, key) => {
        const value = at(key);
        if (typeof value === 'function') {
          if (key === 'constructor') return value;
          return this.#method(target, value as AnyFunction, `${label}.${String(key)}`);
        }
        return hasMethods(value) ? this.guard(value, `${label}.${String(key)}`) : value;
      },
      set: (_, key, value) => Reflect.set(target, key, this.#unwrapped(value), target),
      has: (_, key) => Reflect.has(target, key),
      getPrototypeOf: () => Object.getPrototypeOf(target),
      ownKeys: () => Reflect.ownKeys(target),
      getOwnPropertyDescriptor: (_, key) => {
        const found = Reflect.getOwnPropertyDescriptor(target, key);
        return found && { ...found, configurable: true };
      },
    });
  }

  #method(target: object, method: AnyFunction, label: string): AnyFunction {
    return (...values) => {
      if (this.dead) return never();
      const text = typeof values[0] === 'string' ? `: ${oneLine(values[0])}` : '';
      if (this.#point(`${label} before${text}`)) return never();
      const result = method.apply(target, this.#handedIn(values, label));
      if (isThenable(result)) return this.#learned(result, `${label} after${text}`, label);
      return hasMethods(result) ? this.guard(result, label) : result;
    };
  }

  #throughWorld<T>(label: string, text: string, work: () => Promise<T>): Promise<T> {
    if (this.dead || this.#point(`${label} before${text}`)) return never();
    return this.#learned(work(), `${label} after${text}`, label) as Promise<T>;
  }

  /** The caller learns of the result unless this life ends before. */
  async #learned(result: PromiseLike<unknown>, point: string, label: string): Promise<unknown> {
    const settled = Promise.resolve(result);
    this.#inFlight.add(settled);
    try {
      const value = await settled;
      if (this.#point(point)) return await never();
      return hasMethods(value) ? this.guard(value, label) : value;
    } catch (error) {
      if (error instanceof KilledError || this.#point(point)) return await never();
      throw error;
    } finally {
      this.#inFlight.delete(settled);
    }
  }

  #handedIn(values: readonly unknown[], label: string): unknown[] {
    return values.map((value) => {
      const plain = this.#unwrapped(value);
      if (plain !== value) return plain;
      if (typeof value === 'function') return this.#callback(value as AnyFunction, label);
      return hasMethods(value) ? this.#sink(value) : value;
    });
  }

  /** What is handed to it is guarded; if this life ends, the world gets an error in place of its answer. */
  #callback(callback: AnyFunction, label: string): AnyFunction {
    return (...values) => {
      if (this.dead) throw new KilledError(this.#death!.label);
      const guarded = values.map((value) =>
        hasMethods(value) ? this.guard(value, label.replace(/\.[^.]*$/, '.tx')) : value,
      );
      const result = callback(...guarded);
      if (!isThenable(result)) return result;
      const death = this.#died.then((died) => Promise.reject(new KilledError(died.label)));
      const answer = Promise.resolve(result).then((value) => {
        const over = this.#point(`${label} work done`);
        return over ? never() : this.#unwrapped(value);
      });
      death.catch(() => {});
      return Promise.race([answer, death]);
    };
  }

  /** An object whose functions the world calls: ignored when this life is over. */
  #sink(sink: object): object {
    const known = this.#proxies.get(sink);
    if (known !== undefined) return known;
    const proxy = new Proxy(sink, {
      get: (target, key) => {
        const value = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        return (...values: unknown[]) =>
          this.dead ? never() : (value as AnyFunction).apply(target, values);
      },
    });
    this.#proxies.set(sink, proxy);
    return proxy;
  }

  #clock(clock: Clock): Clock {
    return {
      nowMs: () => clock.nowMs(),
      after: (delayMs, callback) =>
        clock.after(delayMs, () => (this.dead ? undefined : callback())),
    };
  }

  #unwrapped(value: unknown): unknown {
    return typeof value === 'object' && value !== null
      ? (this.#targets.get(value) ?? value)
      : value;
  }
}

/** Runs the scenario once unharmed, then once for each of its kill points. Rejects at the first broken invariant. */
export async function forEveryKillPoint<World>(
  scenario: KillScenario<World>,
  options: KillOptions = {},
): Promise<KillReport> {
  const { kills = 1, every = 1 } = options;
  const unharmed = new KillSwitch();
  await inWorld(scenario, [unharmed], options);
  const points = unharmed.labels.length;
  const known = new KnownPoints(unharmed.points);
  const tried = new Set<string>();
  const died = new Set<string>();
  let deaths = 0;
  for (let index = 0; index < known.list.length; index += every) {
    const point = known.list[index]!;
    tried.add(point.what);
    for (let attempt = 1; attempt <= (point.nth === 1 ? ATTEMPTS : 1); attempt += 1) {
      const lives = [new KillSwitch(point)];
      // Any spread will do, if it is another place for each point, and the same one in each run of the test.
      if (kills === 2) lives.push(new KillSwitch((index * 7919 + 13) % points));
      lives.push(new KillSwitch());
      await inWorld(scenario, lives, options);
      deaths += lives.filter((life) => life.dead).length;
      known.add(lives[0]!.points);
      if (lives[0]!.dead) {
        died.add(point.what);
        break;
      }
    }
  }
  const missed = [...tried].filter((what) => !died.has(what));
  return { points, deaths, labels: unharmed.labels, missed };
}

/** What a life came by, and those that other lives came by beside it. */
class KnownPoints {
  readonly list: CommonPoint[];
  readonly #first: number;
  readonly #counts = new Map<string, number>();

  constructor(unharmed: readonly CommonPoint[]) {
    this.list = [];
    this.#first = Number.POSITIVE_INFINITY;
    this.add(unharmed);
    this.#first = unharmed.length;
  }

  /** Some lives poll for long: repetitions are not taken in without end. What nobody has done before always is, within reason. */
  add(points: readonly CommonPoint[]): void {
    for (const point of points) {
      const { what, nth } = point;
      if (nth <= (this.#counts.get(what) ?? 0)) continue;
      if (nth > 1 && this.list.length >= this.#first * REPETITIONS_FACTOR) continue;
      if (this.list.length >= this.#first * KINDS_FACTOR) {
        throw new Error(`each life does something else, such as "${what}"; take what differs out`);
      }
      this.#counts.set(what, nth);
      this.list.push(point);
    }
  }
}

/** Lives one after the other in one world, until one of them is not killed. */
async function inWorld<World>(
  scenario: KillScenario<World>,
  lives: readonly KillSwitch[],
  options: KillOptions,
): Promise<void> {
  const world = await scenario.setup();
  const deaths: Death[] = [];
  try {
    for (const life of lives) {
      const start = deaths.length === 0 ? scenario.run : (scenario.recover ?? scenario.run);
      await oneLife(start.call(scenario, world, life), life, options.timeoutMs ?? 15_000);
      if (life.death === undefined) break;
      deaths.push(life.death);
    }
    await scenario.check(world, deaths[0]);
  } catch (error) {
    const how = deaths.map(({ point, label }) => `point ${point} (${label})`).join(', then at ');
    const when = how === '' ? 'without being killed' : `killed at ${how}`;
    throw new Error(`${when}: ${error instanceof Error ? error.message : error}`, { cause: error });
  } finally {
    await scenario.teardown?.(world);
  }
}

async function oneLife(run: Promise<unknown>, life: KillSwitch, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const hangs = new Promise<never>((_, reject) => {
    const last = (): string => life.labels.at(-1) ?? 'no point';
    timer = setTimeout(
      () => reject(new Error(`a life hangs after ${life.labels.length} points: ${last()}`)),
      timeoutMs,
    );
  });
  try {
    // What a dead run still throws is nobody's concern.
    const lived = run.catch((error: unknown) => (life.dead ? never() : Promise.reject(error)));
    await Promise.race([lived, life.died, hangs]);
  } finally {
    clearTimeout(timer);
    if (life.dead) await life.settle();
  }
}

function never(): Promise<never> {
  return new Promise(() => {});
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

function isClock(value: object): value is Clock {
  const { nowMs, after } = value as Partial<Clock>;
  return typeof nowMs === 'function' && typeof after === 'function';
}

/** Objects that do something, as opposed to data. */
function hasMethods(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || isData(value)) return false;
  for (let level: object | null = value; level !== null; level = Object.getPrototypeOf(level)) {
    if (level === Object.prototype) return false;
    for (const key of Reflect.ownKeys(level)) {
      const found = Reflect.getOwnPropertyDescriptor(level, key);
      if (key !== 'constructor' && typeof found?.value === 'function') return true;
    }
  }
  return false;
}

const DATA = [Map, Set, WeakMap, Date, Error, RegExp, URL, ArrayBuffer, EventTarget, Promise];

function isData(value: object): boolean {
  return Array.isArray(value) || ArrayBuffer.isView(value) || DATA.some((c) => value instanceof c);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, 60);
}
