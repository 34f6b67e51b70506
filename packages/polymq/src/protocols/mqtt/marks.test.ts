import { expect, it } from 'vitest';
import { readMarks, receivedMark, sentMark } from './marks.ts';

it('tells the marks of clients apart, also if their ids have slashes', () => {
  const names = [receivedMark('a', 5), receivedMark('a/5', 6), sentMark('a', 9), sentMark('a', 8)];
  const marks = readMarks((prefix) =>
    names.filter((name) => name.startsWith(prefix)).map((name) => [name, 1] as const),
  );
  expect(marks).toEqual(
    new Map([
      ['a', { received: [5], sent: [9, 8] }],
      ['a/5', { received: [6], sent: [] }],
    ]),
  );
});
