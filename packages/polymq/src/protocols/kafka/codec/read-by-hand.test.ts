import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryBody, versionsOf } from '../../../../test/unit/kafka-codec/arbitrary.ts';
import { ProtocolError } from '../../../lib/bytes/protocol-error.ts';
import { Reader } from '../../../lib/bytes/reader.ts';
import { produce } from '../schema/00-produce.ts';
import { fetch } from '../schema/01-fetch.ts';
import { encodeRequest } from './codec.ts';
import { compileRead } from './compile-read.ts';
import { decodeRequestHeader, isFlexible } from './headers.ts';
import { planStruct } from './plan.ts';
import { readFetchRequest } from './read-fetch-request.ts';
import { readProduceRequest } from './read-produce-request.ts';
import type { ApiSpec } from './spec.ts';

const HEADER = { correlationId: 1, clientId: null };

/** What a reader makes of bytes: its value and how far it came, or that it refused them. */
function outcomeOf(read: () => unknown, reader: Reader): unknown {
  try {
    return { value: read(), position: reader.position };
  } catch (error: unknown) {
    if (error instanceof ProtocolError) return 'refused';
    throw error;
  }
}

describe.each([
  ['Produce', produce as ApiSpec, readProduceRequest],
  ['Fetch', fetch as ApiSpec, readFetchRequest],
] as const)('the hand-written reader of %s requests', (_name, api, readByHand) => {
  const plan = planStruct(api.request, { since: api.versions[0], until: api.versions[1] });

  it.each(versionsOf(api))('does what the table says in version %i', (version) => {
    const readByTable = compileRead(plan, { version, isFlexible: isFlexible(api, version) });
    const compare = (frame: Buffer, start: number): void => {
      const byHand = new Reader(frame, start);
      const byTable = new Reader(frame, start);
      expect(outcomeOf(() => readByHand(byHand, version), byHand)).toEqual(
        outcomeOf(() => readByTable(byTable), byTable),
      );
    };
    const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 2 });
    fc.assert(
      fc.property(arbitraryBody(api, 'request', version), damage, (body, changes) => {
        const frame = Buffer.concat(encodeRequest(api, version, HEADER, body)).subarray(4);
        const { bodyStart } = decodeRequestHeader(frame);
        compare(frame, bodyStart);
        for (const [at, byte] of changes) {
          frame[bodyStart + (at % (frame.length - bodyStart))] = byte;
          compare(frame, bodyStart);
        }
      }),
      { numRuns: 100, seed: 5 },
    );
  });
});
