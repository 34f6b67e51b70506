/**
 * The contract suite of drivers: what the SDK promises on every engine (`sdk.md`, the head of `driver/driver.ts`), tried
 * through the public API on a real one. `await driverContract({ … })` stands alone in a test file per driver.
 */
import { afterAll, afterEach, describe, it } from 'vitest';
import { describeBodies } from './bodies.ts';
import { describeDeadLetters } from './dead-letters.ts';
import { describeGroups } from './groups.ts';
import { describeLeases } from './leases.ts';
import { describeOptions } from './options.ts';
import { describeReceiving } from './receiving.ts';
import { describeRefusals } from './refusals.ts';
import { describeRequests } from './requests.ts';
import { describeRestarts } from './restarts.ts';
import { describeSending } from './sending.ts';
import { describeSettling } from './settling.ts';
import { type DriverContract, Stage } from './stage.ts';
import { describeTopics } from './topics.ts';

export async function driverContract(contract: DriverContract): Promise<void> {
  if (contract.missing !== undefined) {
    // The engine is not part of this repository and not on this machine; the name says how to get it.
    it.skip(`driver ${contract.name}: ${contract.missing}`);
    return;
  }
  const engine = await contract.start();
  const stage = new Stage(contract, engine, await engine.connect());
  describe(`driver ${contract.name}`, () => {
    afterEach(() => stage.afterEach());
    afterAll(() => stage.stop());
    describeRefusals(stage);
    if (stage.has('queue')) describeQueues(stage);
    if (stage.has('topic')) describeTopics(stage);
    describeGroups(stage);
    describeRequests(stage);
    describeRestarts(stage);
  });
}

function describeQueues(stage: Stage): void {
  describeSending(stage);
  describeBodies(stage);
  describeReceiving(stage);
  describeSettling(stage);
  describeOptions(stage);
  describeDeadLetters(stage);
  describeLeases(stage);
}
