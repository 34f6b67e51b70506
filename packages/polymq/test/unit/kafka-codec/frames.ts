import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
} from '../../../src/protocols/kafka/codec/codec.ts';
import { decodeRequestHeader } from '../../../src/protocols/kafka/codec/headers.ts';
import type { ApiSpec } from '../../../src/protocols/kafka/codec/spec.ts';
import type { Body, Side } from './arbitrary.ts';

const HEADER = { correlationId: 0x1234_5678, clientId: 'a client' };

/** A whole frame as one buffer, without its size. */
export function encodeFrame(api: ApiSpec, side: Side, version: number, body: Body): Buffer {
  const buffers =
    side === 'request'
      ? encodeRequest(api, version, HEADER, body)
      : encodeResponse(api, version, HEADER.correlationId, body);
  const frame = Buffer.concat(buffers);
  if (frame.readInt32BE(0) !== frame.length - 4) throw new Error('the size in front is wrong');
  return frame.subarray(4);
}

export function decodeFrame(api: ApiSpec, side: Side, version: number, frame: Buffer): Body {
  if (side === 'response') return decodeResponse(api, version, frame).body as Body;
  const { bodyStart } = decodeRequestHeader(frame);
  return decodeRequest(api, version, frame, bodyStart) as Body;
}
