import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { electionBudgetMs, renewalOutageMs, requiredFenceWaitMs, TIMING_PROFILES } from '../../../../shared/model/timing.ts';

const timing = suite('timing profile');

for (const profile of Object.values(TIMING_PROFILES)) {
  timing(`${profile.name} waits at least as long as the proof of death needs`, () => {
    assert.ok(profile.fenceWaitMs >= requiredFenceWaitMs(profile), `${profile.fenceWaitMs} < ${requiredFenceWaitMs(profile)}`);
  });
  timing(`${profile.name} lets a lost leader be replaced, after a split vote too, before any node resets itself`, () => {
    assert.ok(electionBudgetMs(profile) < renewalOutageMs(profile), `${electionBudgetMs(profile)} >= ${renewalOutageMs(profile)}`);
  });
  timing(`${profile.name} suspects a node later than two renewals, and before its lease is lost for good`, () => {
    assert.ok(profile.suspectAfterMs > 2 * profile.renewIntervalMs);
    assert.ok(profile.suspectAfterMs + profile.probeTimeoutMs < profile.fenceWaitMs);
  });
}

timing.run();
