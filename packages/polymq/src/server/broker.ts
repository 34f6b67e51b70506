/**
 * The composition root: everything long-lived is made here and handed its dependencies.
 *
 * Start order: configuration → core (engine, meta, streams, groups) → protocol servers → listeners → ready.
 * A stop goes the other way: not ready → stop accepting and drain → core → engine. If a part does not start, what
 * has been started is stopped before the error is thrown.
 */
import { eventLogRoutes } from '../admin/event-log-routes.ts';
import { healthRoutes, type ReadinessCheck } from '../admin/health.ts';
import { metricsRoutes } from '../admin/metrics-routes.ts';
import { queueRoutes } from '../admin/queue-routes.ts';
import type { Route } from '../admin/routes.ts';
import type { Broker } from '../core/broker.ts';
import { CounterRegistry, LATENCY_BOUNDS_S } from '../lib/counters.ts';
import type { Clock, Timers } from '../lib/environment/clock.ts';
import type { Environment } from '../lib/environment/environment.ts';
import { createNodeEnvironment } from '../lib/environment/node/node-environment.ts';
import { NodeProcessHold } from '../lib/environment/node/process-hold.ts';
import type { ProcessHold } from '../lib/environment/process-hold.ts';
import { type Logger, silentLogger } from '../lib/logger.ts';
import type { LogEngine } from '../log/log.ts';
import { type ResolvedConfig, resolveConfig } from './config/resolve.ts';
import type { Config } from './config/settings.ts';
import { type OpenCore, openCore } from './core.ts';
import { DiskWatch } from './disk-watch.ts';
import { Lifecycle, type LifecycleState } from './lifecycle.ts';
import {
  type BoundListener,
  planListening,
  type SkippedListener,
  startListeners,
} from './listeners.ts';
import { EventLoopDelay, machineSamples } from './machine-samples.ts';
import { MemoryWatch, memoryWatermark } from './memory-watch.ts';
import { version } from './version.ts';

/** Any settings of the table (docs/reference/config.md), and how the broker meets the world. */
export type BrokerOptions = DeepPartial<Config> & {
  /** Default: this process's own disk, clock, timers, randomness and sockets. */
  environment?: Environment;
  /** Default: nothing is logged. */
  logger?: Logger;
};

export type DeepPartial<T> = {
  [K in keyof T]?: T[K] extends string | number | boolean | readonly unknown[]
    ? T[K]
    : DeepPartial<T[K]>;
};

export interface RunningBroker {
  readonly state: LifecycleState;
  readonly config: Config;
  /** Every address that is bound. */
  readonly listeners: readonly BoundListener[];
  /** Usual ports that were taken by another program. */
  readonly skipped: readonly SkippedListener[];
  /** The first listener of a protocol; throws if there is none. */
  listener(protocol: string): BoundListener;
  /**
   * Resolves when a log has stopped after a storage error. Everything else goes on, but only a restart brings
   * that log back: stop the broker and let a supervisor start it again.
   */
  readonly failed: Promise<Error>;
  /** Drains and stops, within `config.stopMs` or the time given. Idempotent. */
  stop(deadlineMs?: number): Promise<void>;
}

/**
 * Starts a broker in this process: the same one that `polymq serve` starts. Rejects with `ConfigError` if
 * an option is wrong, and with what happened if a part cannot start; nothing is left running then.
 */
export async function startBroker(options: BrokerOptions = {}): Promise<RunningBroker> {
  const { environment, logger, ...tree } = options;
  return startResolved(resolveConfig({ tree, treeName: 'options' }), { environment, logger });
}

/** What a broker is given besides its settings. */
export interface World {
  environment?: Environment | undefined;
  logger?: Logger | undefined;
  /** See `ListenersOptions`. Default `skip`. */
  takenPorts?: 'skip' | 'replace';
  /** No listener at all unless the settings name some, instead of every protocol at its usual port. */
  quiet?: boolean | undefined;
  /** In place of the environment's own. */
  time?: { clock: Clock; timers: Timers } | undefined;
}

/** The same with a configuration that is resolved already. */
export async function startResolved(
  resolved: ResolvedConfig,
  world: World = {},
): Promise<RunningBroker> {
  const broker = new ComposedBroker(resolved, world);
  await broker.start();
  return broker;
}

/** A broker with its core in hand: for what runs beside the protocols in the same process. */
export interface OpenBroker {
  readonly running: RunningBroker;
  readonly core: Broker;
  readonly environment: Environment;
  readonly hold: ProcessHold;
}

export async function startWithCore(options: BrokerOptions, world: World): Promise<OpenBroker> {
  const { environment, logger, ...tree } = options;
  const resolved = resolveConfig({ tree, treeName: 'options' });
  const broker = new ComposedBroker(resolved, { environment, logger, ...world });
  await broker.start();
  return {
    running: broker,
    core: broker.core,
    environment: broker.environment,
    hold: new NodeProcessHold(),
  };
}

class ComposedBroker implements RunningBroker {
  readonly config: Config;
  readonly environment: Environment;
  /** For what watches the machine, whose time nobody moves by hand. */
  readonly #machineTimers: Timers;
  readonly #logger: Logger;
  readonly #lifecycle: Lifecycle;
  readonly #takenPorts: 'skip' | 'replace';
  readonly #quiet: boolean;
  readonly #counters = new CounterRegistry();
  #deadlineMs: number;
  readonly #loopDelay = new EventLoopDelay();
  readonly failed: Promise<Error>;
  #resolveFailed: (error: Error) => void = () => undefined;
  #failure: Error | undefined;
  #core: OpenCore | undefined;
  #listeners: readonly BoundListener[] = [];
  #skipped: readonly SkippedListener[] = [];

  constructor(resolved: ResolvedConfig, world: World) {
    this.config = resolved.config;
    this.#deadlineMs = this.config.stopMs;
    this.failed = new Promise((resolve) => {
      this.#resolveFailed = resolve;
    });
    const environment = world.environment ?? createNodeEnvironment();
    this.#machineTimers = environment.timers;
    this.environment = world.time === undefined ? environment : { ...environment, ...world.time };
    this.#logger = world.logger ?? silentLogger;
    this.#takenPorts = world.takenPorts ?? 'skip';
    this.#quiet = world.quiet ?? false;
    this.#lifecycle = new Lifecycle(this.#logger);
  }

  get state(): LifecycleState {
    return this.#lifecycle.state;
  }

  /** There once it has started. */
  get core(): Broker {
    return this.#core!.broker;
  }

  get listeners(): readonly BoundListener[] {
    return this.#listeners;
  }

  get skipped(): readonly SkippedListener[] {
    return this.#skipped;
  }

  listener(protocol: string): BoundListener {
    const found = this.#listeners.find((listener) => listener.protocol === protocol);
    if (found === undefined) throw new Error(`the broker has no ${protocol}:// listener`);
    return found;
  }

  stop(deadlineMs: number = this.config.stopMs): Promise<void> {
    this.#deadlineMs = Math.min(this.#deadlineMs, deadlineMs);
    return this.#lifecycle.stop();
  }

  async start(): Promise<void> {
    try {
      await this.#startParts();
    } catch (error: unknown) {
      // The cause of the failed start matters more than what a stop of the rest may meet.
      await this.#lifecycle.stop().catch(() => undefined);
      throw error;
    }
    this.#lifecycle.running();
  }

  async #startParts(): Promise<void> {
    const plan = planListening(this.config, { quiet: this.#quiet });
    const parts = {
      config: this.config,
      environment: this.environment,
      logger: this.#logger,
      lifecycle: this.#lifecycle,
    };
    const core = await openCore(parts);
    this.#core = core;
    await this.#lifecycle.start(
      'disk watch',
      () => {
        const watch = new DiskWatch(
          core.engine.metrics,
          this.#machineTimers,
          parts.logger,
          core.broker.alarms,
        );
        watch.start();
        return watch;
      },
      (watch) => watch.stop(),
    );
    await this.#lifecycle.start(
      'memory watch',
      () => {
        const watch = new MemoryWatch({
          bytesMax: memoryWatermark(this.config.limits.memoryPercentMax),
          timers: this.#machineTimers,
          logger: parts.logger,
          alarms: core.broker.alarms,
        });
        watch.start();
        return watch;
      },
      (watch) => watch.stop(),
    );
    await this.#lifecycle.start(
      'event loop watch',
      () => this.#loopDelay.start(),
      () => this.#loopDelay.stop(),
    );
    observeSyncs(core.engine, this.#counters);
    core.engine.metrics.onFailure = (error) => this.#noteFailure(error);
    const { listeners, skipped } = await startListeners({
      ...parts,
      plan,
      takenPorts: this.#takenPorts,
      broker: core.broker,
      counters: this.#counters,
      routes: [
        ...healthRoutes(this.#readinessChecks()),
        ...this.#metricsRoutes(core),
        ...queueRoutes(core.broker, parts.environment.clock),
        ...eventLogRoutes(core.broker),
      ],
      deadlineMs: () => this.#deadlineMs,
    });
    this.#listeners = listeners;
    this.#skipped = skipped;
  }

  #noteFailure(error: Error): void {
    this.#logger.error({ error }, 'a log has stopped after a storage error');
    this.#failure ??= error;
    this.#resolveFailed(error);
  }

  #readinessChecks(): ReadinessCheck[] {
    return [
      () => this.#failure?.message,
      () => (this.state === 'running' ? undefined : `the broker is ${this.state}`),
      () => (this.#core?.engine.metrics.lowSpace ? 'disk space is low' : undefined),
    ];
  }

  #metricsRoutes({ broker, engine, groups, queues }: OpenCore): Route[] {
    const labels = {
      version: version(),
      cluster_id: broker.clusterId,
      node_id: String(broker.nodeId),
    };
    return metricsRoutes({
      observed: {
        streams: broker.streams,
        groups,
        queues,
        retained: broker.retained,
        alarms: broker.alarms,
        engine: engine.metrics,
      },
      counters: this.#counters,
      seriesMax: this.config.admin.seriesMax,
      further: () => [
        ...machineSamples({
          ready: this.#readinessChecks().every((check) => check() === undefined),
          labels,
          diskFreeBytes: engine.metrics.freeBytes,
          connections: connectionCounts(this.#listeners),
        }),
        ...this.#loopDelay.samples(),
      ],
    });
  }
}

/** One count per protocol, whatever the number of its listeners. */
function connectionCounts(
  listeners: readonly BoundListener[],
): { protocol: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const { protocol, connectionCount } of listeners) {
    counts.set(protocol, (counts.get(protocol) ?? 0) + connectionCount);
  }
  return Array.from(counts, ([protocol, count]) => ({ protocol, count }));
}

function observeSyncs({ metrics }: LogEngine, counters: CounterRegistry): void {
  const seconds = counters.histogram('polymq_log_sync_seconds', LATENCY_BOUNDS_S);
  metrics.onSync = (durationMs) => seconds.observe(durationMs / 1_000);
}
