/**
 * Inputs of SQS and SNS: as JSON, and as forms of the Query protocol. The first byte of an input chooses the action.
 *
 * Whatever one wire format accepts has the form that the action's table describes, and the other format understands the same by it.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  type Action,
  AwsError,
  decodeJson,
  decodeQuery,
  encodeXml,
  type FormPairs,
  parseForm,
  type Shape,
  SNS,
  SQS,
} from '../../../src/protocols/aws/wire/index.ts';
import { structureSample } from '../../unit/aws-wire/samples.ts';
import { type FuzzTarget, WrongResult } from '../target.ts';

type Input = Record<string, unknown>;

const ACTIONS: readonly Action[] = [...SQS.actions.values(), ...SNS.actions.values()];

/** Each input is read and written several times. */
const STALL_MS = 200;

const allows = (error: unknown): boolean =>
  error instanceof AwsError &&
  [
    'MalformedInput',
    'MalformedQueryString',
    'MissingParameter',
    'SerializationException',
    'ValidationError',
  ].includes(error.code);

const KIND =
  /too many parts|must (?:be|have) [a-z ]+|converted to an? \w+|valid \w+|more than \d+|parameter/;

/** Refused for the same reason, whatever the names: outcomes with new words are mutated further, and names are always new. */
function withoutNames(read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!allows(error)) throw error;
    const { code, message } = error as AwsError;
    throw new AwsError(code, KIND.exec(message)?.[0] ?? '');
  }
}

function actionOf(input: Buffer): Action {
  return ACTIONS[(input[0] ?? 0) % ACTIONS.length]!;
}

export function awsJson(): FuzzTarget {
  return {
    name: 'aws-json',
    seeds: () => ACTIONS.map((action, index) => seed(index, JSON.stringify(sampleOf(action)))),
    run: (input) => withoutNames(() => runJson(actionOf(input), input.subarray(1))),
    allows,
    memoryBytesMax: 1 << 20,
    stallMs: STALL_MS,
  };
}

export function awsQuery(): FuzzTarget {
  return {
    name: 'aws-query',
    seeds: () => [
      ...ACTIONS.map((action, index) =>
        seed(index, formOf(pairsOf(action.input, sampleOf(action)))),
      ),
      seed(0, `${'a&'.repeat(4000)}${'b'.repeat(50_000)}`),
    ],
    run: (input) => withoutNames(() => runQuery(actionOf(input), input.subarray(1))),
    allows,
    memoryBytesMax: 1 << 20,
    stallMs: STALL_MS,
  };
}

function runJson(action: Action, body: Buffer): void {
  const decoded = decodeJson(action, body);
  checkForm(action.input, decoded, action.name);
  // A lone half of a surrogate pair can be written in JSON only.
  if (!isWellFormed(decoded)) return;
  checkSame(decoded, decodeQuery(action, pairsOf(action.input, decoded)), action.name);
}

function runQuery(action: Action, body: Buffer): void {
  const pairs = parseForm(body);
  checkSame(parseForm(formOf(pairs)), pairs, 'the form');
  const decoded = decodeQuery(action, pairs);
  checkForm(action.input, decoded, action.name);
  checkSame(decodeJson(action, Buffer.from(JSON.stringify(decoded))), decoded, action.name);
  checkXml(decoded);
}

function seed(index: number, text: string): Buffer {
  return Buffer.concat([Buffer.from([index]), Buffer.from(text)]);
}

function sampleOf(action: Action): Input {
  return structureSample(action.input, 'text');
}

/** As a client writes it, by the same table but with code of its own. */
function pairsOf(shape: Shape, value: unknown, path = ''): [string, string][] {
  const join = (name: string | number) => (path === '' ? `${name}` : `${path}.${name}`);
  switch (shape.kind) {
    case 'structure':
      return Object.entries(value as Input).flatMap(([name, each]) => {
        const member = shape.members[name]!;
        const list = member.shape.kind === 'list' && member.shape.flattened ? member.shape : null;
        // Two members of ReceiveMessage have the same name on the wire; the decoder knows their own names as well.
        const own = list?.memberName === 'AttributeName' ? name : undefined;
        const wireName = own ?? member.queryName ?? list?.memberName ?? name;
        return pairsOf(member.shape, each, join(wireName));
      });
    case 'list': {
      const values = value as unknown[];
      const prefix = shape.flattened ? path : `${path}.member`;
      if (values.length === 0) return [[path, '']];
      return values.flatMap((each, index) => pairsOf(shape.member, each, `${prefix}.${index + 1}`));
    }
    case 'map': {
      const entries = Object.entries(value as Input);
      const prefix = shape.flattened ? path : `${path}.entry`;
      if (entries.length === 0) return [[path, '']];
      return entries.flatMap(([key, each], index) => [
        [`${prefix}.${index + 1}.${shape.keyName ?? 'key'}`, key] as [string, string],
        ...pairsOf(shape.value, each, `${prefix}.${index + 1}.${shape.valueName ?? 'value'}`),
      ]);
    }
    default:
      return [[path, String(value)]];
  }
}

function formOf(pairs: FormPairs): string {
  return pairs
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&');
}

function checkForm(shape: Shape, value: unknown, path: string): void {
  const wrong = (): WrongResult => new WrongResult(`${path} is no ${shape.kind}`);
  switch (shape.kind) {
    case 'string':
    case 'blob':
      if (typeof value !== 'string') throw wrong();
      return;
    case 'integer':
      if (!Number.isSafeInteger(value)) throw wrong();
      return;
    case 'timestamp':
      if (typeof value !== 'number') throw wrong();
      return;
    case 'boolean':
      if (typeof value !== 'boolean') throw wrong();
      return;
    case 'list':
      if (!Array.isArray(value)) throw wrong();
      for (const each of value) checkForm(shape.member, each, `${path}[]`);
      return;
    case 'map':
      if (Object.getPrototypeOf(value) !== null) throw wrong();
      for (const each of Object.values(value as Input)) checkForm(shape.value, each, `${path}{}`);
      return;
    case 'structure':
      for (const [name, each] of Object.entries(value as Input)) {
        if (!Object.hasOwn(shape.members, name)) throw new WrongResult(`${path} has a ${name}`);
        checkForm(shape.members[name]!.shape, each, `${path}.${name}`);
      }
      for (const [name, { required }] of Object.entries(shape.members)) {
        if (required && !Object.hasOwn(value as Input, name)) {
          throw new WrongResult(`${path} lacks ${name}`);
        }
      }
  }
}

function checkSame(one: unknown, other: unknown, what: string): void {
  if (isDeepStrictEqual(one, other)) return;
  throw new WrongResult(
    `${what} is ${JSON.stringify(one)} on one wire and ${JSON.stringify(other)} on the other`,
  );
}

function isWellFormed(value: unknown): boolean {
  const text = JSON.stringify(value);
  // Since ES2019, halves alone are written as escapes.
  return !/\\ud[89a-f][0-9a-f]{2}/i.test(text);
}

const LIST_QUEUES = SQS.actions.get('ListQueues')!;
const ELEMENTS = /<(\w+)(?: xmlns="[^"]*")?>|<\/(\w+)>|<\w+\/>|<\?xml version="1\.0"\?>/g;
const TEXT =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  /^(?:[^&<>"\r\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]|&(?:amp|lt|gt|quot|#xD);|[\ud800-\udbff][\udc00-\udfff])*$/;

/** All texts of the input as texts of an answer: well-formed, and saying the same. */
function checkXml(value: unknown): void {
  const texts = textsOf(value);
  const output = { QueueUrls: texts };
  const xml = encodeXml({ service: SQS, action: LIST_QUEUES, output, requestId: 'r' });
  const open: string[] = [];
  let last = 0;
  for (const match of xml.matchAll(ELEMENTS)) {
    if (!TEXT.test(xml.slice(last, match.index))) throw new WrongResult('XML has an illegal text');
    last = match.index + match[0].length;
    if (match[1] !== undefined) open.push(match[1]);
    if (match[2] !== undefined && open.pop() !== match[2])
      throw new WrongResult('XML is not nested');
  }
  if (open.length > 0 || last !== xml.length) throw new WrongResult('XML does not end');
  const count = xml.split('<QueueUrl').length - 1;
  if (count !== texts.length) throw new WrongResult(`${count} elements for ${texts.length} texts`);
}

function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsOf);
}
