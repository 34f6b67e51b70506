import { BrokerError } from '../../core/errors.ts';
import type { StreamConfigName } from '../../core/stream/stream-config.ts';
import { CONFIG_RESOURCE } from './config-resource.ts';
import { failureOf, NONE } from './errors.ts';
import type { Context } from './handler.ts';

/** The two alter APIs differ in how they name changes; the rest is one. */
interface ConfigResource {
  readonly resourceType: number;
  readonly resourceName: string;
}

export interface AlterOutcome {
  errorCode: number;
  errorMessage: string | null;
  resourceType: number;
  resourceName: string;
}

export type ConfigChanges = ReadonlyMap<StreamConfigName, string | undefined>;

/** Applies the changes of one resource, all or nothing, durably unless it is a dry run. */
export async function alterResource<R extends ConfigResource>(
  resource: R,
  changesOf: (resource: R) => ConfigChanges,
  dryRun: boolean,
  context: Context,
): Promise<AlterOutcome> {
  const { resourceType, resourceName } = resource;
  try {
    if (resourceType !== CONFIG_RESOURCE.topic) {
      throw new BrokerError(
        'invalid-request',
        'only topics are configured over Kafka; set broker settings by flag, environment or file',
      );
    }
    await context.broker.streams.configure(resourceName, changesOf(resource), { dryRun });
    return { errorCode: NONE, errorMessage: null, resourceType, resourceName };
  } catch (error) {
    return { ...failureOf(error), resourceType, resourceName };
  }
}
