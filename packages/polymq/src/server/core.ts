/** Opens the core: the log engine, then what stands on it. The one place that knows which engine runs. */
import type { Broker } from '../core/broker.ts';
import type { Environment } from '../lib/environment/environment.ts';
import type { Logger } from '../lib/logger.ts';
import type { LogEngine } from '../log/log.ts';
import { createMemoryEngine } from '../log/memory/memory-engine.ts';
import type { Config } from './config/settings.ts';
import type { Lifecycle } from './lifecycle.ts';

export interface CoreOptions {
  config: Config;
  environment: Environment;
  logger: Logger;
  lifecycle: Lifecycle;
}

export interface OpenCore {
  readonly broker: Broker;
  readonly engine: LogEngine;
}

export async function openCore(options: CoreOptions): Promise<OpenCore> {
  const { config, environment, lifecycle } = options;
  const engine = await lifecycle.start(
    'log engine',
    () => createMemoryEngine(environment),
    (opened) => opened.close(),
  );
  const broker = {
    clusterId: config.clusterId,
    nodeId: config.nodeId,
    autoCreateStreams: config.streams.autoCreate,
  } as Broker;
  return { broker, engine };
}
