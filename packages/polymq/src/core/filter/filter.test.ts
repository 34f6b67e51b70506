import { describe, expect, it, test } from 'vitest';
import { compileFilterPolicy, type FilterScope, type FilterSubject } from './filter.ts';
import { readMessageBody } from './message-body.ts';

function attributes(values: Record<string, unknown>): FilterSubject {
  return { attributes: () => new Map(Object.entries(values)), body: () => undefined };
}

function body(text: string): FilterSubject {
  const read = readMessageBody(Buffer.from(text));
  return { attributes: () => new Map(), body: () => read };
}

function onAttributes(policy: unknown, values: Record<string, unknown>): boolean {
  return compileFilterPolicy(JSON.stringify(policy), 'attributes').matches(attributes(values));
}

function onBody(policy: unknown, value: unknown): boolean {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return compileFilterPolicy(JSON.stringify(policy), 'body').matches(body(text));
}

/** What a key asks for, values that meet it, and values that do not. `undefined`: there is none. */
const OPERATORS: [asked: unknown[], met: unknown[], unmet: unknown[]][] = [
  [
    ['a', 'b'],
    ['a', 'b', ['c', 'a']],
    ['c', 'A', '', 1, null, undefined, [], ['c']],
  ],
  [['1'], ['1'], [1, true]],
  [
    [1, -2.5],
    [1, 1.0, -2.5, ['x', 1]],
    ['1', 2, undefined, true],
  ],
  [[301.5], [301.5, 3.015e2], [301, '301.5']],
  [[true], [true, ['a', true]], [false, 'true', 1, null]],
  [[false], [false], [true, 'false', 0, undefined]],
  [[null], [null, ['a', null]], ['null', undefined, '', 0, false]],
  [['::1'], ['::1', '0:0:0:0:0:0:0:1'], ['::2', '1']],
  [[{ exists: true }], ['a', '', 0, false, null, ['a']], [undefined, []]],
  [[{ exists: false }], [undefined, []], ['a', '', 0, null, ['a']]],
  [[{ exists: false }, 'a'], [undefined, 'a'], ['b']],
  [
    [{ prefix: 'bas' }],
    ['bas', 'baseball', ['x', 'bass']],
    ['ba', 'Base', 'xbas', 1, null, undefined],
  ],
  [[{ prefix: '' }], ['', 'x'], [1, undefined]],
  [[{ prefix: { 'equals-ignore-case': 'BaS' } }], ['baseball', 'BASE'], ['ba', 1]],
  [[{ suffix: 'ball' }], ['ball', 'baseball'], ['all', 'balls', 'BALL', 1, undefined]],
  [[{ suffix: { 'equals-ignore-case': 'ALL' } }], ['baseball', 'All'], ['ll', 1]],
  [[{ 'equals-ignore-case': 'TenNis' }], ['tennis', 'TENNIS'], ['tenni', 'tenniss', 1, undefined]],
  [[{ 'equals-ignore-case': 'ÄÖ' }], ['äö', 'ÄÖ'], ['ao']],
  [[{ wildcard: 'a*' }], ['a', 'abc', 'a*'], ['', 'ba', 1, undefined]],
  [[{ wildcard: '*.png' }], ['.png', 'x.png'], ['png', 'x.png ']],
  [[{ wildcard: 'a*b*c' }], ['abc', 'axxbxxc', 'abbc', 'abcbc'], ['ac', 'acb', 'abcd', 'ab']],
  [[{ wildcard: '*ab*' }], ['ab', 'xaby', 'aab'], ['a', 'axb', '']],
  [[{ wildcard: '*' }], ['', 'x'], [1, null, undefined]],
  [[{ wildcard: 'a\\*b' }], ['a*b'], ['axb', 'a\\*b']],
  [[{ wildcard: 'a\\\\*' }], ['a\\', 'a\\x'], ['ax']],
  [[{ wildcard: 'plain' }], ['plain'], ['plain ', '']],
  [[{ wildcard: 'aba*aba' }], ['abaaba', 'abaxaba'], ['aba', 'ababa']],
  [
    [{ cidr: '10.0.0.0/24' }],
    ['10.0.0.0', '10.0.0.255'],
    ['10.0.1.0', '10.0.0', 'x', 10, undefined],
  ],
  [[{ cidr: '10.0.0.77/30' }], ['10.0.0.76', '10.0.0.79'], ['10.0.0.80', '10.0.0.75']],
  [[{ cidr: '0.0.0.0/0' }], ['1.2.3.4', '255.255.255.255'], ['256.1.1.1', '::1', '1.2.3']],
  [
    [{ cidr: '2001:db8::/33' }],
    ['2001:db8::1', '2001:db8:7fff::'],
    ['2001:db8:8000::', '::', '10.0.0.1'],
  ],
  [[{ numeric: ['=', 5] }], [5, 5.0, [1, 5]], [4.999, '5', true, null, undefined]],
  [[{ numeric: ['<', 5] }], [4.9, -1e9], [5, '4']],
  [[{ numeric: ['<=', 5] }], [5, 4], [5.00001]],
  [[{ numeric: ['>', 0] }], [0.00001, 1e9], [0, -1]],
  [[{ numeric: ['>=', 0] }], [0, 1], [-0.00001]],
  [[{ numeric: ['>', 0, '<=', 100] }], [1, 100], [0, 101, '50']],
  [[{ numeric: ['>=', 0, '<', 100] }], [0, 99.9], [100, -0.1]],
  [[{ 'anything-but': 'a' }], ['b', 'A', '', 1, null, ['a', 'b']], ['a', ['a'], undefined, []]],
  [[{ 'anything-but': 5 }], [4, '5', null], [5, 5.0, undefined]],
  [[{ 'anything-but': ['a', 'b'] }], ['c', ['a', 'c']], ['a', 'b', ['a', 'b'], undefined]],
  [[{ 'anything-but': [1, 2] }], [3, '1'], [1, 2]],
  [[{ 'anything-but': { prefix: 'a' } }], ['b', 'ba', 1], ['a', 'ab', undefined]],
  [[{ 'anything-but': { prefix: ['a', 'b'] } }], ['c'], ['ax', 'bx']],
  [[{ 'anything-but': { suffix: 'a' } }], ['b', 'ab', 1], ['a', 'ba', undefined]],
  [[{ 'anything-but': { suffix: ['a', 'b'] } }], ['c'], ['xa', 'xb']],
  [[{ 'anything-but': { wildcard: '*a*' } }], ['b', 1], ['a', 'bab', undefined]],
  [[{ 'anything-but': { wildcard: ['a*', '*b'] } }], ['c', 'ca'], ['ax', 'xb']],
  [[{ 'anything-but': { 'equals-ignore-case': 'aB' } }], ['b', 1], ['AB', 'ab', undefined]],
  [[{ 'anything-but': { 'equals-ignore-case': ['a', 'b'] } }], ['c'], ['A', 'b']],
  [[{ 'anything-but': 'a' }, { exists: false }], ['b', undefined], ['a']],
];

describe('operators', () => {
  test.for(OPERATORS)('%j', ([asked, met, unmet]) => {
    for (const [values, expected] of [[met, true] as const, [unmet, false] as const]) {
      for (const value of values) {
        const subject = value === undefined ? {} : { key: value };
        const told = JSON.stringify(subject);
        expect(onAttributes({ key: asked }, subject), `attributes ${told}`).toBe(expected);
        expect(onBody({ key: asked }, subject), `body ${told}`).toBe(expected);
        expect(onBody({ in: { key: asked } }, { in: subject }), `nested ${told}`).toBe(expected);
      }
    }
  });
});

describe('policies on attributes', () => {
  it('ask for all keys, and for one of the values of each', () => {
    const policy = {
      store: ['a'],
      interests: ['rugby', { prefix: 'bas' }],
      price: [{ exists: true }],
    };
    expect(onAttributes(policy, { store: 'a', interests: 'baseball', price: 1, more: 2 })).toBe(
      true,
    );
    expect(onAttributes(policy, { store: 'a', interests: 'baseball' })).toBe(false);
    expect(onAttributes(policy, { store: 'b', interests: 'rugby', price: 1 })).toBe(false);
  });

  it('take either side of $or', () => {
    const policy = { source: ['s'], $or: [{ a: [1] }, { b: [2], $or: [{ c: [3] }, { d: [4] }] }] };
    expect(onAttributes(policy, { source: 's', a: 1 })).toBe(true);
    expect(onAttributes(policy, { source: 's', b: 2, d: 4 })).toBe(true);
    expect(onAttributes(policy, { source: 's', b: 2 })).toBe(false);
    expect(onAttributes(policy, { a: 1 })).toBe(false);
  });

  it('see no bytes, tables and missing values, and large integers as numbers', () => {
    for (const value of [Buffer.from('a'), { a: 1 }, undefined, [Buffer.from('a')]]) {
      expect(onAttributes({ key: [{ exists: true }] }, { key: value })).toBe(false);
      expect(onAttributes({ key: [{ exists: false }] }, { key: value })).toBe(true);
    }
    expect(onAttributes({ key: [{ numeric: ['>', 5] }] }, { key: 6n })).toBe(true);
    expect(onAttributes({ key: [7] }, { key: 7n })).toBe(true);
  });

  it('take a name with dots as it stands', () => {
    expect(onAttributes({ 'a.b': [1] }, { 'a.b': 1 })).toBe(true);
    expect(onAttributes({ 'a.b': [1] }, { a: { b: 1 } })).toBe(false);
  });

  it('take everything when they are empty', () => {
    expect(onAttributes({}, {})).toBe(true);
  });

  it('know no key that only objects have', () => {
    expect(onAttributes({ constructor: [{ exists: true }] }, {})).toBe(false);
    expect(onBody({ constructor: [{ exists: true }] }, {})).toBe(false);
    const own = '{"__proto__":{"a":[1]}}';
    expect(compileFilterPolicy(own, 'body').matches(body('{"__proto__":{"a":1}}'))).toBe(true);
    expect(compileFilterPolicy(own, 'body').matches(body('{"a":1}'))).toBe(false);
  });
});

describe('policies on bodies', () => {
  it('match nothing that is no JSON object', () => {
    for (const text of [
      '',
      ' ',
      'text',
      '"text"',
      '1',
      'null',
      '[{"a":1}]',
      '{"a":1',
      '{"a":1}x',
    ]) {
      expect(onBody({ a: [{ exists: false }] }, text), text).toBe(false);
    }
    expect(onBody({ a: [1] }, ' \n{"a":1}')).toBe(true);
  });

  it('match no body that is too large or nested too deep', () => {
    const large = `{"a":1,"b":"${'x'.repeat(1024 * 1024)}"}`;
    expect(onBody({ a: [1] }, large)).toBe(false);
    const deep = (depth: number) => `{"a":1,"b":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    expect(onBody({ a: [1] }, deep(900))).toBe(true);
    expect(onBody({ a: [1] }, deep(1001))).toBe(false);
    expect(onBody({ a: [1] }, deep(100_000))).toBe(false);
  });

  it('look into nested objects and arrays', () => {
    const policy = {
      Records: { s3: { object: { key: [{ prefix: 'auto-' }] } }, eventName: ['Put'] },
    };
    const record = (key: string, eventName: string) => ({ s3: { object: { key } }, eventName });
    expect(onBody(policy, { Records: [record('auto-1', 'Put')] })).toBe(true);
    expect(onBody(policy, { Records: [record('home', 'Put'), record('auto-1', 'Put')] })).toBe(
      true,
    );
    expect(onBody(policy, { Records: record('auto-1', 'Put') })).toBe(true);
    const inLists = { s3: { object: [[{ key: 'auto-1' }]] }, eventName: 'Put' };
    expect(onBody(policy, { Records: [inLists, record('home', 'Removed')] })).toBe(true);
    expect(onBody(policy, { Records: [] })).toBe(false);
  });

  it('want one element of an array to meet all that is asked of it', () => {
    const policy = { items: { kind: ['a'], size: [1] } };
    expect(
      onBody(policy, {
        items: [
          { kind: 'a', size: 2 },
          { kind: 'b', size: 1 },
        ],
      }),
    ).toBe(false);
    expect(
      onBody(policy, {
        items: [
          { kind: 'b', size: 1 },
          { kind: 'a', size: 1 },
        ],
      }),
    ).toBe(true);
    expect(onBody(policy, { items: [{ kind: ['b', 'a'], size: [2, 1] }] })).toBe(true);
  });

  it('take an absent key to be absent everywhere', () => {
    const policy = { items: { kind: ['a'], size: [{ exists: false }] } };
    expect(onBody(policy, { items: [{ kind: 'a' }, { kind: 'b' }] })).toBe(true);
    expect(onBody(policy, { items: [{ kind: 'a' }, { kind: 'b', size: 1 }] })).toBe(false);
    expect(onBody({ a: [{ exists: false }] }, { a: { b: 1 } })).toBe(true);
    expect(onBody({ a: { b: [{ exists: false }] } }, { a: 1 })).toBe(true);
  });

  it('join names by dots', () => {
    const policy = { 'a.b.c': ['x'] };
    for (const text of [
      '{"a":{"b":{"c":"x"}}}',
      '{"a.b.c":"x"}',
      '{"a.b":{"c":"x"}}',
      '{"a":{"b.c":"x"}}',
    ]) {
      expect(onBody(policy, text), text).toBe(true);
      expect(onBody({ a: { 'b.c': ['x'] } }, text), text).toBe(true);
      expect(onBody({ 'a.b.c': [{ exists: false }] }, text), text).toBe(false);
    }
    expect(onBody(policy, '{"a.b":{"c":"y"}}')).toBe(false);
    expect(onBody(policy, '{"a.b":"x","b.c":"x"}')).toBe(false);
  });

  it('take either side of $or at any depth', () => {
    const policy = {
      $or: [{ metricName: ['CPUUtilization', 'ReadLatency'] }, { namespace: ['AWS/EC2'] }],
      detail: { scope: ['Service'], $or: [{ source: ['cw'] }, { type: ['Change'] }] },
    };
    const detail = { scope: 'Service', type: 'Change' };
    expect(onBody(policy, { metricName: 'ReadLatency', detail })).toBe(true);
    expect(onBody(policy, { namespace: 'AWS/EC2', detail })).toBe(true);
    expect(onBody(policy, { namespace: 'AWS/ES', detail })).toBe(false);
    expect(onBody(policy, { namespace: 'AWS/EC2', detail: { scope: 'Service' } })).toBe(false);
    expect(onBody(policy, { namespace: 'AWS/EC2', detail: { type: 'Change' } })).toBe(false);
  });
});

const AWS_ERRORS: [policy: unknown, scope: FilterScope, message: string][] = [
  [
    { key: [['value']] },
    'attributes',
    'FilterPolicy: Match value must be String, number, true, false, or null',
  ],
  [
    { key: [{ 'wrong-operator': true }] },
    'attributes',
    'FilterPolicy: Unrecognized match type wrong-operator',
  ],
  [
    { key: [{ constructor: 'x' }] },
    'attributes',
    'FilterPolicy: Unrecognized match type constructor',
  ],
  [
    { key: [{ suffix: 'a', prefix: 'b' }] },
    'attributes',
    'FilterPolicy: Only one key allowed in match expression',
  ],
  [{ key: [{}] }, 'attributes', 'FilterPolicy: Match expression name not found'],
  [{ key: [] }, 'attributes', 'FilterPolicy: Empty arrays are not allowed'],
  [{ key: {} }, 'body', 'FilterPolicy: Empty objects are not allowed'],
  [[], 'attributes', 'FilterPolicy: Filter is not an object'],
  ['"text"', 'attributes', 'FilterPolicy: Filter is not an object'],
  ['{"key":', 'attributes', 'FilterPolicy: failed to parse JSON.'],
  [{ key: 'value' }, 'attributes', 'FilterPolicy: "key" must be an object or an array'],
  [
    { key: { suffix: 'value' } },
    'attributes',
    'FilterPolicy: "suffix" must be an object or an array',
  ],
  [
    { object: { key: [{ prefix: 'auto-' }] } },
    'attributes',
    'Filter policy scope MessageAttributes does not support nested filter policy',
  ],
  ...['suffix', 'prefix', 'equals-ignore-case', 'wildcard'].flatMap((operator) =>
    [100, null, [], ['test']].map((operand): [unknown, FilterScope, string] => [
      { key: [{ [operator]: operand }] },
      'attributes',
      `FilterPolicy: ${operator} match pattern must be a string`,
    ]),
  ),
  [
    { key: [{ prefix: { suffix: 'a' } }] },
    'attributes',
    'FilterPolicy: Unsupported prefix pattern: suffix',
  ],
  [
    { key: [{ wildcard: 'a**' }] },
    'attributes',
    'FilterPolicy: Consecutive wildcard characters at pos 2',
  ],
  [
    { key: [{ wildcard: 'ä\\b' }] },
    'attributes',
    'FilterPolicy: Invalid escape character at pos 3',
  ],
  [
    { key: [{ cidr: ['bad'] }] },
    'attributes',
    'FilterPolicy: prefix match pattern must be a string',
  ],
  [{ key: [{ cidr: 'bad' }] }, 'attributes', "FilterPolicy: Malformed CIDR, one '/' required"],
  [{ key: [{ cidr: 'bad/64' }] }, 'attributes', 'FilterPolicy: Nonstandard IP address: bad'],
  [
    { key: [{ cidr: '10.0.0.1/x' }] },
    'attributes',
    'FilterPolicy: Malformed CIDR, mask bits must be an integer',
  ],
  [
    { key: [{ cidr: 'xx.11.xx/8' }] },
    'attributes',
    'FilterPolicy: Nonstandard IP address: xx.11.xx',
  ],
  [{ key: [{ cidr: '10.0.0.1/32' }] }, 'attributes', 'FilterPolicy: IPv4 mask bits must be < 32'],
  [{ key: [{ cidr: '::1/128' }] }, 'attributes', 'FilterPolicy: IPv6 mask bits must be < 128'],
  [{ key: [{ numeric: 5 }] }, 'attributes', 'FilterPolicy: Value of numeric must be an array.'],
  [{ key: [{ numeric: [] }] }, 'attributes', 'FilterPolicy: Invalid member in numeric match: ]'],
  [
    { key: [{ numeric: ['operator'] }] },
    'attributes',
    'FilterPolicy: Unrecognized numeric range operator: operator',
  ],
  [
    { key: [{ numeric: ['toString', 1] }] },
    'attributes',
    'FilterPolicy: Unrecognized numeric range operator: toString',
  ],
  [
    { key: [{ numeric: [1, '<='] }] },
    'attributes',
    'FilterPolicy: Invalid member in numeric match: 1',
  ],
  [
    { key: [{ numeric: ['=', '000'] }] },
    'attributes',
    'FilterPolicy: Value of equals must be numeric',
  ],
  [{ key: [{ numeric: ['>='] }] }, 'attributes', 'FilterPolicy: Value of >= must be numeric'],
  [
    { key: [{ numeric: ['<', 100, '>', 10] }] },
    'attributes',
    'FilterPolicy: Too many elements in numeric expression',
  ],
  [
    { key: [{ numeric: ['>=', 1, '>', 2] }] },
    'attributes',
    'FilterPolicy: Bad numeric range operator: >',
  ],
  [
    { key: [{ numeric: ['>', 3, '<', 1] }] },
    'attributes',
    'FilterPolicy: Bottom must be less than top',
  ],
  [
    { key: [{ numeric: ['>', 20, '<='] }] },
    'attributes',
    'FilterPolicy: Value of <= must be numeric',
  ],
  [
    { key: [{ numeric: ['>', 20, 30] }] },
    'attributes',
    'FilterPolicy: Bad value in numeric range: 30',
  ],
  [
    { key: [{ numeric: ['>', 20, 'test'] }] },
    'attributes',
    'FilterPolicy: Bad numeric range operator: test',
  ],
  [
    { key: [{ numeric: ['>', '20', '<', '30'] }] },
    'attributes',
    'FilterPolicy: Value of > must be numeric',
  ],
  [
    { key: [{ numeric: ['>', 20, '<', '30'] }] },
    'attributes',
    'FilterPolicy: Value of < must be numeric',
  ],
  [
    { key: [{ numeric: ['>', 20, '<', 30, '<', 50] }] },
    'attributes',
    'FilterPolicy: Too many terms in numeric range expression',
  ],
  [
    { key: [{ exists: null }] },
    'attributes',
    'FilterPolicy: exists match pattern must be either true or false.',
  ],
  [
    { key: [{ exists: 'no' }] },
    'attributes',
    'FilterPolicy: exists match pattern must be either true or false.',
  ],
  [
    { key: [{ 'anything-but': { 'wrong-operator': null } }] },
    'attributes',
    'FilterPolicy: Unsupported anything-but pattern: wrong-operator',
  ],
  [
    { key: [{ 'anything-but': { exists: false } }] },
    'attributes',
    'FilterPolicy: Unsupported anything-but pattern: exists',
  ],
  [
    { key: [{ 'anything-but': { prefix: false } }] },
    'attributes',
    'FilterPolicy: prefix match pattern must be a string',
  ],
  [
    { key: [{ 'anything-but': { prefix: '' } }] },
    'attributes',
    'FilterPolicy: Null prefix/suffix not allowed',
  ],
  [
    { key: [{ 'anything-but': null }] },
    'attributes',
    'FilterPolicy: Value of anything-but must be an array or single string/number value.',
  ],
  [
    { key: [{ 'anything-but': ['a', 1] }] },
    'attributes',
    'FilterPolicy: Inside anything but list, either all values are number or string, mixed type is not supported',
  ],
  [
    { key: [{ 'anything-but': [null] }] },
    'attributes',
    'FilterPolicy: Inside anything but list, start|null|boolean is not supported.',
  ],
  [{ $or: { a: [1] } }, 'attributes', 'FilterPolicy: It must be an Array followed with $or.'],
  [
    { $or: [{ a: [1] }, 'b'] },
    'attributes',
    'FilterPolicy: Only JSON object is allowed in array of $or relationship.',
  ],
  [
    { $or: [{ a: [1] }] },
    'attributes',
    'FilterPolicy: There must have at least 2 Objects in $or relationship.',
  ],
  [
    { $or: [{ prefix: [1] }, { a: [1] }] },
    'attributes',
    'FilterPolicy: prefix is Ruler reserved fieldName which cannot be used inside $or.',
  ],
];

describe('a policy that is refused', () => {
  test.for(AWS_ERRORS)('%j on %s: %s', ([policy, scope, message]) => {
    const text = typeof policy === 'string' ? policy : JSON.stringify(policy);
    expect(() => compileFilterPolicy(text, scope)).toThrow(
      expect.objectContaining({ name: 'FilterPolicyError', message }),
    );
  });
});

function values(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `value${at}`);
}

function refusal(policy: unknown, scope: FilterScope): string | undefined {
  try {
    compileFilterPolicy(policy, scope);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

const TOO_COMPLEX = 'FilterPolicy: Filter policy is too complex';

describe('limits', () => {
  it('are five keys', () => {
    const keys = (count: number) => Object.fromEntries(values(count).map((key) => [key, [1]]));
    expect(refusal(keys(5), 'attributes')).toBeUndefined();
    for (const scope of ['attributes', 'body'] as const) {
      expect(refusal(keys(6), scope)).toBe(
        'FilterPolicy: Filter policy can not have more than 5 keys',
      );
    }
    expect(refusal({ a: keys(6) }, 'body')).toBeUndefined();
  });

  it('are 150 combinations, those of nested keys times their depth', () => {
    expect(refusal({ key: values(150) }, 'attributes')).toBeUndefined();
    expect(refusal({ key: values(151) }, 'attributes')).toBe(TOO_COMPLEX);
    expect(refusal({ a: values(15), b: values(10) }, 'attributes')).toBeUndefined();
    expect(refusal({ a: values(100), b: values(51) }, 'attributes')).toBe(TOO_COMPLEX);
    const nested = { a: { b: { c: values(4) } }, d: { e: values(3) } };
    // 3 × 4 × 2 × 3 = 72, and 216 with three more values.
    expect(refusal(nested, 'body')).toBeUndefined();
    expect(refusal({ ...nested, f: values(3) }, 'body')).toBe(TOO_COMPLEX);
  });

  it('count the sides of $or together', () => {
    const policy = (sources: number, metrics: number, spaces: number) => ({
      source: values(sources),
      $or: [
        { metricName: values(metrics) },
        { metricType: values(4), $or: [{ metricId: [1, 2, 3, 4] }, { spaceId: values(spaces) }] },
      ],
    });
    // 4·6 + 4·4·4 + 4·4·4 = 152, and 3·6 + 3·4·4 + 3·4·7 = 150.
    expect(refusal(policy(4, 6, 4), 'attributes')).toBe(TOO_COMPLEX);
    expect(refusal(policy(3, 6, 7), 'attributes')).toBeUndefined();
    const nested = {
      $or: [{ metricName: values(3) }, { namespace: values(2) }],
      detail: { scope: values(2), $or: [{ source: values(1) }, { type: values(3) }] },
    };
    // 3·4·2 + 3·4·6 + 2·4·2 + 2·4·6 = 160.
    expect(refusal(nested, 'body')).toBe(TOO_COMPLEX);
  });

  it('are 256 KiB of text', () => {
    const policy = (bytes: number) => `{"key":["${'x'.repeat(bytes - 12)}"]}`;
    expect(refusal(policy(256 * 1024), 'attributes')).toBeUndefined();
    expect(refusal(policy(256 * 1024 + 1), 'attributes')).toMatch(/262144 bytes/);
  });

  it('hold for what grows without values', () => {
    const either = { $or: [{ x: [1] }, { y: [1] }] };
    const ors = { a: Object.fromEntries(values(40).map((key) => [key, either])) };
    expect(refusal(ors, 'body')).toBe(TOO_COMPLEX);
    const deep = `${'{"a":'.repeat(50_000)}[1]${'}'.repeat(50_000)}`;
    const wide = Object.fromEntries(values(40).map((key) => [key, [1]]));
    expect(refusal(JSON.parse(deep), 'body')).toBe(TOO_COMPLEX);
    expect(refusal({ $or: [wide, { a: [1] }] }, 'body')).toBe(TOO_COMPLEX);
    expect(refusal({ key: [{ 'anything-but': { prefix: values(151) } }] }, 'body')).toBe(
      TOO_COMPLEX,
    );
    expect(refusal({ key: Array(10).fill({ wildcard: 'a*' }) }, 'body')).toBeUndefined();
    expect(refusal({ key: Array(11).fill({ wildcard: 'a*' }) }, 'body')).toBe(TOO_COMPLEX);
    expect(refusal({ key: Array(6).fill({ wildcard: '*a*' }) }, 'body')).toBe(TOO_COMPLEX);
  });
});
