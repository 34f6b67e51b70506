import { ProtocolError } from '../../../src/lib/bytes/protocol-error.ts';
import { decodeRequest } from '../../../src/protocols/kafka/codec/codec.ts';
import { decodeRequestHeader } from '../../../src/protocols/kafka/codec/headers.ts';
import { apiByKey } from '../../../src/protocols/kafka/codec/registry.ts';
import { sampleRequests } from '../sample-requests.ts';
import type { FuzzTarget } from '../target.ts';

/** Headers and bodies of all requests. */
export function kafkaRequest(): FuzzTarget {
  return {
    name: 'kafka-request',
    seeds: () => sampleRequests().map((sample) => sample.frame),
    run: (input) => {
      const header = decodeRequestHeader(input);
      const api = apiByKey(header.apiKey);
      if (api) decodeRequest(api, header.apiVersion, input, header.bodyStart);
    },
    allows: (error) => error instanceof ProtocolError,
    memoryBytesMax: 0,
  };
}
