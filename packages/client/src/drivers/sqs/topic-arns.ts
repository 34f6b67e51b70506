/** The ARNs of topics by their names. */
import { PolymqError } from '../../errors.ts';
import type { Aws } from './aws.ts';
import { FIFO_SUFFIX } from './limits.ts';

const KNOWN_MAX = 10_000;
/** Of a hundred topics each. */
const PAGES_MAX = 1_000;

export class TopicArns {
  readonly #aws: Aws;
  readonly #known = new Map<string, string>();

  constructor(aws: Aws) {
    this.#aws = aws;
  }

  /** Also if it exists. */
  async create(name: string): Promise<string> {
    if (!/^[A-Za-z0-9_-]{1,256}(\.fifo)?$/.test(name)) {
      throw new PolymqError(
        'invalid-argument',
        `SNS takes no topic of the name ${name}; use 1 to 256 letters, digits, - and _ (a FIFO topic ends in ${FIFO_SUFFIX})`,
      );
    }
    const Attributes = name.endsWith(FIFO_SUFFIX) ? { FifoTopic: 'true' } : {};
    const created = await this.#aws.sns<{ TopicArn: string }>(
      'CreateTopic',
      { Name: name, Attributes },
      { target: name },
    );
    return this.#remember(name, created.TopicArn);
  }

  /** Rejects with `not-found`. */
  async find(name: string): Promise<string> {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    let NextToken: string | undefined;
    for (let page = 0; page < PAGES_MAX; page++) {
      const listed = await this.#aws.sns<{
        Topics?: readonly { TopicArn?: string }[];
        NextToken?: string;
      }>('ListTopics', { NextToken }, { target: name });
      const found = listed.Topics?.find(({ TopicArn }) => TopicArn?.endsWith(`:${name}`));
      if (found?.TopicArn !== undefined) return this.#remember(name, found.TopicArn);
      NextToken = listed.NextToken;
      if (NextToken === undefined || NextToken === '') break;
    }
    throw new PolymqError(
      'not-found',
      `There is no topic ${name} in SNS; declare it, or check region, account and name`,
    );
  }

  forget(name: string): void {
    this.#known.delete(name);
  }

  #remember(name: string, arn: string): string {
    if (this.#known.size >= KNOWN_MAX) this.#known.clear();
    this.#known.set(name, arn);
    return arn;
  }
}
