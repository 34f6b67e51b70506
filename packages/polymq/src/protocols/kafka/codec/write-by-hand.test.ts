import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  arbitraryBody,
  type Body,
  versionsOf,
} from '../../../../test/unit/kafka-codec/arbitrary.ts';
import { Writer } from '../../../lib/bytes/writer.ts';
import { produce } from '../schema/00-produce.ts';
import { fetch } from '../schema/01-fetch.ts';
import { compileWrite } from './compile-write.ts';
import { isFlexible } from './headers.ts';
import { planStruct } from './plan.ts';
import type { ApiSpec } from './spec.ts';
import { writeFetchResponse, writeProduceResponse } from './write-by-hand.ts';

function bytesOf(write: (writer: Writer) => void): string {
  const writer = new Writer();
  writer.begin();
  write(writer);
  return Buffer.concat(writer.finish()).toString('hex');
}

/** Leaves out optional fields of the partitions, as handlers do. */
function withoutOptional(body: Body, topics: string, partitions: string, names: string[]): Body {
  const strip = (struct: Body): Body =>
    Object.fromEntries(Object.entries(struct).filter(([name]) => !names.includes(name)));
  const stripped = (body[topics] as Body[]).map((topic) => ({
    ...topic,
    [partitions]: (topic[partitions] as Body[]).map(strip),
  }));
  return { ...strip(body), [topics]: stripped };
}

const CASES = [
  {
    api: produce as ApiSpec,
    byHand: writeProduceResponse,
    partitions: 'partitionResponses',
    optional: [
      'logAppendTimeMs',
      'logStartOffset',
      'recordErrors',
      'errorMessage',
      'currentLeader',
    ],
  },
  {
    api: fetch as ApiSpec,
    byHand: writeFetchResponse,
    partitions: 'partitions',
    optional: [
      'lastStableOffset',
      'logStartOffset',
      'divergingEpoch',
      'currentLeader',
      'snapshotId',
    ],
  },
];

describe.each(CASES)('the hand-written writer of $api.name responses', (one) => {
  const { api, byHand } = one;
  const plan = planStruct(api.response, { since: api.versions[0], until: api.versions[1] });

  it.each(versionsOf(api))('does what the table says in version %i', (version) => {
    const byTable = compileWrite(plan, { version, isFlexible: isFlexible(api, version) });
    const names = fc.subarray([...one.optional, 'nodeEndpoints', 'throttleTimeMs', 'sessionId']);
    fc.assert(
      fc.property(arbitraryBody(api, 'response', version), names, (full, leftOut) => {
        const some = leftOut.filter((name) => api.key === produce.key || name !== 'throttleTimeMs');
        const body = withoutOptional(full, 'responses', one.partitions, some);
        expect(bytesOf((writer) => byHand(writer, version, body as never))).toBe(
          bytesOf((writer) => byTable(writer, body)),
        );
      }),
      { numRuns: 100, seed: 9 },
    );
  });
});
