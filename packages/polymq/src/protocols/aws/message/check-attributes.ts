/**
 * What message attributes may be, with the words of AWS. What is kept of them is what counts: data type and one value, in the
 * order of the sender.
 */
import { AwsError } from '../wire/index.ts';
import type { MessageAttribute, MessageAttributes } from './attributes.ts';
import { hasForbiddenCharacter } from './text.ts';

/** As clients send it: everything may be missing. */
export interface GivenAttribute {
  DataType?: string;
  StringValue?: string;
  BinaryValue?: string;
}

export interface CheckedAttributes {
  attributes: MessageAttributes;
  /** Names, types and values: they count towards the size of the message. */
  bytes: number;
}

const NAME_LENGTH_MAX = 256;
const TYPE_LENGTH_MAX = 256;
const NAME = /^[A-Za-z0-9_.-]+$/;
const TYPE = /^(String|Number|Binary)(\..+)?$/;
const NUMBER_MAX = 1e126;
/** As AWS reads numbers: at most 38 digits, an exponent perhaps. */
const NUMBER = /^\s*[+-]?(\d{1,128}(\.\d{0,128})?|\.\d{1,128})([eE][+-]?\d{1,3})?\s*$/;

/** Throws `InvalidParameterValue`. */
export function checkMessageAttributes(
  given: Readonly<Record<string, GivenAttribute>>,
  countMax: number,
): CheckedAttributes {
  const names = Object.keys(given);
  if (names.length > countMax) {
    throw invalid(
      `Number of message attributes [${names.length}] exceeds the allowed maximum [${countMax}].`,
    );
  }
  const attributes: Record<string, MessageAttribute> = Object.create(null) as Record<
    string,
    MessageAttribute
  >;
  let bytes = 0;
  for (const name of names) {
    checkName(name);
    const attribute = checkValue(name, given[name]!);
    attributes[name] = attribute;
    bytes += Buffer.byteLength(name) + Buffer.byteLength(attribute.DataType);
    bytes += valueBytes(attribute);
  }
  return { attributes, bytes };
}

function valueBytes({ StringValue, BinaryValue }: MessageAttribute): number {
  if (BinaryValue !== undefined) return Buffer.byteLength(BinaryValue, 'base64');
  return Buffer.byteLength(StringValue ?? '');
}

function checkName(name: string): void {
  if (name.length > NAME_LENGTH_MAX) {
    throw invalid(`Message (user) attribute names must be shorter than ${NAME_LENGTH_MAX} Bytes`);
  }
  const wrong =
    !NAME.test(name) || name.startsWith('.') || name.endsWith('.') || name.includes('..');
  if (wrong) {
    throw invalid(
      `Invalid characters found in message (user) attribute name '${name}'. Only A-Z, a-z, 0-9, underscore, hyphen and period are allowed; it may not start or end with a period or have two in a row.`,
    );
  }
  if (/^(aws|amazon)\./i.test(name)) {
    throw invalid('You can\'t use message attribute names beginning with "AWS." or "Amazon.".');
  }
}

function checkValue(name: string, given: GivenAttribute): MessageAttribute {
  const { DataType: type, StringValue: text, BinaryValue: binary } = given;
  if (type === undefined || type === '') {
    throw invalid(`The message attribute '${name}' must contain a non-empty attribute type.`);
  }
  const [, prefix] = TYPE.exec(type) ?? [];
  if (prefix === undefined || type.length > TYPE_LENGTH_MAX) {
    throw invalid(
      `The type of message (user) attribute '${name}' is invalid. You must use only the following supported type prefixes: Binary, Number, String.`,
    );
  }
  if (text !== undefined && binary !== undefined) {
    throw invalid(
      `The message attribute '${name}' has multiple values; it must have one, of the type '${type}'.`,
    );
  }
  const [value, other] = prefix === 'Binary' ? [binary, text] : [text, binary];
  if (value === undefined && other !== undefined && other !== '') {
    const field = prefix === 'Binary' ? 'Binary' : 'String';
    throw invalid(
      `The message (user) attribute '${name}' with type '${type}' must use field '${field}'.`,
    );
  }
  if (value === undefined || value === '') throw empty(name, type);
  if (prefix === 'Binary') return { DataType: type, BinaryValue: value };
  if (hasForbiddenCharacter(value)) {
    throw invalid(`Invalid characters found in the value of message (user) attribute '${name}'.`);
  }
  if (prefix === 'Number' && !isNumber(value)) {
    throw invalid(`Can't cast the value of message (user) attribute '${name}' to a number.`);
  }
  return { DataType: type, StringValue: value };
}

function isNumber(text: string): boolean {
  return NUMBER.test(text) && Math.abs(Number(text)) <= NUMBER_MAX;
}

function empty(name: string, type: string): AwsError {
  return invalid(
    `The message attribute '${name}' must contain a non-empty message attribute value for message attribute type '${type}'.`,
  );
}

function invalid(message: string): AwsError {
  return new AwsError('InvalidParameterValue', message);
}
