import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { APIS } from '../../../src/protocols/kafka/codec/registry.ts';
import { arbitraryBody, versionsOf } from './arbitrary.ts';
import { decodeFrame, encodeFrame } from './frames.ts';

describe('every Kafka API and version', () => {
  for (const api of APIS) {
    for (const side of ['request', 'response'] as const) {
      it(`decodes what it encodes: ${api.name} ${side}`, () => {
        for (const version of versionsOf(api)) {
          fc.assert(
            fc.property(arbitraryBody(api, side, version), (body) => {
              const frame = encodeFrame(api, side, version, body);
              expect(decodeFrame(api, side, version, frame)).toEqual(body);
            }),
            { numRuns: 25, seed: 7 },
          );
        }
      });
    }
  }
});
