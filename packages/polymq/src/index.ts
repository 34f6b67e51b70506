/** The broker as a library: the same one that `polymq serve` runs, in this process. */
export {
  type EmbeddedClient,
  type EmbeddedClock,
  type EmbedOptions,
  embed,
} from './embed/embed.ts';
export { openEmbeddedDriver } from './embed/open-driver.ts';
export type { SharedBrokerOptions } from './embed/shared-broker.ts';
export type { Environment } from './lib/environment/environment.ts';
export type { LogFields, Logger } from './lib/logger.ts';
export {
  type BrokerOptions,
  type DeepPartial,
  type RunningBroker,
  startBroker,
} from './server/broker.ts';
export { ConfigError } from './server/config/resolve.ts';
export type { Config } from './server/config/settings.ts';
export type { LifecycleState } from './server/lifecycle.ts';
export type { BoundListener, SkippedListener } from './server/listeners.ts';
