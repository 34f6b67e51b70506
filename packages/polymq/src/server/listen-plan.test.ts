import { describe, expect, it } from 'vitest';
import { planAdvertised, planListeners } from './listen-plan.ts';

const schemes = [
  { scheme: 'kafka', defaultPort: 9092 },
  { scheme: 'http', defaultPort: 15_672 },
];

describe('planListeners', () => {
  it('listens with every protocol at its usual port when nothing is asked for', () => {
    expect(planListeners([], schemes)).toEqual([
      { scheme: 'kafka', host: '127.0.0.1', port: 9092, requested: false },
      { scheme: 'http', host: '127.0.0.1', port: 15_672, requested: false },
    ]);
  });

  it('listens for WebSockets only when that is asked for', () => {
    const all = [...schemes, { scheme: 'ws+mqtt', defaultPort: 15_675, onRequest: true }];
    expect(planListeners([], all)).toEqual(planListeners([], schemes));
    expect(planListeners(['ws+mqtt://127.0.0.1'], all)).toEqual([
      { scheme: 'ws+mqtt', host: '127.0.0.1', port: 15_675, requested: true },
    ]);
  });

  it('listens only where it is asked to, at the usual port if none is named', () => {
    expect(planListeners(['kafka://0.0.0.0'], schemes)).toEqual([
      { scheme: 'kafka', host: '0.0.0.0', port: 9092, requested: true },
    ]);
  });

  it('refuses an unknown scheme and says what there is', () => {
    expect(() => planListeners(['kafak://127.0.0.1:1'], schemes)).toThrow(
      'did you mean "kafka"? there is: kafka:// http://',
    );
    expect(() => planListeners(['gopher://127.0.0.1:1'], schemes)).toThrow(
      'has an unknown scheme; there is: kafka:// http://',
    );
  });

  it('refuses the same port twice, but not port 0', () => {
    const twice = ['kafka://127.0.0.1:5000', 'http://127.0.0.1:5000'];
    expect(() => planListeners(twice, schemes)).toThrow('127.0.0.1 port 5000 is given twice');
    expect(planListeners(['kafka://127.0.0.1:0', 'kafka://127.0.0.1:0'], schemes)).toHaveLength(2);
  });
});

describe('planAdvertised', () => {
  it('knows the address by protocol, and no protocol that is none', () => {
    expect(planAdvertised(['kafka=b.example:9092'], schemes).get('kafka')).toEqual({
      host: 'b.example',
      port: 9092,
    });
    expect(() => planAdvertised(['kafk=b.example:9092'], schemes)).toThrow('did you mean "kafka"?');
  });
});
