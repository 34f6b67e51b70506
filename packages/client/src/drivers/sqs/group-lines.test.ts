import { describe, expect, it } from 'vitest';
import { SqsDelivery } from './delivery.ts';
import { firstOfGroups, GroupLines } from './group-lines.ts';

const place = { name: 'q', url: 'u', fifo: true };

/** `a1` is the first of group `a`. */
function deliveries(...names: string[]): SqsDelivery[] {
  return names.map((name) => {
    const received = {
      MessageId: name,
      ReceiptHandle: name,
      Body: name,
      Attributes: { MessageGroupId: name[0]! },
    };
    const facts = { place, leaseMs: 1, leaseEndMs: 1, owner: undefined, unseen: 0 };
    return new SqsDelivery(received, facts);
  });
}

const namesOf = (list: readonly SqsDelivery[]): string[] => list.map(({ handle }) => handle);

describe('the lines of groups', () => {
  it('let one of each group go, and the next when it is done', () => {
    const lines = new GroupLines();
    const all = deliveries('a1', 'a2', 'b1', 'a3', 'b2');
    expect(namesOf(lines.admit(all))).toEqual(['a1', 'b1']);
    expect(lines.next(all[0]!)?.handle).toBe('a2');
    expect(lines.next(all[2]!)?.handle).toBe('b2');
    expect(lines.next(all[1]!)?.handle).toBe('a3');
    expect(lines.next(all[3]!)).toBeUndefined();
    expect(namesOf(lines.admit(deliveries('a4')))).toEqual(['a4']);
  });

  it('let later ones of a group stand in line', () => {
    const lines = new GroupLines();
    const [first] = lines.admit(deliveries('a1'));
    expect(lines.admit(deliveries('a2'))).toEqual([]);
    expect(namesOf(lines.behind(first!))).toEqual(['a2']);
  });

  it('end when the first one goes back', () => {
    const lines = new GroupLines();
    const all = deliveries('a1', 'a2', 'a3', 'b1', 'b2');
    lines.admit(all);
    expect(namesOf(lines.end(all[0]!))).toEqual(['a2', 'a3']);
    expect(lines.end(all[0]!)).toEqual([]);
    expect(namesOf(lines.endAll())).toEqual(['b2']);
    expect(namesOf(lines.admit(deliveries('a1')))).toEqual(['a1']);
  });

  it('can be asked about those that stand in none', () => {
    const lines = new GroupLines();
    const [a1, a2] = deliveries('a1', 'a2');
    lines.admit([a1!, a2!]);
    expect(lines.next(a2!)).toBeUndefined();
    expect(lines.end(a2!)).toEqual([]);
    expect(namesOf(lines.behind(a1!))).toEqual(['a2']);
  });

  it('divide what one receive brought', () => {
    const { first, behind } = firstOfGroups(deliveries('a1', 'b1', 'a2', 'c1'));
    expect([namesOf(first), namesOf(behind)]).toEqual([['a1', 'b1', 'c1'], ['a2']]);
  });
});
