import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { electionBudgetMs, GATHER_MS, renewalGapMs, renewalOutageMs, requiredFenceWaitMs, roundSpacingMs, TIMING_PROFILES } from '../../../../shared/model/timing.ts';

const timing = suite('timing profile');

for (const profile of Object.values(TIMING_PROFILES)) {
  timing(`${profile.name} waits at least as long as the proof of death needs`, () => {
    assert.ok(profile.fenceWaitMs >= requiredFenceWaitMs(profile), `${profile.fenceWaitMs} < ${requiredFenceWaitMs(profile)}`);
  });
  timing(`${profile.name} lets a lost leader be replaced, after a split vote too, before any node resets itself`, () => {
    assert.ok(electionBudgetMs(profile) < renewalOutageMs(profile), `${electionBudgetMs(profile)} >= ${renewalOutageMs(profile)}`);
  });
  timing(`${profile.name} suspects a node later than two renewals, and before its lease is lost for good`, () => {
    assert.ok(profile.suspectAfterMs > 2 * renewalGapMs(profile));
    assert.ok(profile.suspectAfterMs + profile.probeTimeoutMs < profile.fenceWaitMs);
  });
}

timing('standard has its rounds for heartbeats, and no election after one that is lost', () => {
  const { renewIntervalMs, heartbeatMs, electionMinMs } = TIMING_PROFILES.standard;
  // Renewals wait for each other, so the rounds of an idle cell begin as regularly as those come.
  assert.ok(heartbeatMs >= renewIntervalMs + 2 * GATHER_MS, 'no heartbeat is due before the next round');
  assert.ok(electionMinMs >= 2 * heartbeatMs + 2 * GATHER_MS, 'two heartbeats and the answers to them');
});
for (const profile of Object.values(TIMING_PROFILES)) {
  timing(`${profile.name} answers a renewal before its sender would turn to all voters`, () => {
    assert.ok(roundSpacingMs(profile) + GATHER_MS < 1.5 * profile.renewIntervalMs - 0.25 * profile.renewIntervalMs);
  });
}

timing.run();
