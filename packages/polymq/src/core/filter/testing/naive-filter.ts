/**
 * Another way to the same answers, to compare with: a policy is written out into rules, a body into its values with the elements of
 * arrays that they lie in, and then all is tried. Slow, and no defence against anything.
 */
type Policy = Readonly<Record<string, unknown>>;

interface Place {
  path: string;
  value: unknown;
  /** Which element of which array it lies in. */
  elements: ReadonlyMap<unknown, number>;
}

export function naiveBody(policy: Policy, body: object): boolean {
  const places = placesOf(body);
  return rulesOf(policy, '').some((rule) => {
    const choices: Place[][] = [];
    for (const [path, asked] of Object.entries(rule)) {
      const there = places.filter((place) => place.path === path);
      if (there.length === 0 && asked.some(isAbsence)) continue;
      choices.push(there.filter(({ value }) => asked.some((one) => naiveValue(one, value))));
    }
    return canChoose(choices, []);
  });
}

export function naiveAttributes(policy: Policy, attributes: Policy): boolean {
  return rulesOf(policy, '').some((rule) =>
    Object.entries(rule).every(([name, asked]) => {
      const value = Object.hasOwn(attributes, name) ? attributes[name] : [];
      const values = Array.isArray(value) ? (value as unknown[]) : [value];
      if (values.length === 0) return asked.some(isAbsence);
      return values.some((one) => asked.some((wanted) => naiveValue(wanted, one)));
    }),
  );
}

function canChoose(choices: readonly Place[][], chosen: readonly Place[]): boolean {
  const [first, ...rest] = choices;
  if (first === undefined) return true;
  return first.some((place) => {
    const agrees = chosen.every(({ elements }) =>
      [...elements].every(([array, index]) => (place.elements.get(array) ?? index) === index),
    );
    return agrees && canChoose(rest, [...chosen, place]);
  });
}

function placesOf(body: object): Place[] {
  const places: Place[] = [];
  const visit = (
    value: unknown,
    path: string | undefined,
    elements: ReadonlyMap<unknown, number>,
  ): void => {
    if (Array.isArray(value)) {
      value.forEach((inner: unknown, index) => {
        const inside = typeof inner === 'object' && inner !== null;
        visit(inner, path, inside ? new Map([...elements, [value, index]]) : elements);
      });
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, inner] of Object.entries(value)) {
        visit(inner, path === undefined ? name : `${path}.${name}`, elements);
      }
    } else places.push({ path: path!, value, elements });
  };
  visit(body, undefined, new Map());
  return places;
}

type NaiveRule = Record<string, unknown[]>;

function rulesOf(policy: Policy, prefix: string): NaiveRule[] {
  let rules: NaiveRule[] = [{}];
  for (const [name, value] of Object.entries(policy)) {
    let more: NaiveRule[];
    if (name === '$or') more = (value as Policy[]).flatMap((one) => rulesOf(one, prefix));
    else if (Array.isArray(value)) more = [{ [prefix + name]: value as unknown[] }];
    else more = rulesOf(value as Policy, `${prefix}${name}.`);
    rules = rules.flatMap((rule) => more.map((one) => ({ ...rule, ...one })));
  }
  return rules;
}

function isAbsence(asked: unknown): boolean {
  return isObject(asked) && asked['exists'] === false;
}

export function naiveValue(asked: unknown, value: unknown): boolean {
  if (!isObject(asked)) return asked === value;
  const [operator, operand] = Object.entries(asked)[0]!;
  const text = typeof value === 'string' ? value : undefined;
  switch (operator) {
    case 'exists':
      return operand === true;
    case 'numeric':
      return typeof value === 'number' && naiveNumeric(operand as unknown[], value);
    case 'cidr':
      return text !== undefined && naiveCidr(operand as string, text);
    case 'anything-but':
      return naiveAnythingBut(operand, value);
    default:
      return text !== undefined && naiveText(operator, operand as string, text);
  }
}

function naiveAnythingBut(operand: unknown, value: unknown): boolean {
  const [operator, excluded] = isObject(operand) ? Object.entries(operand)[0]! : ['', operand];
  const list = Array.isArray(excluded) ? (excluded as unknown[]) : [excluded];
  return list.every((one) =>
    operator === '' ? one !== value : !naiveValue({ [operator]: one }, value),
  );
}

function naiveText(operator: string, operand: string, text: string): boolean {
  if (operator === 'prefix') return text.slice(0, operand.length) === operand;
  if (operator === 'suffix') {
    return text.length >= operand.length && text.slice(text.length - operand.length) === operand;
  }
  if (operator === 'equals-ignore-case') return text.toUpperCase() === operand.toUpperCase();
  if (operator === 'wildcard') return naiveWildcard(operand, text);
  throw new Error(operator);
}

/** Every way to share the text among the wildcards. */
function naiveWildcard(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  if (pattern[0] === '*') {
    const rest = pattern.slice(1);
    return Array.from({ length: text.length + 1 }, (_, at) => text.slice(at)).some((left) =>
      naiveWildcard(rest, left),
    );
  }
  const escaped = pattern[0] === '\\';
  const wanted = escaped ? pattern[1] : pattern[0];
  return text[0] === wanted && naiveWildcard(pattern.slice(escaped ? 2 : 1), text.slice(1));
}

function naiveNumeric(expression: readonly unknown[], value: number): boolean {
  for (let at = 0; at < expression.length; at += 2) {
    const limit = expression[at + 1] as number;
    const holds = {
      '=': value === limit,
      '<': value < limit,
      '<=': value <= limit,
      '>': value > limit,
      '>=': value >= limit,
    }[expression[at] as '='];
    if (!holds) return false;
  }
  return true;
}

function naiveCidr(cidr: string, text: string): boolean {
  const [network, bits] = cidr.split('/') as [string, string];
  const binary = (address: string) =>
    address
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('');
  if (!/^(\d{1,3}\.){3}\d{1,3}$/.test(text)) return false;
  return binary(text).slice(0, Number(bits)) === binary(network).slice(0, Number(bits));
}

function isObject(value: unknown): value is Policy {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
