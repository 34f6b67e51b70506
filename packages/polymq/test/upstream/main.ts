/**
 * `npm run test:upstream -- SUITE CHECKOUT […]`: a client's own tests, from a checkout of its repository.
 * SUITE is `kafkajs` (also when it is left out), `amqplib`, `amqp-client`, `rabbitmq-stomp`, `redis`,
 * `ioredis` or `paho`; each runner says what it takes.
 */
import { fileURLToPath } from 'node:url';

const SUITES = ['kafkajs', 'amqplib', 'amqp-client', 'rabbitmq-stomp', 'redis', 'ioredis', 'paho'];

const [first = '', ...rest] = process.argv.slice(2);
const named = SUITES.includes(first);
const suite = named ? first : 'kafkajs';
const runner = new URL(`${suite}.ts`, import.meta.url);
// The runner reads its own arguments, and starts itself again by its own name.
const args = named ? rest : process.argv.slice(2);
process.argv = [process.execPath, fileURLToPath(runner), ...args];
await import(runner.href);
