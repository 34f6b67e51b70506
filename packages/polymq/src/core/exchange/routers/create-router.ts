import type { BindingIndex } from '../binding-index.ts';
import type { ExchangeDefinition } from '../exchanges.ts';
import { ConsistentHashRouter } from './consistent-hash.ts';
import { DirectRouter } from './direct.ts';
import { FanoutRouter } from './fanout.ts';
import { FilterRouter } from './filter.ts';
import { GlobRouter } from './glob.ts';
import { HeadersRouter } from './headers.ts';
import { ModulusHashRouter } from './modulus-hash.ts';
import { RandomRouter } from './random.ts';
import type { Router } from './router.ts';
import { TopicRouter } from './topic.ts';

export function createRouter(
  definition: ExchangeDefinition,
  index: BindingIndex,
  randomInteger: (end: number) => number,
): Router {
  switch (definition.type) {
    case 'direct':
      return new DirectRouter(index);
    case 'fanout':
    case 'filter':
      return new FilterRouter(index);
    case 'recent-history':
      return new FanoutRouter(index);
    case 'topic':
      return new TopicRouter(index);
    case 'headers':
      return new HeadersRouter();
    case 'glob':
      return new GlobRouter(index);
    case 'consistent-hash':
      return new ConsistentHashRouter(index, definition);
    case 'modulus-hash':
      return new ModulusHashRouter(index);
    case 'random':
      return new RandomRouter(index, randomInteger);
  }
}
