import type { Broker } from '../../../core/broker.ts';
import type { Environment } from '../../../lib/environment/environment.ts';
import type { Logger } from '../../../lib/logger.ts';
import type { AwsOptions } from '../options.ts';
import type { DeliveryWorkers } from './delivery-port.ts';
import type { SnsSigner } from './signing/signer.ts';
import type { Subscriptions } from './subscriptions.ts';
import type { Topics } from './topics.ts';
import type { Turns } from './turns.ts';

/** What the handlers of SNS share. */
export interface SnsContext {
  readonly broker: Broker;
  readonly environment: Environment;
  readonly logger: Logger;
  readonly options: AwsOptions;
  readonly signer: SnsSigner;
  readonly topics: Topics;
  readonly subscriptions: Subscriptions;
  readonly workers: DeliveryWorkers;
  /** Changes of a topic and of its subscriptions run one after the other, by the topic's name. */
  readonly turns: Turns;
  /** Why deliveries to the URL would be refused, as far as the URL shows it; undefined if they would not. */
  checkTarget(url: URL): string | undefined;
}
