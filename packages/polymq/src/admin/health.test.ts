import { describe, expect, it } from 'vitest';
import { healthRoutes } from './health.ts';
import { type Answer, PLAIN_REQUEST } from './routes.ts';

async function ask(path: string, reasons: (string | undefined)[]): Promise<Answer> {
  const routes = healthRoutes(reasons.map((reason) => () => reason));
  return routes.find((route) => route.path === path)!.handle(new URLSearchParams(), PLAIN_REQUEST);
}

describe('/health/ready', () => {
  it('is ready when no check objects', async () => {
    expect((await ask('/health/ready', [undefined, undefined])).status).toBe(200);
  });

  it('gives every reason why it is not', async () => {
    const answer = await ask('/health/ready', ['the broker is draining', undefined, 'disk is low']);
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.body)).toEqual({
      status: 'not ready',
      reasons: ['the broker is draining', 'disk is low'],
    });
  });
});

describe('/health/live', () => {
  it('is alive whatever the checks say', async () => {
    expect((await ask('/health/live', ['the broker is starting'])).status).toBe(200);
  });
});
