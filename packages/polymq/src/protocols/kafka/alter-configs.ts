import { BrokerError } from '../../core/errors.ts';
import type { StreamConfigName } from '../../core/stream/stream-config.ts';
import { CONFIG_RESOURCE, checkBrokerName } from './config-resource.ts';
import { failureOf, NONE } from './errors.ts';
import type { Context } from './handler.ts';
import { type CoreSetting, toCoreConfig, toCoreDefault } from './topic-configs.ts';

/** The two alter APIs differ in how they name changes; the rest is one. */
interface ConfigResource {
  readonly resourceType: number;
  readonly resourceName: string;
}

interface AlterOutcome {
  errorCode: number;
  errorMessage: string | null;
  resourceType: number;
  resourceName: string;
}

export type ConfigChanges = ReadonlyMap<StreamConfigName, string | undefined>;
export type Translate = (name: string, value: string | null) => CoreSetting | undefined;

/** Applies the changes of one resource, all or nothing, durably unless it is a dry run. */
export async function alterResource<R extends ConfigResource>(
  resource: R,
  changesOf: (resource: R, translate: Translate) => ConfigChanges,
  dryRun: boolean,
  context: Context,
): Promise<AlterOutcome> {
  const { resourceType, resourceName } = resource;
  const { streams } = context.broker;
  try {
    if (resourceType === CONFIG_RESOURCE.topic) {
      await streams.configure(resourceName, changesOf(resource, toCoreConfig), { dryRun });
    } else if (resourceType === CONFIG_RESOURCE.broker) {
      checkBrokerName(resourceName, context.broker.nodeId);
      await streams.configureDefaults(changesOf(resource, toCoreDefault), { dryRun });
    } else {
      throw new BrokerError(
        'invalid-request',
        `resources of type ${resourceType} cannot be altered`,
      );
    }
    return { errorCode: NONE, errorMessage: null, resourceType, resourceName };
  } catch (error) {
    return { ...failureOf(error), resourceType, resourceName };
  }
}
