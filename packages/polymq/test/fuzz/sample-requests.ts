/** A request of every API and version that the broker decodes, filled from the API's own table. */

import { writeBatch } from '../../src/core/record/record-writer.ts';
import { encodeRequest } from '../../src/protocols/kafka/codec/codec.ts';
import { APIS } from '../../src/protocols/kafka/codec/registry.ts';
import type { ApiSpec, StructSpec } from '../../src/protocols/kafka/codec/spec.ts';

export interface SampleRequest {
  api: ApiSpec;
  version: number;
  /** Without the size in front. */
  frame: Buffer;
}

export function sampleRequests(): SampleRequest[] {
  return APIS.flatMap((api) => {
    const [first, last] = api.versions;
    const versions = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    return versions.map((version) => {
      const header = { correlationId: 1, clientId: 'fuzz' };
      const body = sampleStruct(api.request);
      const frame = Buffer.concat(encodeRequest(api, version, header, body as never));
      return { api, version, frame: Buffer.from(frame.subarray(4)) };
    });
  });
}

function sampleStruct(spec: StructSpec): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(spec)) {
    if (name === '$' || field === undefined) continue;
    if (typeof field === 'string') body[name] = samplePrimitive(name, field);
    else if (field.$?.startsWith('array')) body[name] = [sampleStruct(field), sampleStruct(field)];
    else body[name] = sampleStruct(field);
  }
  return body;
}

const NAMES: Readonly<Record<string, string>> = {
  topic: 'orders',
  name: 'orders',
  groupId: 'group',
};

function samplePrimitive(name: string, line: string): unknown {
  const [head = ''] = line.split(' ');
  const type = head.replace('?', '');
  if (type.endsWith('[]')) {
    const one = samplePrimitive(name, type.slice(0, -2));
    return [one, one];
  }
  switch (type) {
    case 'string':
      return NAMES[name] ?? 'text';
    case 'boolean':
      return true;
    case 'uuid':
      return '00112233-4455-6677-8899-aabbccddeeff';
    case 'bytes':
      return Buffer.from('bytes');
    case 'records':
      return writeBatch({ records: [{ value: Buffer.from('v') }], timestampMs: 1_700_000_000_000 });
    default:
      return 1;
  }
}
