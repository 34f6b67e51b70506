import { describe, expect, it } from 'vitest';
import { ProtocolError } from '../../../lib/bytes/protocol-error.ts';
import { metadata } from '../schema/03-metadata.ts';
import { apiVersions } from '../schema/18-api-versions.ts';
import { encodeRequest, encodeResponse } from './codec.ts';
import { decodeRequestHeader } from './headers.ts';

function headerBytes(apiKey: number, apiVersion: number, rest: number[]): Buffer {
  const fixed = Buffer.alloc(8);
  fixed.writeInt16BE(apiKey, 0);
  fixed.writeInt16BE(apiVersion, 2);
  fixed.writeInt32BE(-2, 4);
  return Buffer.concat([fixed, Buffer.from(rest)]);
}

describe('a request header', () => {
  it('is followed by the body in classic versions', () => {
    const frame = headerBytes(3, 8, [0, 2, 0x61, 0x62]);
    expect(decodeRequestHeader(frame)).toEqual({
      apiKey: 3,
      apiVersion: 8,
      correlationId: -2,
      clientId: 'ab',
      bodyStart: 12,
    });
  });

  it('may have no client id', () => {
    expect(decodeRequestHeader(headerBytes(3, 8, [0xff, 0xff]))).toMatchObject({
      clientId: null,
      bodyStart: 10,
    });
  });

  it('ends with tagged fields in flexible versions, which are stepped over', () => {
    const frame = headerBytes(3, 9, [0, 1, 0x61, 1, 5, 3, 7, 7, 7, 0x2a]);
    const { bodyStart } = decodeRequestHeader(frame);
    expect(frame[bodyStart]).toBe(0x2a);
  });

  it('is read for keys and versions that are not known', () => {
    expect(decodeRequestHeader(headerBytes(999, 77, [0, 0]))).toMatchObject({
      apiKey: 999,
      apiVersion: 77,
      clientId: '',
    });
    expect(decodeRequestHeader(headerBytes(18, 9, [0, 0, 0]))).toMatchObject({ bodyStart: 11 });
  });

  it.each([
    ['is empty', Buffer.alloc(0)],
    ['ends in the correlation id', Buffer.alloc(7)],
    ['has a client id beyond its end', headerBytes(3, 8, [0, 5, 0x61])],
    ['has a client id of negative length', headerBytes(3, 8, [0xff, 0xfe])],
    ['lacks its tagged fields', headerBytes(3, 9, [0, 0])],
  ])('is refused when it %s', (_what, frame) => {
    expect(() => decodeRequestHeader(frame)).toThrow(ProtocolError);
  });

  it('is what requests are encoded with', () => {
    for (const version of [8, 9]) {
      const header = { correlationId: 77, clientId: 'me' };
      const frame = Buffer.concat(encodeRequest(metadata, version, header, { topics: [] }));
      expect(decodeRequestHeader(frame, 4)).toMatchObject({
        apiKey: 3,
        apiVersion: version,
        ...header,
      });
    }
  });
});

describe('a response header', () => {
  it('has tagged fields from the first flexible version on', () => {
    const body = { brokers: [], topics: [] };
    const lengths = [8, 9].map((version) => encodeResponse(metadata, version, 5, body)[0]!);
    // Throttle time, brokers, cluster id, controller id, topics, authorized operations.
    expect(lengths[0]!.length).toBe(4 + 4 + (4 + 4 + 2 + 4 + 4 + 4));
    expect(lengths[1]!.length).toBe(4 + 4 + 1 + (4 + 1 + 1 + 4 + 1 + 4) + 1);
  });

  it('never has them in ApiVersions, which is read before the versions are known', () => {
    const [frame] = encodeResponse(apiVersions, 3, 5, { errorCode: 35, apiKeys: [] });
    expect(frame!.subarray(4)).toEqual(Buffer.from([0, 0, 0, 5, 0, 35, 1, 0, 0, 0, 0, 0]));
  });
});
