/**
 * Requests and responses as bytes, by API table and version.
 *
 *   frame      size int32 | header | body          size counts what follows it
 *   request    api key int16 | version int16 | correlation id int32 | client id | [tags] | body
 *   response   correlation id int32 | [tags] | body
 *
 * Tables are compiled per (API, version, direction) on first use and kept; produce and fetch
 * have hand-written code on the broker's side, which is tested to do the same. Decoding throws `ProtocolError`
 * for whatever is wrong with the bytes, and nothing else; encoding throws `TypeError` when the caller's
 * object does not fit the table, which is a defect of this program.
 */
import { ProtocolError } from '../../../lib/bytes/protocol-error.ts';
import { Reader } from '../../../lib/bytes/reader.ts';
import { Writer } from '../../../lib/bytes/writer.ts';
import { compileRead, type Read } from './compile-read.ts';
import { compileWrite, type Write } from './compile-write.ts';
import { hasResponseTags, isFlexible, writeRequestHeader, writeResponseHeader } from './headers.ts';
import { type FieldPlan, planStruct } from './plan.ts';
import { readFetchRequest } from './read-fetch-request.ts';
import { readProduceRequest } from './read-produce-request.ts';
import { skipTags } from './read-values.ts';
import type {
  ApiSpec,
  DecodedResponse,
  RequestInput,
  RequestOf,
  ResponseOf,
  StructSpec,
} from './spec.ts';
import { writeFetchResponse, writeProduceResponse } from './write-by-hand.ts';

/**
 * Array elements in one message, all arrays together: more partitions than any client asks for, and few
 * enough to be decoded in some ten milliseconds and megabytes.
 */
const ELEMENTS_MAX = 100_000;

/** Frames are built one at a time, and bytes handed out are never written again: see `Writer`. */
const sharedWriter = new Writer();

type Side = 'request' | 'response';

type ReadByHand = (reader: Reader, version: number) => unknown;
type WriteByHand = (writer: Writer, version: number, body: never) => void;

/** By API key. */
const REQUESTS_BY_HAND: readonly ReadByHand[] = [readProduceRequest, readFetchRequest];
const RESPONSES_BY_HAND: readonly WriteByHand[] = [writeProduceResponse, writeFetchResponse];

/** What has been compiled of one struct of an API so far, by version. */
class Compiled {
  readonly #fields: readonly FieldPlan[];
  readonly #reads: Read[] = [];
  readonly #writes: Write[] = [];

  constructor(spec: StructSpec, versions: ApiSpec['versions']) {
    this.#fields = planStruct(spec, { since: versions[0], until: versions[1] });
  }

  reader(version: number, flexible: boolean): Read {
    this.#reads[version] ??= compileRead(this.#fields, { version, isFlexible: flexible });
    return this.#reads[version];
  }

  writer(version: number, flexible: boolean): Write {
    this.#writes[version] ??= compileWrite(this.#fields, { version, isFlexible: flexible });
    return this.#writes[version];
  }
}

const compiled = new WeakMap<ApiSpec, Record<Side, Compiled>>();

function compiledOf(api: ApiSpec, side: Side): Compiled {
  let sides = compiled.get(api);
  if (sides === undefined) {
    sides = {
      request: new Compiled(api.request, api.versions),
      response: new Compiled(api.response, api.versions),
    };
    compiled.set(api, sides);
  }
  return sides[side];
}

export function supports(api: ApiSpec, version: number): boolean {
  return version >= api.versions[0] && version <= api.versions[1];
}

/**
 * Decodes the body of a request that starts at `start`, behind the header. `bytes` and `records` fields
 * share memory with `frame`.
 */
export function decodeRequest<Api extends ApiSpec>(
  api: Api,
  version: number,
  frame: Buffer,
  start: number,
): RequestOf<Api> {
  return decodeBody(api, 'request', version, new Reader(frame, start)) as RequestOf<Api>;
}

/** The buffers of a response frame, in order, with its size in front. Records are taken by reference. */
export function encodeResponse<Api extends ApiSpec>(
  api: Api,
  version: number,
  correlationId: number,
  body: ResponseOf<Api>,
): Buffer[] {
  const writer = sharedWriter;
  writer.begin();
  writeResponseHeader(writer, api, version, correlationId);
  encodeBody(api, 'response', version, body, writer);
  return writer.finish();
}

/** For clients: the buffers of a request frame, in order, with its size in front. */
export function encodeRequest<Api extends ApiSpec>(
  api: Api,
  version: number,
  header: { readonly correlationId: number; readonly clientId: string | null },
  body: RequestInput<Api>,
): Buffer[] {
  const writer = sharedWriter;
  writer.begin();
  writeRequestHeader(writer, api, version, header);
  encodeBody(api, 'request', version, body, writer);
  return writer.finish();
}

/** For clients: decodes a response frame without its size. */
export function decodeResponse<Api extends ApiSpec>(
  api: Api,
  version: number,
  frame: Buffer,
): { correlationId: number; body: DecodedResponse<Api> } {
  const reader = new Reader(frame);
  const correlationId = reader.int32();
  if (hasResponseTags(api, version)) skipTags(reader);
  const body = decodeBody(api, 'response', version, reader) as DecodedResponse<Api>;
  return { correlationId, body };
}

function decodeBody(api: ApiSpec, side: Side, version: number, reader: Reader): unknown {
  if (!supports(api, version)) {
    throw new ProtocolError(`${api.name} ${side} has unsupported version ${version}`);
  }
  reader.elementsLeft = ELEMENTS_MAX;
  const byHand = side === 'request' ? REQUESTS_BY_HAND[api.key] : undefined;
  try {
    const body =
      byHand === undefined
        ? compiledOf(api, side).reader(version, isFlexible(api, version))(reader)
        : byHand(reader, version);
    if (reader.remaining > 0 && !mayHaveMore(api, side, version)) {
      reader.fail(`${reader.remaining} bytes too many`);
    }
    return body;
  } catch (error: unknown) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new ProtocolError(`${api.name} v${version} ${side}: ${error.message}`, { cause: error });
  }
}

/**
 * @platformatic/kafka 1.35 ends two requests with a field that these versions do not have: the
 * documentation flag of DescribeConfigs v3 in v2, and the cluster flag of Metadata v10 in v11. Apache Kafka
 * reads no further than it needs.
 */
function mayHaveMore(api: ApiSpec, side: Side, version: number): boolean {
  if (side === 'response') return false;
  return (
    (api.name === 'DescribeConfigs' && version === 2) || (api.name === 'Metadata' && version === 11)
  );
}

function encodeBody(
  api: ApiSpec,
  side: Side,
  version: number,
  body: unknown,
  writer: Writer,
): void {
  try {
    if (!supports(api, version)) throw new TypeError('there is no such version');
    const byHand = side === 'response' ? RESPONSES_BY_HAND[api.key] : undefined;
    if (byHand !== undefined) byHand(writer, version, body as never);
    else compiledOf(api, side).writer(version, isFlexible(api, version))(writer, body);
  } catch (error: unknown) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TypeError(`${api.name} v${version} ${side}: ${reason}`, { cause: error });
  }
}
