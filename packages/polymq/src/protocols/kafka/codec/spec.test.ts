import { describe, expect, expectTypeOf, it } from 'vitest';
import type { produce } from '../schema/00-produce.ts';
import type { fetch } from '../schema/01-fetch.ts';
import type { metadata } from '../schema/03-metadata.ts';
import { joinGroup } from '../schema/11-join-group.ts';
import type { describeTopicPartitions } from '../schema/75-describe-topic-partitions.ts';
import type { ApiSpec, RequestInput, RequestOf, ResponseOf } from './spec.ts';

/** These are checked by the compiler; running them shows only that the file loads. */
describe('the types inferred from a table', () => {
  it('have every field of a decoded request, null only where a version allows it', () => {
    expectTypeOf<RequestOf<typeof joinGroup>>().toEqualTypeOf<{
      readonly groupId: string;
      readonly sessionTimeoutMs: number;
      readonly rebalanceTimeoutMs: number;
      readonly memberId: string;
      readonly groupInstanceId: string | null;
      readonly protocolType: string;
      readonly protocols: readonly { readonly name: string; readonly metadata: Buffer }[];
      readonly reason: string | null;
    }>();
    type Topics = RequestOf<typeof metadata>['topics'];
    expectTypeOf<Topics>().toEqualTypeOf<
      readonly { readonly topicId: string; readonly name: string | null }[] | null
    >();
    type Cursor = RequestOf<typeof describeTopicPartitions>['cursor'];
    expectTypeOf<Cursor>().toEqualTypeOf<{
      readonly topicName: string;
      readonly partitionIndex: number;
    } | null>();
    type Forgotten = RequestOf<typeof fetch>['forgottenTopicsData'][number]['partitions'];
    expectTypeOf<Forgotten>().toEqualTypeOf<readonly number[]>();
  });

  it('demand of a response what has no default and is in all versions', () => {
    type Partition = ResponseOf<typeof produce>['responses'][number]['partitionResponses'][number];
    expectTypeOf<{ index: number; errorCode: number; baseOffset: number }>().toExtend<Partition>();
    expectTypeOf<{ index: number; errorCode: number }>().not.toExtend<Partition>();
    expectTypeOf<{
      index: string;
      errorCode: number;
      baseOffset: number;
    }>().not.toExtend<Partition>();
    type Records = ResponseOf<typeof fetch>['responses'][number]['partitions'][number]['records'];
    expectTypeOf<Records>().toEqualTypeOf<Buffer | readonly Buffer[] | null>();
    expectTypeOf<{ errorCode: 0 }>().not.toExtend<ResponseOf<typeof joinGroup>>();
  });

  it('say nothing of the fields of an API that is not known when compiling', () => {
    expectTypeOf<RequestInput<ApiSpec>>().toEqualTypeOf<Readonly<Record<string, unknown>>>();
  });

  it('are made from tables that can be loaded', () => {
    expect(joinGroup.name).toBe('JoinGroup');
  });
});
