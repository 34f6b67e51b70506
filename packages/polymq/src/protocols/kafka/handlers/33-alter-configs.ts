import { BrokerError } from '../../../core/errors.ts';
import { STREAM_CONFIG, type StreamConfigName } from '../../../core/stream/stream-config.ts';
import { alterResource, type ConfigChanges, type Translate } from '../alter-configs.ts';
import type { RequestOf } from '../codec/spec.ts';
import { type Handler, handler } from '../handler.ts';
import { alterConfigs } from '../schema/33-alter-configs.ts';

type Resource = RequestOf<typeof alterConfigs>['resources'][number];

/** AlterConfigs, the older form: what is not named goes back to its default. */
export const alterConfigsHandler: Handler<typeof alterConfigs> = handler(
  alterConfigs,
  async (request, context) => ({
    throttleTimeMs: 0,
    responses: await Promise.all(
      request.resources.map((resource) =>
        alterResource(resource, replacement, request.validateOnly, context),
      ),
    ),
  }),
);

function replacement(resource: Resource, translate: Translate): ConfigChanges {
  const changes = new Map<StreamConfigName, string | undefined>();
  for (const name of Object.keys(STREAM_CONFIG) as StreamConfigName[]) changes.set(name, undefined);
  for (const { name, value } of resource.configs) {
    if (value === null) {
      throw new BrokerError('invalid-config', `the value of ${name} is null`);
    }
    const setting = translate(name, value);
    if (setting) changes.set(setting.name, setting.value);
  }
  return changes;
}
