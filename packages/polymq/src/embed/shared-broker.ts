/**
 * Brokers that run in this process, each shared by the clients that were opened on it: the last one to close stops it. Those of a data
 * directory, and named ones in memory, are found again by their place, as a server would be by its address.
 */
import { resolve } from 'node:path';
import type { Clock } from '@polymq/client/driver';
import type { Broker } from '../core/broker.ts';
import type { Environment } from '../lib/environment/environment.ts';
import { ManualClock } from '../lib/environment/manual/manual-clock.ts';
import type { ProcessHold } from '../lib/environment/process-hold.ts';
import {
  type BrokerOptions,
  type OpenBroker,
  type RunningBroker,
  startWithCore,
} from '../server/broker.ts';
import { MEMORY_DATA } from '../server/core.ts';
import { IN_PROCESS } from './topic/membership.ts';

export interface SharedBrokerOptions extends BrokerOptions {
  /** `manual`: time stands still until it is advanced. */
  clock?: 'system' | 'manual' | undefined;
}

export class SharedBroker {
  readonly running: RunningBroker;
  readonly core: Broker;
  readonly environment: Environment;
  /** Undefined: time passes by itself. */
  readonly manual: ManualClock | undefined;
  readonly clock: Clock;
  /** Consumers and subscriptions, which are why a program runs, keep it running. */
  readonly hold: ProcessHold;
  /** Work under way that ends without time passing. */
  pending = 0;
  readonly #onStop: () => void;
  #users = 0;

  private constructor(parts: OpenBroker, manual: ManualClock | undefined, onStop: () => void) {
    this.running = parts.running;
    this.core = parts.core;
    this.environment = parts.environment;
    this.hold = parts.hold;
    this.manual = manual;
    this.clock = clockOf(parts.environment);
    this.#onStop = onStop;
    if (manual !== undefined) manual.busy = () => this.pending > 0;
  }

  static async start(
    { clock, ...options }: SharedBrokerOptions,
    onStop: () => void = () => undefined,
  ): Promise<SharedBroker> {
    const manual = clock === 'manual' ? new ManualClock() : undefined;
    const time = manual === undefined ? undefined : { clock: manual, timers: manual };
    const parts = await startWithCore(options, { quiet: true, time });
    await forgetMembers(parts.core);
    return new SharedBroker(parts, manual, onStop);
  }

  enter(): void {
    this.#users += 1;
  }

  async leave(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#onStop();
    await this.running.stop();
  }

  track<T>(work: Promise<T>): Promise<T> {
    if (this.manual === undefined) return work;
    this.pending += 1;
    const done = (): void => {
      this.pending -= 1;
    };
    work.then(done, done);
    return work;
  }
}

/** By place. A promise while it starts. */
const brokers = new Map<string, Promise<SharedBroker>>();

/** The broker at that place, which is started if none runs there. Whoever gets it enters it, and leaves it. */
export async function joinBroker(options: SharedBrokerOptions): Promise<SharedBroker> {
  const place = placeOf(options.data);
  if (place === undefined) {
    const broker = await SharedBroker.start(options);
    broker.enter();
    return broker;
  }
  let starting = brokers.get(place);
  if (starting === undefined) {
    const inMemory = place.startsWith(MEMORY_DATA);
    const settings = inMemory ? { ...options, data: MEMORY_DATA } : options;
    starting = SharedBroker.start(settings, () => brokers.delete(place));
    brokers.set(place, starting);
    starting.catch(() => brokers.delete(place));
  }
  const broker = await starting;
  broker.enter();
  return broker;
}

/** Undefined: a place of its own. */
function placeOf(data: string | undefined): string | undefined {
  if (data === undefined || data === MEMORY_DATA) return undefined;
  return data.startsWith(MEMORY_DATA) ? data : resolve(data);
}

/** Members of groups that were in an earlier life of this process are gone, so nobody shall wait for them. */
async function forgetMembers({ groups }: Broker): Promise<void> {
  for (const { groupId } of await groups.list()) {
    const { members } = await groups.describe(groupId);
    const gone = members.filter(({ clientHost }) => clientHost === IN_PROCESS);
    if (gone.length === 0) continue;
    await groups.leave(
      groupId,
      gone.map(({ memberId }) => ({ memberId })),
    );
  }
}

function clockOf({ clock, timers }: Environment): Clock {
  return {
    nowMs: () => Math.floor(clock.nowMs()),
    after(delayMs, callback) {
      const timer = timers.after(Math.min(delayMs, TIMER_MS_MAX), callback);
      return { cancel: () => timers.clear(timer) };
    },
  };
}

/** The longest that a timer of Node can wait. */
const TIMER_MS_MAX = 2 ** 31 - 1;
