/**
 * One rule over a JSON body. Arrays are looked into at any depth; a value in an array counts as the array's. What a rule asks of
 * objects in one array must be met by one and the same element:
 *
 *   {"items": {"kind": ["a"], "size": [1]}}   not by   {"items": [{"kind": "a", "size": 2}, {"kind": "b", "size": 1}]}
 *
 * To find out in one pass, each place of the body answers which tests it can meet together, as bits; an array offers its
 * elements as choices, an object joins what its members offer. Choices that are no better than another are dropped at once,
 * so there is one almost always, which is a plain number then, and never more than a fixed number.
 */
import type { MessageBody } from './message-body.ts';
import { isMet, type Scalar, type Test } from './patterns.ts';
import type { Rule } from './policy.ts';

/** Sets of tests that can be met together: one set, or several, none within another. */
type Choices = number | readonly number[];

/** Beyond that the ones that came first stay: a body must be made for it. */
const CHOICES_MAX = 256;

/** A step on the way to the values that the rule looks at. */
interface Step {
  readonly name: string;
  readonly next: Map<string, Step>;
  /** The same, quick to go through. */
  readonly list: Step[];
  /** Whether every object has a member of that name, its own or not. */
  readonly inherited: boolean;
  bit: number;
  test: Test | undefined;
  /** All tests here and further on. */
  mask: number;
}

export class BodyRule {
  readonly #root: Step = newStep('');
  /** Those that are met when there is no value. */
  readonly #absent: readonly { bit: number; steps: readonly string[] }[];

  constructor(rule: Rule) {
    const absent: { bit: number; steps: string[] }[] = [];
    let bit = 1;
    for (const [path, test] of rule) {
      const steps = path.split('.');
      let step = this.#root;
      step.mask |= bit;
      for (const name of steps) {
        step = stepTo(step, name);
        step.mask |= bit;
      }
      step.bit = bit;
      step.test = test;
      if (test.absent) absent.push({ bit, steps });
      bit *= 2;
    }
    this.#absent = absent;
  }

  matches({ value, dotted }: MessageBody): boolean {
    let met = 0;
    for (const { bit, steps } of this.#absent) {
      if (!hasValue(value, steps, 0, dotted)) met |= bit;
    }
    const root = this.#root;
    if (dotted) return includes(ofObject(value, root, dotted), root.mask & ~met);
    // Each member alone must meet all that is asked of it.
    for (const step of root.list) {
      const wanted = step.mask & ~met;
      if (wanted === 0) continue;
      const member = memberOf(value, step);
      if (member === undefined || !includes(ofValue(member, step, dotted), wanted)) return false;
    }
    return true;
  }
}

function newStep(name: string): Step {
  const inherited = name in Object.prototype;
  return { name, next: new Map(), list: [], inherited, bit: 0, test: undefined, mask: 0 };
}

function stepTo(step: Step, name: string): Step {
  let next = step.next.get(name);
  if (next === undefined) {
    next = newStep(name);
    step.next.set(name, next);
    step.list.push(next);
  }
  return next;
}

type Members = Readonly<Record<string, unknown>>;

/** Undefined: there is none; JSON has no such value. */
function memberOf(object: object, { name, inherited }: Step): unknown {
  return inherited && !Object.hasOwn(object, name) ? undefined : (object as Members)[name];
}

function ofObject(object: object, step: Step, dotted: boolean): Choices {
  let choices: Choices = 0;
  if (!dotted) {
    for (const next of step.list) {
      const member = memberOf(object, next);
      if (member !== undefined) choices = joined(choices, ofValue(member, next, dotted));
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

function follow(from: Step, name: string): Step | undefined {
  let step: Step | undefined = from;
  for (const part of name.split('.')) step = step?.next.get(part);
  return step;
}

function ofValue(value: unknown, step: Step, dotted: boolean): Choices {
  if (typeof value === 'object' && value !== null) {
    if (Array.isArray(value)) return ofArray(value, step, dotted);
    return step.list.length === 0 ? 0 : ofObject(value, step, dotted);
  }
  const { test, bit } = step;
  return test !== undefined && isMet(test, value as Scalar) ? bit : 0;
}

function ofArray(array: readonly unknown[], step: Step, dotted: boolean): Choices {
  // What plain values meet is met whichever element is chosen.
  let plain = 0;
  let choices: Choices = 0;
  for (const element of array) {
    const offered = ofValue(element, step, dotted);
    if (offered === 0) continue;
    if (offered === step.mask) return offered;
    if (typeof element === 'object' && element !== null) choices = either(choices, offered);
    else plain |= offered as number;
  }
  return joined(plain, choices);
}

function includes(choices: Choices, wanted: number): boolean {
  if (typeof choices === 'number') return (choices & wanted) === wanted;
  return choices.some((one) => (one & wanted) === wanted);
}

/** One of both. */
function either(some: Choices, others: Choices): Choices {
  if (typeof some === 'number' && typeof others === 'number') {
    if ((some | others) === some) return some;
    if ((some | others) === others) return others;
    return [some, others];
  }
  const best = [...listOf(some)];
  for (const other of listOf(others)) addChoice(best, other);
  return best;
}

/** One of each, together. */
function joined(some: Choices, others: Choices): Choices {
  if (typeof some === 'number' && typeof others === 'number') return some | others;
  if (some === 0) return others;
  if (others === 0) return some;
  const best: number[] = [];
  for (const one of listOf(some)) for (const other of listOf(others)) addChoice(best, one | other);
  return best;
}

function listOf(choices: Choices): readonly number[] {
  return typeof choices === 'number' ? [choices] : choices;
}

function addChoice(best: number[], added: number): void {
  let end = 0;
  for (const one of best) {
    if ((one | added) === one) return;
    if ((one | added) !== added) best[end++] = one;
  }
  best.length = end;
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
