/**
 * Request and response headers.
 *
 *   request v1   api key int16 | version int16 | correlation id int32 | client id nullable string
 *   request v2   the same, then tagged fields; the client id keeps its classic length
 *   response v0  correlation id int32
 *   response v1  the same, then tagged fields
 *
 * Which one is used follows from the API and version: the newer from the first flexible version on
 * (KIP-482), except that the ApiVersions response always has v0, because a client reads it before it
 * knows what the broker speaks (KIP-511).
 */
import { Reader } from '../../../lib/bytes/reader.ts';
import type { Writer } from '../../../lib/bytes/writer.ts';
import { readNullableString, skipTags } from './read-values.ts';
import { apiByKey } from './registry.ts';
import type { ApiSpec } from './spec.ts';
import { writeString } from './write-values.ts';

const API_VERSIONS_KEY = 18;

export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  /** Where the body starts in the frame. */
  readonly bodyStart: number;
}

export function isFlexible(api: ApiSpec, version: number): boolean {
  return api.flexible !== null && version >= api.flexible;
}

/**
 * Decodes the header of a request frame, from behind its size. Keys and versions that are not known are
 * passed on for the session to answer; of those, the body start is only as good as a guess.
 *
 * @throws ProtocolError when the frame is too short or the client id broken.
 */
export function decodeRequestHeader(frame: Buffer, start = 0): RequestHeader {
  const reader = new Reader(frame, start);
  const apiKey = reader.int16();
  const apiVersion = reader.int16();
  const correlationId = reader.int32();
  const clientId = readNullableString(reader);
  const api = apiByKey(apiKey);
  if (api !== undefined && isFlexible(api, apiVersion)) skipTags(reader);
  return { apiKey, apiVersion, correlationId, clientId, bodyStart: reader.position };
}

export function writeRequestHeader(
  writer: Writer,
  api: ApiSpec,
  version: number,
  header: { readonly correlationId: number; readonly clientId: string | null },
): void {
  writer.int16(api.key);
  writer.int16(version);
  writer.int32(header.correlationId);
  writeString(writer, header.clientId);
  if (isFlexible(api, version)) writer.uvarint(0);
}

export function hasResponseTags(api: ApiSpec, version: number): boolean {
  return api.key !== API_VERSIONS_KEY && isFlexible(api, version);
}

export function writeResponseHeader(
  writer: Writer,
  api: ApiSpec,
  version: number,
  correlationId: number,
): void {
  writer.int32(correlationId);
  if (hasResponseTags(api, version)) writer.uvarint(0);
}
