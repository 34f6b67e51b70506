import { BrokerError } from '../../../core/errors.ts';
import type { StreamConfigName } from '../../../core/stream/stream-config.ts';
import { alterResource, type ConfigChanges, type Translate } from '../alter-configs.ts';
import type { RequestOf } from '../codec/spec.ts';
import { type Handler, handler } from '../handler.ts';
import { incrementalAlterConfigs } from '../schema/44-incremental-alter-configs.ts';

type Resource = RequestOf<typeof incrementalAlterConfigs>['resources'][number];
type Change = Resource['configs'][number];

const SET = 0;
const DELETE = 1;
const APPEND = 2;
const SUBTRACT = 3;

/** IncrementalAlterConfigs: only what is named changes (KIP-339). */
export const incrementalAlterConfigsHandler: Handler<typeof incrementalAlterConfigs> = handler(
  incrementalAlterConfigs,
  async (request, context) => ({
    throttleTimeMs: 0,
    responses: await Promise.all(
      request.resources.map((resource) =>
        alterResource(resource, changesOf, request.validateOnly, context),
      ),
    ),
  }),
);

function changesOf(resource: Resource, translate: Translate): ConfigChanges {
  const changes = new Map<StreamConfigName, string | undefined>();
  const named = new Set<string>();
  for (const change of resource.configs) {
    if (named.has(change.name)) {
      throw new BrokerError('invalid-request', `${change.name} is named twice`);
    }
    named.add(change.name);
    const setting = translate(change.name, newValue(change));
    if (setting) changes.set(setting.name, setting.value);
  }
  return changes;
}

function newValue(change: Change): string | null {
  switch (change.configOperation) {
    case DELETE:
      return null;
    case SET:
      if (change.value !== null) return change.value;
      throw new BrokerError('invalid-config', `the value of ${change.name} is null`);
    case APPEND:
    case SUBTRACT:
      throw new BrokerError('invalid-config', `${change.name} is not a list that can be changed`);
    default:
      throw new BrokerError('invalid-request', `unknown operation ${change.configOperation}`);
  }
}
