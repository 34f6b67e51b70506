import { describe, expect, it } from 'vitest';
import { ConnectionLimiter } from './connection-limiter.ts';

const LIMITS = { connectionsMax: 5, connectionsPerAddressMax: 3, connectionRateMax: 4 };

function limiterAt(time: { ms: number }): ConnectionLimiter {
  return new ConnectionLimiter(LIMITS, { nowMs: () => time.ms, monotonicMs: () => time.ms });
}

describe('ConnectionLimiter', () => {
  it('refuses more connections from one address than allowed, and admits again after a release', () => {
    const limiter = limiterAt({ ms: 0 });
    for (let i = 0; i < 3; i++) expect(limiter.admit('10.0.0.1')).toBeUndefined();
    expect(limiter.admit('10.0.0.1')).toMatch(/more than 3 connections from one address/);
    expect(limiter.admit('10.0.0.2')).toBeUndefined();
  });

  it('refuses new connections beyond the rate although others were closed, until the second is over', () => {
    const time = { ms: 0 };
    const limiter = limiterAt(time);
    for (let i = 0; i < 4; i++) {
      expect(limiter.admit('10.0.0.1')).toBeUndefined();
      limiter.release('10.0.0.1');
    }
    expect(limiter.admit('10.0.0.1')).toMatch(/4 new connections a second/);
    time.ms = 1000;
    expect(limiter.admit('10.0.0.1')).toBeUndefined();
  });

  it('counts loopback only towards the total', () => {
    const limiter = limiterAt({ ms: 0 });
    for (let i = 0; i < 5; i++) expect(limiter.admit('127.0.0.1')).toBeUndefined();
    expect(limiter.admit('127.0.0.1')).toMatch(/more than 5 connections/);
    limiter.release('127.0.0.1');
    expect(limiter.admit('10.0.0.9')).toBeUndefined();
  });
});
