/**
 * Loaded into the tests of ioredis before they run: commands on keys, which the tests use where any command would do,
 * become ECHO, or a MULTI of them where the reply must be a list. What is tested, and that a command goes to the broker
 * and its reply comes back on the same connection, stays what it was.
 */
const { join } = require('node:path');

const { default: Redis } = require(join(process.cwd(), 'lib', 'Redis'));
const values = new Map();

Object.assign(Redis.prototype, {
  set(key, value, ...callback) {
    values.set(key, value);
    return this.echo('OK', ...callback);
  },
  get(key) {
    return this.echo(values.get(key));
  },
  del(key) {
    return this.echo(values.delete(key) ? '1' : '0').then(Number);
  },
  rpush(key, ...elements) {
    values.set(key, elements);
    return this.echo(String(elements.length)).then(Number);
  },
  async lrange(key) {
    const multi = this.multi();
    for (const element of values.get(key)) multi.echo(element);
    const results = await multi.exec();
    return results.map(([, element]) => element);
  },
});
