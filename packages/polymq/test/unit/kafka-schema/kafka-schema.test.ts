import { describe, expect, it } from 'vitest';
import { APIS } from '../../../src/protocols/kafka/codec/registry.ts';
import type { ApiSpec } from '../../../src/protocols/kafka/codec/spec.ts';
import { commonVersions, compareApi } from './compare.ts';
import { type Description, readDescriptions } from './message-description.ts';

const FOLDER = process.env['TEST_KAFKA_MESSAGES'];

/** A made-up API with one of everything, as Kafka would describe it. */
const SAMPLE: Description = {
  apiKey: 99,
  type: 'request',
  name: 'SampleRequest',
  validVersions: '0-3',
  flexibleVersions: '2+',
  fields: [
    { name: 'GroupId', type: 'string', versions: '0+' },
    { name: 'Reason', type: 'string', versions: '1+', nullableVersions: '2+', default: 'null' },
    { name: 'Epoch', type: 'int64', versions: '3+', taggedVersions: '3+', tag: 4, default: '-1' },
    { name: 'Items', type: '[]Item', versions: '0-2' },
  ],
  commonStructs: [{ name: 'Item', fields: [{ name: 'Index', type: 'int32', versions: '0+' }] }],
};

const sampleTable = {
  key: 99,
  name: 'Sample',
  versions: [0, 3],
  flexible: 2,
  request: {
    groupId: 'string',
    reason: 'string 1+ null 2+ = null',
    epoch: 'int64 3+ tag 4 = -1',
    items: { $: 'array 0-2', index: 'int32' },
  },
  response: {},
} as const;

function differencesOf(request: ApiSpec['request'], flexible = 2): string[] {
  const response: Description = { ...SAMPLE, type: 'response', name: 'SampleResponse', fields: [] };
  const api: ApiSpec = { ...sampleTable, flexible, request };
  return compareApi(api, [SAMPLE, response]).map((difference) => difference.where);
}

describe('the comparison of a schema table with a description of Kafka', () => {
  const { request } = sampleTable;

  it('finds nothing where both say the same', () => {
    expect(differencesOf(request)).toEqual([]);
  });

  it.each([
    ['a missing field', { ...request, groupId: undefined }],
    ['another type', { ...request, groupId: 'bytes' }],
    ['an earlier version', { ...request, reason: 'string null 2+ = null' }],
    ['an earlier null', { ...request, reason: 'string? 1+ = null' }],
    ['another default', { ...request, epoch: 'int64 3+ tag 4' }],
    ['another tag', { ...request, epoch: 'int64 3+ tag 5 = -1' }],
    ['a field that stays too long', { ...request, items: { $: 'array', index: 'int32' } }],
    ['a wrong field inside', { ...request, items: { $: 'array 0-2', index: 'int64' } }],
  ] as const)('finds %s', (_what, changed) => {
    expect(differencesOf(changed as ApiSpec['request'])).not.toEqual([]);
  });

  it('finds another order of fields', () => {
    const { groupId, ...rest } = request;
    expect(differencesOf({ ...rest, groupId })).not.toEqual([]);
  });

  it('finds another first flexible version', () => {
    expect(differencesOf(request, 1)).toContain('Sample request');
  });
});

describe.skipIf(FOLDER === undefined)(
  'the schema tables and the descriptions of Apache Kafka in TEST_KAFKA_MESSAGES',
  () => {
    const descriptions = FOLDER === undefined ? [] : readDescriptions(FOLDER);
    for (const api of APIS) {
      it(`agree on every field of every version of ${api.name}`, () => {
        expect(compareApi(api, descriptions)).toEqual([]);
        const request = descriptions.find((one) => one.apiKey === api.key);
        expect(commonVersions(api, request!).length).toBeGreaterThan(0);
      });
    }
  },
);
