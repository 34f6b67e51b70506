import { describe, expect, it } from 'vitest';
import { silentLogger } from '../lib/logger.ts';
import { Lifecycle } from './lifecycle.ts';

describe('Lifecycle', () => {
  it('stops parts in the reverse order of their start', async () => {
    const events: string[] = [];
    const lifecycle = new Lifecycle(silentLogger);
    for (const name of ['engine', 'streams', 'listeners']) {
      await lifecycle.start(
        name,
        () => void events.push(`+${name}`),
        () => void events.push(`-${name}`),
      );
    }
    lifecycle.running();
    expect(lifecycle.state).toBe('running');
    await lifecycle.stop();
    expect(events).toEqual([
      '+engine',
      '+streams',
      '+listeners',
      '-listeners',
      '-streams',
      '-engine',
    ]);
    expect(lifecycle.state).toBe('stopped');
  });

  it('stops once, however often it is asked', async () => {
    let stops = 0;
    const lifecycle = new Lifecycle(silentLogger);
    await lifecycle.start(
      'a',
      () => {},
      () => {
        stops += 1;
      },
    );
    await Promise.all([lifecycle.stop(), lifecycle.stop()]);
    await lifecycle.stop();
    expect(stops).toBe(1);
  });

  it('stops the others although one fails, and then says so', async () => {
    const events: string[] = [];
    const lifecycle = new Lifecycle(silentLogger);
    await lifecycle.start(
      'engine',
      () => {},
      () => void events.push('engine'),
    );
    await lifecycle.start(
      'streams',
      () => {},
      () => {
        throw new Error('broken');
      },
    );
    await expect(lifecycle.stop()).rejects.toThrow('did not stop cleanly');
    expect(events).toEqual(['engine']);
  });

  it('starts nothing more once a stop was asked for', async () => {
    const lifecycle = new Lifecycle(silentLogger);
    await lifecycle.stop();
    await expect(
      lifecycle.start(
        'late',
        () => {},
        () => {},
      ),
    ).rejects.toThrow('late not started');
  });

  it('stops a part that was still starting when the stop came', async () => {
    const lifecycle = new Lifecycle(silentLogger);
    const events: string[] = [];
    let finish = () => {};
    const slow = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const starting = lifecycle.start(
      'slow',
      () => slow,
      () => void events.push('-slow'),
    );
    await lifecycle.stop();
    finish();
    await expect(starting).rejects.toThrow('slow stopped again');
    expect(events).toEqual(['-slow']);
  });
});
