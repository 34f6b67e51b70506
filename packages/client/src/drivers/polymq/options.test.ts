import { expect, test } from 'vitest';
import { polymqAddress } from './options.ts';

test('one address names the three listeners of a server', () => {
  const { amqp, kafka, http, namespace } = polymqAddress(
    new URL('polymq://anna:secret@host/shop?amqp=1&kafka=2&http=3'),
    {},
  );
  expect(amqp.href).toBe('amqp://anna:secret@host:1/shop');
  expect([kafka.href, http.href, namespace]).toEqual(['kafka://host:2', 'http://host:3/', 'shop']);
});

test('TLS is refused, for nothing would be encrypted', () => {
  const refusal = expect.objectContaining({ code: 'unsupported', capability: 'TLS' });
  const url = new URL('polymq://host');
  expect(() => polymqAddress(url, { tls: { ca: 'x' } } as object)).toThrow(refusal);
  expect(() => polymqAddress(url, { tls: true } as object)).toThrow(refusal);
  expect(() => polymqAddress(new URL('polymq://host?tls=true'), {})).toThrow(refusal);
  expect(() => polymqAddress(url, { tls: undefined } as object)).not.toThrow();
});
