/**
 * The contract suite of drivers: what the SDK promises on every engine (`sdk.md`, the head of `driver/driver.ts`), tried
 * through the public API on a real one. `await driverContract({ … })` stands alone in a test file per driver.
 */
import { afterAll, afterEach, describe, it } from 'vitest';
import { describeBodies } from './bodies.ts';
import { describeReceiving } from './receiving.ts';
import { describeRefusals } from './refusals.ts';
import { describeSending } from './sending.ts';
import { describeSettling } from './settling.ts';
import { type DriverContract, Stage } from './stage.ts';

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
  });
}

function describeQueues(stage: Stage): void {
  describeSending(stage);
  describeBodies(stage);
  describeReceiving(stage);
  describeSettling(stage);
}
