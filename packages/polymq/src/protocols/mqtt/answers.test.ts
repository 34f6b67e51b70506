import { describe, expect, it } from 'vitest';
import { Answers, NOT_YET } from './answers.ts';
import { PUBACK, PUBCOMP, PUBREC } from './codec/index.ts';

/** All that may leave, as `[first byte, packet id, reason]`. */
function takeAll(answers: Answers, committed: number): number[][] {
  const taken: number[][] = [];
  for (let word = answers.take(committed); word >= 0; word = answers.take(committed)) {
    taken.push([word >>> 24, word & 0xffff, (word >>> 16) & 0xff]);
  }
  return taken;
}

describe('answers that wait for the journal', () => {
  it('leave in their order, as far as it has come', () => {
    const answers = new Answers();
    answers.add(PUBACK, 1, 0, 10);
    answers.add(PUBREC, 65_535, 0x10, 10);
    answers.add(PUBCOMP, 3, 0x92, 11);
    expect(takeAll(answers, 9)).toEqual([]);
    expect(takeAll(answers, 10)).toEqual([
      [PUBACK, 1, 0],
      [PUBREC, 65_535, 0x10],
    ]);
    expect(answers.length).toBe(1);
    expect(takeAll(answers, 12)).toEqual([[PUBCOMP, 3, 0x92]]);
    expect(answers.length).toBe(0);
  });

  it('never overtake one whose position is not known yet', () => {
    const answers = new Answers();
    const ticket = answers.add(PUBREC, 7, 0, NOT_YET);
    answers.add(PUBACK, 8, 0, 1);
    expect(takeAll(answers, 100)).toEqual([]);
    answers.settle(ticket, 5, 0x83);
    expect(takeAll(answers, 4)).toEqual([]);
    expect(takeAll(answers, 5)).toEqual([
      [PUBREC, 7, 0x83],
      [PUBACK, 8, 0],
    ]);
  });

  it('are as many as there are, whatever room there was in the beginning', () => {
    const answers = new Answers();
    for (let id = 1; id <= 10; id++) answers.add(PUBACK, id, 0, id);
    expect(takeAll(answers, 8)).toHaveLength(8);
    for (let id = 11; id <= 1000; id++) answers.add(PUBACK, id, 0, id);
    expect(answers.pubacks).toBe(992);
    expect(takeAll(answers, 1000).map(([, id]) => id)).toEqual(
      Array.from({ length: 992 }, (_, index) => index + 9),
    );
    expect(answers.pubacks).toBe(0);
  });
});
