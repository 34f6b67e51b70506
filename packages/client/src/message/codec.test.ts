import { expect, test } from 'vitest';
import { decodeData, encodeData } from './codec.ts';

const PLACE = 'queue "orders"';

test.each([
  ['an object', { a: [1, null, 'ü'] }, 'application/json'],
  ['a number', 5, 'application/json'],
  ['null', null, 'application/json'],
  ['a string', 'grüße', 'text/plain'],
  ['an empty string', '', 'text/plain'],
  ['bytes', Buffer.from([0, 255]), 'application/octet-stream'],
])('%s comes back as it was sent', (_name, data, contentType) => {
  const encoded = encodeData(data, PLACE);
  expect(encoded.contentType).toBe(contentType);
  expect(decodeData(encoded.body, encoded.contentType)).toEqual(data);
});

test('undefined is sent as null', () => {
  expect(Buffer.from(encodeData(undefined, PLACE).body).toString()).toBe('null');
});

test.each([
  ['a BigInt', { n: 1n }],
  [
    'a cycle',
    (() => {
      const self: Record<string, unknown> = {};
      self['self'] = self;
      return self;
    })(),
  ],
  ['a function', () => {}],
])('%s has no JSON form, and the error names the queue', (_name, data) => {
  expect(() => encodeData(data, PLACE)).toThrow(
    expect.objectContaining({ code: 'invalid-message', message: expect.stringContaining(PLACE) }),
  );
});

test.each([
  ['JSON', '{"a":1}', { a: 1 }],
  ['text', 'hello there', 'hello there'],
])('without a content type, what is %s is taken as that', (_name, text, data) => {
  expect(decodeData(Buffer.from(text), '')).toEqual(data);
});

test('without a content type, what is no UTF-8 stays bytes', () => {
  const body = Buffer.from([0xff, 0xfe]);
  expect(decodeData(body, '')).toBe(body);
});

test.each([
  ['application/json; charset=utf-8', { a: 1 }],
  ['Application/JSON', { a: 1 }],
  ['application/cloudevents+json', { a: 1 }],
  ['text/html', '{"a":1}'],
])('content type %s is understood', (contentType, data) => {
  expect(decodeData(Buffer.from('{"a":1}'), contentType)).toEqual(data);
});

test('an unknown content type gives bytes', () => {
  const body = Buffer.from('x');
  expect(decodeData(body, 'image/png')).toBe(body);
});

test('what says it is JSON and is not is an error', () => {
  expect(() => decodeData(Buffer.from('{'), 'application/json')).toThrow(
    expect.objectContaining({ code: 'invalid-message' }),
  );
});

test('bytes inside a larger buffer are read where they lie', () => {
  const whole = new Uint8Array(Buffer.from('xx{"a":1}xx'));
  expect(decodeData(whole.subarray(2, 9), 'application/json')).toEqual({ a: 1 });
});
