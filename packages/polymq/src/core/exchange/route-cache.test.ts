import { describe, expect, it } from 'vitest';
import { LiveExchange } from './live-exchange.ts';
import { LiveRoute } from './live-route.ts';
import { RouteCache } from './route-cache.ts';

function exchange(name: string): LiveExchange {
  const flags = { durable: true, autoDelete: false, internal: false, declared: {} };
  const options = { predeclared: false, randomInteger: () => 0 };
  return new LiveExchange('', name, { type: 'direct', ...flags }, options);
}

function route(destinations = 0): LiveRoute {
  const streams = Array.from({ length: destinations }, (_, index) => `s${index}`);
  return new LiveRoute([], streams, { cacheable: true });
}

describe('route cache', () => {
  it('forgets everything with a new version', () => {
    const cache = new RouteCache();
    const x = exchange('x');
    const kept = route();
    cache.set(x, 'k', 1, kept);
    expect(cache.get(x, 'k', 1)).toBe(kept);
    expect(cache.get(x, 'other', 1)).toBeUndefined();
    expect(cache.get(x, 'k', 2)).toBeUndefined();
    cache.set(x, undefined, 2, kept);
    expect(cache.get(x, 'anything', 2)).toBe(kept);
    cache.set(exchange('y'), 'k', 3, route());
    expect([x.routes.size, x.fixedRoute]).toEqual([0, undefined]);
  });

  it('never holds more routes than allowed, over all exchanges', () => {
    const cache = new RouteCache({ routesMax: 10, destinationsMax: 100 });
    const exchanges = Array.from({ length: 3 }, (_, index) => exchange(`x${index}`));
    for (let index = 0; index < 100; index++) {
      const x = exchanges[index % 3]!;
      const made = route();
      cache.set(x, `k${index}`, 1, made);
      expect(cache.get(x, `k${index}`, 1)).toBe(made);
      const held = exchanges.reduce((sum, { routes }) => sum + routes.size, 0);
      expect(held).toBeLessThanOrEqual(10);
    }
  });

  it('never holds more destinations than allowed', () => {
    const cache = new RouteCache({ routesMax: 1000, destinationsMax: 100 });
    const x = exchange('x');
    for (let index = 0; index < 20; index++) {
      cache.set(x, `k${index}`, 1, route(30));
      expect(x.routes.size).toBeLessThanOrEqual(3);
    }
    cache.set(x, 'huge', 1, route(101));
    expect(cache.get(x, 'huge', 1)).toBeUndefined();
  });
});
