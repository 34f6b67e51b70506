import type { ApiSpec } from '../codec/spec.ts';
import { kafkaCode, NONE } from '../errors.ts';
import { type Handler, handler } from '../handler.ts';
import { apiVersions } from '../schema/18-api-versions.ts';

/** The first version that names the client software (KIP-511). */
const SOFTWARE_SINCE = 3;
const SOFTWARE_NAME = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;
const SOFTWARE_NAME_BYTES_MAX = 256;

/** ApiVersions: exactly the APIs that have a handler. */
export const apiVersionsHandler: Handler<typeof apiVersions> = handler(
  apiVersions,
  (request, context) => {
    const named = (text: string) =>
      text.length <= SOFTWARE_NAME_BYTES_MAX && SOFTWARE_NAME.test(text);
    const valid =
      context.version < SOFTWARE_SINCE ||
      (named(request.clientSoftwareName) && named(request.clientSoftwareVersion));
    return {
      errorCode: valid ? NONE : kafkaCode('INVALID_REQUEST'),
      apiKeys: valid ? context.offered.map(range) : [],
      throttleTimeMs: 0,
    };
  },
);

export function range(api: ApiSpec): { apiKey: number; minVersion: number; maxVersion: number } {
  return { apiKey: api.key, minVersion: api.versions[0], maxVersion: api.versions[1] };
}
