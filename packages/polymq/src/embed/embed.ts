import { type Client, type ClientOptions, createClient } from '@polymq/client';
import { type Clock, type Duration, durationMs, PolymqError } from '@polymq/client/driver';
import type { RunningBroker } from '../server/broker.ts';
import { EmbeddedDriver } from './driver.ts';
import { joinBroker, type SharedBroker, type SharedBrokerOptions } from './shared-broker.ts';

/** How the client is to be, and any settings of the broker (docs/reference/config.md) by name. */
export interface EmbedOptions extends SharedBrokerOptions, ClientOptions {
  /**
   * The directory of the broker's data, or `memory:` for none. Clients in one process that name the same directory share one
   * broker, with the settings of the first; so do those that name the same `memory:name`.
   */
  data?: string;
  /** Where other programs reach the broker, such as `['amqp://127.0.0.1:5672']`. Missing: nowhere, this process only. */
  listen?: string[];
  /** `manual`: time stands still until `mq.clock.advance` moves it. For tests. */
  clock?: 'system' | 'manual';
  /** A name that shows where clients are listed. */
  name?: string;
}

/** A client, and the broker that runs in this process with it. */
export interface EmbeddedClient extends Client {
  /** Its settings, and the listeners that were asked for. It stops when its last client is closed. */
  readonly broker: RunningBroker;
  readonly clock: EmbeddedClock;
  /** One more client of the same broker, as another process would be. */
  another(options?: ClientOptions & { name?: string }): Promise<EmbeddedClient>;
}

export interface EmbeddedClock extends Clock {
  /**
   * Lets time pass, with `clock: 'manual'`: timers go off in their order. Resolves when what became due has been delivered, and
   * handlers have done what they do without waiting for something else. Rejects with `invalid-argument` for other clocks.
   */
  advance(duration: Duration): Promise<void>;
}

const CALL_MS = 30_000;
const NAME = 'embedded';

/**
 * A broker in this process, and a client of it, without any socket in between. Everything acknowledged is on disk (see the setting
 * `durability`) unless `data` is `memory:`. Rejects with `ConfigError` if an option is wrong, and with what happened if the broker
 * cannot start: another process may have the directory.
 *
 * The process lives as long as a consumer, a subscription or a served service is open, and ends by itself otherwise.
 */
export async function embed(options: EmbedOptions = {}): Promise<EmbeddedClient> {
  const { interceptors, timeout, onError, random, name, ...settings } = options;
  const broker = await joinBroker(settings);
  return openClient(broker, defined({ interceptors, timeout, onError, random, name }));
}

async function openClient(
  broker: SharedBroker,
  { name, ...options }: ClientOptions & { name?: string },
): Promise<EmbeddedClient> {
  const { timeout } = options;
  const timeoutMs = timeout === undefined ? CALL_MS : durationMs(timeout, 'timeout');
  const clock = advanceable(broker);
  const driver = new EmbeddedDriver(broker, { timeoutMs, clientName: name ?? NAME, clock });
  const another = async (more: ClientOptions & { name?: string } = {}): Promise<EmbeddedClient> => {
    broker.enter();
    return openClient(broker, more);
  };
  return Object.assign(createClient(driver, options), { broker: broker.running, clock, another });
}

function advanceable({ clock, manual }: SharedBroker): EmbeddedClock {
  return {
    ...clock,
    async advance(duration: Duration): Promise<void> {
      if (manual !== undefined) return manual.advance(durationMs(duration, 'duration'));
      throw new PolymqError(
        'invalid-argument',
        "this clock runs by itself; use embed({ data: 'memory:', clock: 'manual' }) to move it",
      );
    },
  };
}

/** Without what is undefined. */
function defined(
  values: { [K in keyof EmbedOptions]: EmbedOptions[K] | undefined },
): ClientOptions & { name?: string } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
