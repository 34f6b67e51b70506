/**
 * One rule over a JSON body. Arrays are looked into at any depth; a value in an array counts as the array's. What a rule asks of
 * objects in one array must be met by one and the same element:
 *
 *   {"items": {"kind": ["a"], "size": [1]}}   not by   {"items": [{"kind": "a", "size": 2}, {"kind": "b", "size": 1}]}
 *
 * To find out in one pass, each place of the body answers which tests it can meet together, as bits; an array offers its
 * elements as choices, an object joins what its members offer. Choices that are no better than another are dropped at once,
 * so there is one almost always, and never more than a fixed number.
 */
import type { MessageBody } from './message-body.ts';
import { isMet, type Scalar, type Test } from './patterns.ts';
import type { Rule } from './policy.ts';

/** Sets of tests that can be met together, none within another. */
type Choices = readonly number[];

const NOTHING: Choices = Object.freeze([0]);
/** Beyond that the ones that came first stay: a body must be made for it. */
const CHOICES_MAX = 256;

/** A step on the way to the values that the rule looks at. */
interface Step {
  readonly next: Map<string, Step>;
  bit: number;
  test: Test | undefined;
}

export class BodyRule {
  readonly #root: Step = newStep();
  readonly #all: number;
  /** Those that are met when there is no value. */
  readonly #absent: readonly { bit: number; steps: readonly string[] }[];

  constructor(rule: Rule) {
    const absent: { bit: number; steps: string[] }[] = [];
    let bit = 1;
    for (const [path, test] of rule) {
      const steps = path.split('.');
      let step = this.#root;
      for (const name of steps) step = stepTo(step, name);
      step.bit = bit;
      step.test = test;
      if (test.absent) absent.push({ bit, steps });
      bit *= 2;
    }
    this.#all = bit - 1;
    this.#absent = absent;
  }

  matches({ value, dotted }: MessageBody): boolean {
    let met = 0;
    for (const { bit, steps } of this.#absent) {
      if (!hasValue(value, steps, 0, dotted)) met |= bit;
    }
    if (met === this.#all) return true;
    for (const choice of ofObject(value, this.#root, dotted)) {
      if ((choice | met) === this.#all) return true;
    }
    return false;
  }
}

function newStep(): Step {
  return { next: new Map(), bit: 0, test: undefined };
}

function stepTo(step: Step, name: string): Step {
  let next = step.next.get(name);
  if (next === undefined) {
    next = newStep();
    step.next.set(name, next);
  }
  return next;
}

function ofObject(object: object, step: Step, dotted: boolean): Choices {
  let choices = NOTHING;
  if (!dotted) {
    for (const [name, next] of step.next) {
      if (Object.hasOwn(object, name)) {
        choices = joined(choices, ofValue((object as Members)[name], next, dotted));
      }
    }
    return choices;
  }
  for (const name of Object.keys(object)) {
    const next = name.includes('.') ? follow(step, name) : step.next.get(name);
    if (next !== undefined) {
      choices = joined(choices, ofValue((object as Members)[name], next, dotted));
    }
  }
  return choices;
}

type Members = Readonly<Record<string, unknown>>;

function follow(from: Step, name: string): Step | undefined {
  let step: Step | undefined = from;
  for (const part of name.split('.')) step = step?.next.get(part);
  return step;
}

function ofValue(value: unknown, step: Step, dotted: boolean): Choices {
  if (Array.isArray(value)) return ofArray(value, step, dotted);
  if (typeof value === 'object' && value !== null) {
    return step.next.size === 0 ? NOTHING : ofObject(value, step, dotted);
  }
  const { test, bit } = step;
  return test !== undefined && isMet(test, value as Scalar) ? [bit] : NOTHING;
}

function ofArray(array: readonly unknown[], step: Step, dotted: boolean): Choices {
  let plain = 0;
  let choices: Choices = NOTHING;
  for (const element of array) {
    const offered = ofValue(element, step, dotted);
    if (offered === NOTHING) continue;
    if (typeof element === 'object') choices = either(choices, offered);
    else plain |= offered[0]!;
  }
  return plain === 0 ? choices : joined([plain], choices);
}

/** One of both. */
function either(some: Choices, others: Choices): Choices {
  const best = [...some];
  for (const other of others) addChoice(best, other);
  return best;
}

/** One of each, together. */
function joined(some: Choices, others: Choices): Choices {
  if (some === NOTHING) return others;
  if (others === NOTHING) return some;
  if (some.length === 1 && others.length === 1) return [some[0]! | others[0]!];
  const best: number[] = [];
  for (const one of some) for (const other of others) addChoice(best, one | other);
  return best;
}

function addChoice(best: number[], added: number): void {
  let kept = 0;
  for (const one of best) {
    if ((one | added) === one) return;
    if ((one | added) !== added) kept++;
  }
  if (kept < best.length) {
    const others = best.filter((one) => (one | added) !== added);
    best.length = 0;
    best.push(...others);
  }
  if (best.length < CHOICES_MAX) best.push(added);
}

/** Whether there is any value at the path, also in arrays. */
function hasValue(value: unknown, steps: readonly string[], at: number, dotted: boolean): boolean {
  if (Array.isArray(value)) return value.some((inner) => hasValue(inner, steps, at, dotted));
  if (typeof value !== 'object' || value === null) return at === steps.length;
  if (at === steps.length) return false;
  if (!dotted) {
    const name = steps[at]!;
    return Object.hasOwn(value, name) && hasValue((value as Members)[name], steps, at + 1, dotted);
  }
  return Object.entries(value).some(([name, inner]) => {
    const parts = name.split('.');
    return (
      parts.every((part, index) => part === steps[at + index]) &&
      hasValue(inner, steps, at + parts.length, dotted)
    );
  });
}
