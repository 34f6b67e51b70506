/**
 * What message attributes may be, in the words of SNS, which are others than those of SQS. What is kept of one is what counts: data
 * type and one value.
 */

import type { MessageAttribute, MessageAttributes } from '../../message/attributes.ts';
import type { GivenAttribute } from '../../message/check-attributes.ts';
import { invalidParameter, invalidValue } from '../errors.ts';

const NAME_LENGTH_MAX = 256;
const ATTRIBUTES_MAX = 100;
const FORBIDDEN_IN_NAME = /[^A-Za-z0-9_.-]/u;
const TYPE = /^(String|Number|Binary)(\..+)?$/s;
const NUMBER = /^\s*[+-]?(\d{1,128}(\.\d{0,128})?|\.\d{1,128})([eE][+-]?\d{1,3})?\s*$/;

export type GivenAttributes = Readonly<Record<string, GivenAttribute>>;

/** Throws `ParameterValueInvalid`. What is kept is data type and value, in the order of the sender. */
export function checkedAttributes(given: GivenAttributes): MessageAttributes {
  const names = Object.keys(given);
  if (names.length > ATTRIBUTES_MAX) {
    throw invalidParameter('MessageAttributes', `there are at most ${ATTRIBUTES_MAX} of a message`);
  }
  const kept = Object.create(null) as Record<string, MessageAttribute>;
  for (const name of names) {
    checkName(name);
    kept[name] = checkedAttribute(name, given[name]!);
  }
  return kept;
}

/** Names, types and values: they count towards the size of the message. */
export function attributesBytes(given: GivenAttributes): number {
  let bytes = 0;
  for (const [name, { DataType, StringValue, BinaryValue }] of Object.entries(given)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(DataType ?? '');
    bytes += Buffer.byteLength(StringValue ?? '') + Buffer.byteLength(BinaryValue ?? '', 'base64');
  }
  return bytes;
}

function checkName(name: string): void {
  if (name === '') throw invalidValue('Message attribute name can not be empty.');
  if (Buffer.byteLength(name) > NAME_LENGTH_MAX) {
    throw invalidValue('Length of message attribute name must be less than 256 bytes.');
  }
  const [character] = FORBIDDEN_IN_NAME.exec(name) ?? [];
  if (character !== undefined) {
    const code = character.codePointAt(0)!.toString(16).toUpperCase();
    throw invalidValue(
      `Invalid non-alphanumeric character '#x${code}' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots.`,
    );
  }
  if (name.startsWith('.')) {
    throw invalidValue("Invalid message attribute name starting with character '.' was found.");
  }
  if (name.endsWith('.')) {
    throw invalidValue("Invalid message attribute name ending with character '.' was found.");
  }
  if (name.includes('..')) {
    throw invalidValue("Message attribute name can not have successive '.' character.");
  }
}

function checkedAttribute(name: string, given: GivenAttribute): MessageAttribute {
  const { DataType: type = '', StringValue: text, BinaryValue: binary } = given;
  const [, prefix] = TYPE.exec(type) ?? [];
  if (prefix === undefined) {
    throw invalidValue(
      `The message attribute '${name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.`,
    );
  }
  const isBinary = prefix === 'Binary';
  const [value, other] = isBinary ? [binary, text] : [text, binary];
  if (value === undefined && other !== undefined) {
    const field = isBinary ? 'Binary' : 'String';
    throw invalidValue(
      `The message attribute '${name}' with type '${type}' must use field '${field}'.`,
    );
  }
  if (value === undefined || value === '') {
    throw invalidValue(
      `The message attribute '${name}' must contain non-empty message attribute value for message attribute type '${type}'.`,
    );
  }
  if (isBinary) return { DataType: type, BinaryValue: value };
  if (prefix === 'Number' && !NUMBER.test(value)) {
    throw invalidValue(`Could not cast message attribute '${name}' value to number.`);
  }
  return { DataType: type, StringValue: value };
}
