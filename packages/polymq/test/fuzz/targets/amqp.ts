/**
 * What an AMQP client sends, from the first octet on: frames with methods, field tables, content headers.
 *
 * The codec has several readers for the same octets: one that decodes, one that only looks, one that edits.
 * Whatever one of them accepts, the others must accept and understand in the same way.
 */
import {
  AmqpSyntaxError,
  BASIC_ACK,
  BASIC_PUBLISH,
  checkFrameEnd,
  checkTable,
  contentHeader,
  editHeaders,
  editProperties,
  editTable,
  FieldDecimal,
  type FieldTable,
  FieldTimestamp,
  FRAME_HEADER,
  FRAME_METHOD,
  findInTable,
  frameBytes,
  frameChannel,
  frameType,
  METHODS,
  type MethodName,
  methodFrame,
  PropertiesScan,
  PublishScan,
  readFieldAt,
  readMethod,
  readProperties,
  readTable,
  scanProperties,
  scanPublish,
  tagAt,
  uint32At,
  writeTable,
} from '../../../src/protocols/amqp/codec/index.ts';
import { type FuzzTarget, WrongResult } from '../target.ts';

const FRAME_MAX = 131_072;

const TABLE: FieldTable = {
  'x-message-ttl': 60_000,
  'x-queue-type': 'quorum',
  CC: ['a', 'b'],
  nested: { list: [1, 2.5, null, true, 5n, { deep: 'é' }], bytes: Buffer.from([255]) },
  'x-death': [{ count: 1n, time: new FieldTimestamp(1_700_000_000) }],
  price: new FieldDecimal(2, 1999),
};

const VALUES = {
  bit: true,
  octet: 9,
  short: 300,
  long: 70_000,
  longlong: 5_000_000_000,
  shortstr: 'orders',
  longstr: Buffer.from('\0guest\0guest'),
  table: TABLE,
} as const;

function everyMethod(): Buffer[] {
  return (Object.keys(METHODS) as MethodName[]).map((name) => {
    const args = Object.entries(METHODS[name].args).map(([arg, type]) => [arg, VALUES[type]]);
    return methodFrame(1, name, Object.fromEntries(args) as never);
  });
}

function headerFrame(): Buffer {
  const header = sampleHeaders()[0]!;
  const head = Buffer.from([FRAME_HEADER, 0, 1, 0, 0, 0, 0]);
  head.writeUInt32BE(header.length, 3);
  return Buffer.concat([head, header, Buffer.from([0xce])]);
}

function sampleHeaders(): Buffer[] {
  const texts = { contentType: 'text/plain', replyTo: 'r', expiration: '500', userId: 'u' };
  return [
    contentHeader({ ...texts, headers: TABLE, deliveryMode: 2, priority: 9, timestamp: 1 }, 100),
    contentHeader({ ...texts, correlationId: 'c', messageId: 'm', type: 't', appId: 'a' }, 0),
    contentHeader({}, 2 ** 40),
  ];
}

const allows = (error: unknown): boolean =>
  error instanceof AmqpSyntaxError && [501, 502, 503, 505].includes(error.replyCode);

/** Frames one after the other, as they come out of a socket. */
export function amqpFrame(): FuzzTarget {
  const publish = new PublishScan();
  const properties = new PropertiesScan();

  function method(input: Buffer, start: number, end: number): void {
    const { method: name, args } = readMethod(input, start, end);
    if (!Object.hasOwn(METHODS, name)) throw new WrongResult(`there is no method ${name}`);
    const again = methodFrame(1, name, args as never);
    const { args: twice } = readMethod(again, 7, again.length - 1);
    if (Object.keys(twice).length !== Object.keys(args).length) {
      throw new WrongResult(`${name} is not written as it was read`);
    }
    const id = uint32At(input, start);
    if (id === BASIC_PUBLISH) {
      scanPublish(input, start, end, publish);
      const exchange = input.toString('utf8', publish.namesStart + 1, publish.routingKeyAt);
      if (exchange !== (args as { exchange: string }).exchange) {
        throw new WrongResult(`exchange "${exchange}" was found where another was read`);
      }
    } else if (id === BASIC_ACK) {
      const tag = tagAt(input, start, end);
      if (tag !== (args as { deliveryTag: number }).deliveryTag) {
        throw new WrongResult(`delivery tag ${tag} was found where another was read`);
      }
    }
  }

  return {
    name: 'amqp-frame',
    seeds: () => [...everyMethod(), Buffer.concat(everyMethod().slice(0, 8)), headerFrame()],
    run: (input) => {
      let at = 0;
      while (input.length - at >= 7) {
        const bytes = frameBytes(input, at, FRAME_MAX);
        if (at + bytes > input.length) return;
        checkFrameEnd(input, at, bytes);
        const [start, end] = [at + 7, at + bytes - 1];
        if (frameType(input, at) === FRAME_METHOD) method(input, start, end);
        if (frameType(input, at) === FRAME_HEADER) scanProperties(input, start, end, properties);
        if (frameChannel(input, at) > 0xffff) throw new WrongResult('a channel above 65535');
        at += bytes;
      }
    },
    allows,
    repair: (input) => {
      if (input.length < 8) return input;
      input.writeUInt32BE(input.length - 8, 3);
      input[0] = FRAME_METHOD;
      input[input.length - 1] = 0xce;
      return input;
    },
    memoryBytesMax: 0,
  };
}

/** The entries of a field table. */
export function amqpTable(): FuzzTarget {
  return {
    name: 'amqp-table',
    seeds: () => [writeTable(TABLE), writeTable({ a: { b: { c: [[[1]]] } } }), Buffer.alloc(0)],
    run: (input) => {
      checkTable(input, 0, input.length);
      const table = accepted(() => readTable(input, 0, input.length));
      for (const name of Object.keys(table)) {
        if (!/^[ -~]*$/.test(name)) continue;
        const at = findInTable(input, 0, input.length, name);
        if (at < 0) throw new WrongResult(`entry "${name}" was read, but is not found`);
        accepted(() => readFieldAt(input, at, input.length));
      }
      if (!accepted(() => editTable(input, 0, input.length, {})).equals(input)) {
        throw new WrongResult('an edit that changes nothing has changed the table');
      }
      // A name that is not UTF-8 grows when it is repaired, and may then be too long.
      if (describe(table).includes('\ufffd')) return;
      const again = accepted(() => writeTable(table));
      const twice = accepted(() => readTable(again, 0, again.length));
      if (Object.keys(twice).join() !== Object.keys(table).join()) {
        throw new WrongResult('the names are not those that were read');
      }
    },
    allows,
    memoryBytesMax: 0,
  };
}

function describe(table: FieldTable): string {
  return JSON.stringify(table, (_name, value) => (typeof value === 'bigint' ? `${value}` : value));
}

/** The payload of a content header frame. */
export function amqpProperties(): FuzzTarget {
  const found = new PropertiesScan();
  return {
    name: 'amqp-properties',
    seeds: sampleHeaders,
    run: (input) => {
      scanProperties(input, 0, input.length, found);
      const read = accepted(() => readProperties(input, 0, input.length));
      if ((read.priority ?? -1) !== found.priority) throw new WrongResult('two priorities');
      if ((read.headers !== undefined) !== found.headersStart >= 0) {
        throw new WrongResult('headers that only one of two readers saw');
      }
      const same = accepted(() => editProperties(input, 0, input.length, {}));
      if (!same.equals(input)) throw new WrongResult('an edit without changes changed something');
      const edited = accepted(() => editHeaders(input, 0, input.length, { 'x-count': 1n }));
      const { headers } = accepted(() => readProperties(edited, 0, edited.length));
      if (headers?.['x-count'] !== 1) throw new WrongResult('the header that was set is not there');
    },
    allows,
    repair: (input) => {
      if (input.length < 14) return input;
      input.writeUInt32BE(0x003c_0000, 0);
      input[13]! &= 0xfc;
      return input;
    },
    memoryBytesMax: 0,
  };
}

/** What one reader accepts, the next may not refuse. */
function accepted<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw new WrongResult(`accepted, then refused: ${String(error)}`);
  }
}
