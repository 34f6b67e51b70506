/** Lines of a transcript as MQTT packets, and packets that came as lines. */
import { generate, type Packet, type Parser, parser } from 'mqtt-packet';
import type { Json, Line } from '../../transcripts/line.ts';

export type Version = 3 | 4 | 5;

const KEEP_ALIVE_S = 0;
/** Payloads longer than this are described, not shown. */
const SHOWN_BYTES_MAX = 60;

/** `publish topic=a/b qos=1 id=7 "payload"` and what else may be sent. */
export function packetOf(version: Version, line: Line): Buffer {
  const [cmd = '', ...flags] = line.words;
  const args = { ...line.args, ...Object.fromEntries(flags.map((flag) => [flag, true])) };
  switch (cmd) {
    case 'bytes':
      return Buffer.from(String(args['hex']), 'hex');
    case 'connect':
      return packet(version, connectOf(version, args));
    case 'publish':
      return packet(version, publishOf(args, line.values));
    case 'subscribe':
      return packet(version, subscribeOf(args, line.values));
    case 'unsubscribe':
      return packet(version, {
        cmd,
        messageId: args['id'],
        unsubscriptions: line.values,
        ...rest(args),
      });
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return packet(version, { cmd, messageId: args['id'], reasonCode: code(args), ...rest(args) });
    case 'disconnect':
    case 'auth':
      return packet(version, { cmd, reasonCode: code(args), ...rest(args) });
    case 'pingreq':
      return packet(version, { cmd });
    default:
      throw new Error(`no packet ${cmd}`);
  }
}

type Arguments = Readonly<Record<string, Json>>;

function packet(version: Version, fields: Readonly<Record<string, unknown>>): Buffer {
  return generate(fields as unknown as Packet, { protocolVersion: version });
}

function rest({ properties }: Arguments): { properties?: Json } {
  return properties === undefined ? {} : { properties };
}

/** Numbers of reasons are written as in the specification: `code=0x8e`. */
function code(args: Arguments): number {
  return Number(args['code'] ?? 0);
}

function connectOf(version: Version, args: Arguments): Record<string, unknown> {
  const { id = '', keepAlive = KEEP_ALIVE_S, will, username, password } = args;
  return {
    cmd: 'connect',
    protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
    protocolVersion: version,
    clientId: id,
    clean: args['stay'] !== true,
    keepalive: keepAlive,
    ...(will === undefined ? {} : { will: willOf(will as Arguments) }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: Buffer.from(String(password)) }),
    ...(version === 5 ? { properties: propertiesOf(args) } : {}),
  };
}

/** `expiry=10` is short for the property that is used most. */
function propertiesOf({ expiry, properties }: Arguments): Record<string, Json> {
  const given = (properties ?? {}) as Record<string, Json>;
  return expiry === undefined ? given : { sessionExpiryInterval: expiry, ...given };
}

function willOf(will: Arguments): Record<string, unknown> {
  return { qos: 0, retain: false, ...will, payload: Buffer.from(String(will['payload'] ?? '')) };
}

function publishOf(args: Arguments, values: readonly Json[]): Record<string, unknown> {
  const { topic = '', qos = 0, id, retain = false, dup = false, properties } = args;
  const given = { ...(properties as Record<string, unknown> | undefined) };
  if (typeof given['correlationData'] === 'string') {
    given['correlationData'] = Buffer.from(given['correlationData']);
  }
  return {
    cmd: 'publish',
    topic,
    payload: payloadOf(values[0] ?? ''),
    qos,
    retain,
    dup,
    ...(id === undefined ? {} : { messageId: id }),
    ...(Object.keys(given).length === 0 ? {} : { properties: given }),
  };
}

/** `"text"`, or `[70000]` for so many bytes. */
function payloadOf(value: Json): Buffer {
  return Array.isArray(value) ? Buffer.alloc(Number(value[0]), 'x') : Buffer.from(String(value));
}

/** `subscribe id=1 "a/b" "c/#"`, all with the same options: `qos=1 noLocal asPublished handling=2 sub=5`. */
function subscribeOf(args: Arguments, values: readonly Json[]): Record<string, unknown> {
  const { id, qos = 0, noLocal = false, asPublished = false, handling = 0, sub } = args;
  const subscriptions = values.map((value) => ({
    ...(typeof value === 'string' ? { topic: value, qos } : (value as object)),
    ...(noLocal ? { nl: true } : {}),
    ...(asPublished ? { rap: true } : {}),
    ...(handling === 0 ? {} : { rh: handling }),
  }));
  const properties = sub === undefined ? {} : { properties: { subscriptionIdentifier: sub } };
  return { cmd: 'subscribe', messageId: id, subscriptions, ...properties };
}

/** Cuts what comes on one connection into lines, without the name of the connection. */
export class PacketReader {
  readonly #parser: Parser;
  readonly #lines: string[] = [];

  constructor(version: Version) {
    this.#parser = parser({ protocolVersion: version });
    this.#parser.on('packet', (came) => this.#lines.push(textOf(came)));
    this.#parser.on('error', (error: Error) => this.#lines.push(`not MQTT: ${error.message}`));
  }

  read(bytes: Buffer): string[] {
    if (bytes.length > 0) this.#parser.parse(bytes);
    return this.#lines.splice(0);
  }
}

function textOf(came: Packet): string {
  switch (came.cmd) {
    case 'connack': {
      const code = came.reasonCode ?? came.returnCode ?? 0;
      return words('connack', [
        came.sessionPresent ? 'present' : '',
        code === 0 ? '' : `code=${hex(code)}`,
        properties(came.properties),
      ]);
    }
    case 'publish':
      return words('publish', [
        came.topic === '' ? 'topic=' : came.topic,
        payloadText(came.payload as Buffer),
        came.qos === 0 ? '' : `qos=${came.qos}`,
        came.messageId === undefined ? '' : `id=${came.messageId}`,
        came.retain ? 'retain' : '',
        came.dup ? 'dup' : '',
        properties(came.properties),
      ]);
    case 'suback':
    case 'unsuback': {
      const codes = ((came as { granted?: unknown[] }).granted ?? []).map((code) =>
        hex(Number(code)),
      );
      return words(came.cmd, [`id=${came.messageId}`, ...codes, properties(came.properties)]);
    }
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return words(came.cmd, [
        `id=${came.messageId}`,
        came.reasonCode ? `code=${hex(came.reasonCode)}` : '',
        properties(came.properties),
      ]);
    case 'disconnect':
      return words('disconnect', [
        `code=${hex(came.reasonCode ?? 0)}`,
        properties(came.properties),
      ]);
    default:
      return came.cmd;
  }
}

function words(name: string, more: readonly string[]): string {
  return [name, ...more.filter((word) => word !== '')].join(' ');
}

function hex(code: number): string {
  return `0x${code.toString(16).padStart(2, '0')}`;
}

function payloadText(payload: Buffer): string {
  if (payload.length <= SHOWN_BYTES_MAX) return JSON.stringify(payload.toString());
  return `${payload.length} bytes`;
}

/** What the words of a reason are is not what a transcript is about. */
function properties(given: object | undefined): string {
  const { reasonString: _, ...shown } = { ...given } as Record<string, unknown>;
  if (Object.keys(shown).length === 0) return '';
  return JSON.stringify(shown, (_name, value: unknown) =>
    isBuffer(value) ? Buffer.from(value.data).toString() : value,
  );
}

/** Buffers have become plain objects by the time they are asked. */
function isBuffer(value: unknown): value is { data: number[] } {
  return (
    typeof value === 'object' && value !== null && (value as { type?: string }).type === 'Buffer'
  );
}
