import { describe, expect, test } from 'vitest';
import { writeTable } from './codec/index.ts';
import { credentials } from './sasl.ts';

describe('credentials', () => {
  test('of PLAIN stand between zeros', () => {
    const login = { user: 'guest', password: 'gäste' };
    expect(credentials('PLAIN', Buffer.from('\0guest\0gäste'))).toEqual(login);
    expect(credentials('PLAIN', Buffer.from('somebody\0guest\0gäste'))).toEqual(login);
  });

  test.for(['', 'guest', '\0guest', '\0guest\0guest\0more'])('of PLAIN are not %o', (text) => {
    expect(credentials('PLAIN', Buffer.from(text))).toBeUndefined();
  });

  test('of AMQPLAIN are a table without its length', () => {
    const table = writeTable({ LOGIN: 'guest', PASSWORD: 'secret' });
    const entries = table.readUInt32BE(0) === table.length - 4 ? table.subarray(4) : table;
    expect(credentials('AMQPLAIN', entries)).toEqual({ user: 'guest', password: 'secret' });
    expect(credentials('AMQPLAIN', Buffer.alloc(0))).toBeUndefined();
  });

  test('of other mechanisms are not known', () => {
    expect(credentials('EXTERNAL', Buffer.from('\0guest\0guest'))).toBeUndefined();
  });
});
