// deadline: 60 s
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseCell } from '../../../sim/scenarios/open-stage.ts';
import { durationMs } from '../../../sim/scenarios/parse-duration.ts';
import { beginsWith } from '../../../sim/scenarios/program-faults.ts';
import { runStory } from '../../../sim/scenarios/run-story.ts';

const PREPARED = `# T01 A test of stories

cell nodes=3
run web
until calm
A = holder web
B = mirror web
C = another
lead C
`;
const POWER_OFF = `
> power off A
+  0.0  web executes no more on A
+  0.0  A is without power
> until web runs on B within 12 s
+  1.8  leader: A is suspect
+  8.8  ledger: A is fenced (leaseExpired)
+  8.8  ledger: web has lost A
+  8.8  ledger: B takes web over from A
+  8.8  ledger: web-disk goes on without A
+  9.4  web executes on B
+  9.5  ledger: web runs on B
`;

const stories = suite('the player of stories');

stories('finds nothing to say of a story that goes as it is written, and leaves the file alone', async () => {
  const text = `${PREPARED}${POWER_OFF}> demand nobody died but A\n> demand why web shows leaseExpired\n`;
  const { failures, differences, text: now } = await runStory(text);
  assert.equal([...failures, ...differences], []);
  assert.is(now, text);
});

stories('shows where the trace is another one, and writes it as it is', async () => {
  const text = `${PREPARED}${POWER_OFF.replace('+  8.8  ledger: A is fenced', '+  8.2  ledger: A is fenced').replace('+  9.5  ledger: web runs on B\n', '')}`;
  const { failures, differences, text: now } = await runStory(text);
  assert.equal(failures, []);
  assert.is(differences.length, 1);
  assert.match(differences[0] ?? '', /line 14, "until web runs on B within 12 s"/);
  assert.match(differences[0] ?? '', /- \+ {2}8\.2 {2}ledger: A is fenced \(leaseExpired\)\n {2}! \+ {2}8\.8 {2}ledger: A is fenced \(leaseExpired\)\n {2}! \+ {2}9\.\d {2}ledger: web runs on B/);
  assert.match(now, /\+ {2}8\.8 {2}ledger: A is fenced \(leaseExpired\)\n[^]*\+ {2}9\.\d {2}ledger: web runs on B\n/);
});

for (const [what, commands, why] of [
  ['a demand that is not met', '> demand B leads', /^line 11, "demand B leads": it was demanded: B leads\. But: C leads/],
  ['a wait that is in vain', '> until web is stopped within 1 s', /not within 1 s: web is stopped\. But: it is running/],
  ['a demand turned round', '> demand not web runs', /But: it is so/],
  ['a command that nobody understands', '> explode A', /nobody understands this; there is: /],
  ['a sentence that nobody understands', '> demand web is happy', /nobody understands "web is happy"; there is: /],
  ['a node that does not exist', '> power off D', /there is no node called "D"/],
  ['an expectation that does not come true', '> expect a split brain', /expected, and not seen: split brain/],
] as const) {
  stories(`fails for ${what}`, async () => {
    const { failures } = await runStory(`${PREPARED}\n${commands}\n`);
    assert.match(failures.join('\n'), why);
  });
}

stories('fails when a promise is broken, whatever the story demands', async () => {
  // By hand: paused here, so that it executes twice as soon as it is taken for its own.
  const { failures } = await runStory(`${PREPARED}
> unplug storage of B
> until web-disk in sync on A within 5 s
> after 3 s
> by hand on B: drbdadm -c /node/drbd/web-disk.res primary --force web-disk
`);
  assert.match(failures.join('\n'), /a promise is broken: .*web-disk is primary on A and B/);
});

stories('understands durations and cells, and refuses others', () => {
  assert.equal(['300 ms', '1.5 s', '20s', '15 min', '1 h'].map(durationMs), [300, 1_500, 20_000, 900_000, 3_600_000]);
  assert.throws(() => durationMs('soon'), /is no duration/);
  assert.equal(parseCell('cell nodes=5 bmc=yes rebuildAfter=20s'), { nodes: 5, seed: 1, hasBmc: true, parameters: { rebuildAfterMs: 20_000 } });
  assert.throws(() => parseCell('cell size=5'), /no "size"/);
});

stories('knows a program by its first words, options left out', () => {
  assert.ok(beginsWith(['drbdadm', '-c', '/node/drbd/vol-1.res', 'primary', 'vol-1'], 'drbdadm primary'));
  assert.ok(beginsWith(['/usr/sbin/xl', 'create', '-p', '/node/xen/i-1.cfg'], 'xl create'));
  assert.not(beginsWith(['xl', 'destroy', 'i-1'], 'xl create'));
});

stories.run();
