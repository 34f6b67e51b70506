import { describe, expect, it } from 'vitest';
import { FORM_PAIRS_MAX, parseForm, parseQueryString } from './form.ts';

describe('forms', () => {
  it('keep the order, and pairs without names or values', () => {
    expect(parseForm('b=1&a=2&&b=3&c&=d&e==f')).toEqual([
      ['b', '1'],
      ['a', '2'],
      ['b', '3'],
      ['c', ''],
      ['', 'd'],
      ['e', '=f'],
    ]);
    expect(parseForm('')).toEqual([]);
    expect(parseForm(Buffer.from('a=é'))).toEqual([['a', 'é']]);
  });

  it('decode blanks and escapes, in names too', () => {
    expect(parseForm('a+b=c+d%20e%2B&%C3%A9=%F0%9F%98%80%0a')).toEqual([
      ['a b', 'c d e+'],
      ['é', '😀\n'],
    ]);
  });

  it('let broken escapes stand for themselves', () => {
    expect(parseForm('a=%&b=%4&c=%zz%41&d=100%')).toEqual([
      ['a', '%'],
      ['b', '%4'],
      ['c', '%zzA'],
      ['d', '100%'],
    ]);
    expect(parseForm('a=%ff%41')).toEqual([['a', '\ufffdA']]);
  });

  it('are decoded alike whether short or long', () => {
    const text = 'a+b%20%C3%A9%zz%4%F0%9F%98%80é%ff%2B%';
    const decoded = 'a b é%zz%4😀é\ufffd+%';
    expect(parseForm(text)).toEqual([[decoded, '']]);
    expect(parseForm(`${text}=${text.repeat(1000)}`)).toEqual([[decoded, decoded.repeat(1000)]]);
    expect(parseForm('+'.repeat(2000))).toEqual([[' '.repeat(2000), '']]);
  });

  it('have a limit', () => {
    expect(parseForm('a&'.repeat(FORM_PAIRS_MAX))).toHaveLength(FORM_PAIRS_MAX);
    expect(() => parseForm('a&'.repeat(FORM_PAIRS_MAX + 1))).toThrow('more than');
  });

  it('stand behind the first question mark of a target', () => {
    expect(parseQueryString('/a?b=c?d')).toEqual([['b', 'c?d']]);
    expect(parseQueryString('/a')).toEqual([]);
  });
});
