/** The simulated machine room: power, boots, watchdog, BMC, and what remains of it all. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { INSTANCE, startGuest, startTestRoom } from './room-fixture.ts';

const room = suite('the machine room');

room('boots every node with a boot id of its own', async () => {
  const test = await startTestRoom();
  assert.equal(test.events.filter(({ kind }) => kind === 'booted').map(({ node }) => node), ['node-1', 'node-2']);
  assert.is.not(test.bootId('node-1'), test.bootId('node-2'));
});

room('ends everything of a boot at power-off, and boots with a new id after power-on', async () => {
  const test = await startTestRoom();
  await startGuest(test, 'node-1');
  await test.world.advance(3_000);
  const before = test.bootId('node-1');
  let failure: unknown = null;
  test.room.run('node-1', before, ['xl', 'info']).catch((thrown: unknown) => {
    failure = thrown;
  });
  test.room.powerOff('node-1');
  await test.world.advance(0);
  assert.is((failure as { code?: string } | null)?.code, 'NodeDown');
  const { instances } = test.room.report();
  const atOff = instances[INSTANCE]?.lastAckedRecord;
  assert.ok(typeof atOff === 'number' && atOff > 3, `records were written before: ${atOff}`);
  assert.equal(instances[INSTANCE]?.running, []);
  await test.world.advance(60_000);
  assert.is(test.room.report().instances[INSTANCE]?.lastAckedRecord, atOff);
  assert.is(test.room.nodeReport('node-1').bootId, null);
  test.room.powerOn('node-1');
  await test.world.advance(3_000);
  assert.is.not(test.bootId('node-1'), before);
  await test.room.run('node-1', before, ['xl', 'info']).then(() => assert.unreachable(), (thrown: { code?: string }) => assert.is(thrown.code, 'NodeDown'));
});

room('resets a node whose watchdog is not petted, and leaves a petted one alone', async () => {
  const test = await startTestRoom();
  const boot = test.bootId('node-1');
  test.room.armWatchdog('node-1', boot, 4_000);
  for (let round = 0; round < 10; round += 1) {
    await test.world.advance(3_900);
    test.room.petWatchdog('node-1', boot);
  }
  assert.is(test.bootId('node-1'), boot);
  await test.world.advance(3_999);
  assert.is(test.bootId('node-1'), boot);
  await test.world.advance(1);
  assert.is(test.room.nodeReport('node-1').bootId, null);
  const death = test.events.find((event) => event.kind === 'died');
  assert.is(death?.kind === 'died' ? death.reason : null, 'watchdog');
  await test.world.advance(3_000);
  assert.is.not(test.bootId('node-1'), boot);
  assert.not.ok(test.room.nodeReport('node-1').isWatchdogArmed);
});

room('disarms a watchdog politely', async () => {
  const test = await startTestRoom();
  const boot = test.bootId('node-1');
  test.room.armWatchdog('node-1', boot, 1_000);
  test.room.disarmWatchdog('node-1', boot);
  await test.world.advance(10_000);
  assert.is(test.bootId('node-1'), boot);
});

room('resets itself at once by sysrq, and refuses it for a boot that is over', async () => {
  const test = await startTestRoom();
  const boot = test.bootId('node-2');
  test.room.resetNow('node-2', boot);
  assert.is(test.room.nodeReport('node-2').bootId, null);
  await test.world.advance(3_000);
  assert.throws(() => test.room.resetNow('node-2', boot), (thrown: { code?: string }) => thrown.code === 'NodeDown');
});

room('keeps a guest running and its records while time goes on', async () => {
  const test = await startTestRoom();
  await startGuest(test, 'node-1');
  await test.world.advance(10_000);
  const report = test.room.report();
  assert.equal(report.violations, []);
  assert.equal(report.instances[INSTANCE]?.running, [{ node: 'node-1', domid: 1 }]);
  const last = report.instances[INSTANCE]?.lastAckedRecord ?? 0;
  assert.ok(last >= 17 && last <= 21, `one record each 500 ms: ${last}`);
  assert.match(await test.must('node-1', ['tail', '-c', '400', `/var/log/xen/console/guest-${INSTANCE}.log`]), `record ${last} is on disk`);
});

room('lets a guest find all its records after a power failure, and go on counting', async () => {
  const test = await startTestRoom();
  await startGuest(test, 'node-1');
  await test.world.advance(5_000);
  test.room.powerOff('node-1');
  const last = test.room.report().instances[INSTANCE]?.lastAckedRecord ?? 0;
  test.room.powerOn('node-1');
  await test.world.advance(3_000);
  await test.must('node-1', ['xl', 'create', '-q', `/etc/xen/${INSTANCE}.cfg`]);
  await test.world.advance(2_000);
  const after = test.room.report();
  assert.equal(after.violations, []);
  assert.ok((after.instances[INSTANCE]?.lastAckedRecord ?? 0) > last);
  assert.ok((after.instances[INSTANCE]?.downtimes[0]?.downtimeMs ?? 0) >= 3_000);
  assert.match(await test.must('node-1', ['tail', '-c', '4000', `/var/log/xen/console/guest-${INSTANCE}.log`]), 'boot 2 on its disk');
});

room('tells of an acknowledged record that is missing', async () => {
  const test = await startTestRoom();
  await startGuest(test, 'node-1');
  await test.world.advance(5_000);
  await test.must('node-1', ['xl', 'destroy', INSTANCE]);
  await test.must('node-1', ['dd', `if=/images/${'a'.repeat(64)}`, 'of=/dev/vg0/root', 'bs=4M']);
  await test.must('node-1', ['xl', 'create', '-q', `/etc/xen/${INSTANCE}.cfg`]);
  await test.world.advance(1_000);
  const { violations } = test.room.report();
  assert.is(violations.length, 1);
  assert.is(violations[0]?.kind, 'lostAckedRecord');
});

room('tells of an instance that runs on two nodes at once', async () => {
  const test = await startTestRoom();
  await startGuest(test, 'node-1');
  await startGuest(test, 'node-2');
  assert.ok(test.room.report().violations.some(({ kind }) => kind === 'ranTwice'));
});

room('does not call it running twice when the first one is paused or its node is off', async () => {
  const test = await startTestRoom();
  await startGuest(test, 'node-1');
  test.room.powerOff('node-1');
  await startGuest(test, 'node-2');
  assert.not.ok(test.room.report().violations.some(({ kind }) => kind === 'ranTwice'));
});

room('switches power through its BMCs', async () => {
  const test = await startTestRoom();
  const ask = (action: string, ip = 'bmc-2', password = 'secret') => test.run('node-1', ['fence_ipmilan'], `action=${action}\nip=${ip}\nusername=ves\npassword=${password}\n`);
  assert.equal(await ask('status'), { exitCode: 0, stdout: 'Status: ON\n', stderr: '' });
  assert.equal(await ask('off', 'bmc-2', 'wrong').then(({ exitCode }) => exitCode), 1);
  assert.ok(test.room.nodeReport('node-2').isOn);
  const fromMs = test.world.clock.nowMs();
  assert.equal(await ask('off'), { exitCode: 0, stdout: 'Success: Powered OFF\n', stderr: '' });
  assert.ok(test.world.clock.nowMs() - fromMs <= 110);
  assert.not.ok(test.room.nodeReport('node-2').isOn);
  assert.equal(await ask('status'), { exitCode: 2, stdout: 'Status: OFF\n', stderr: '' });
  assert.equal(await ask('off'), { exitCode: 0, stdout: 'Success: Already OFF\n', stderr: '' });
  assert.equal(await ask('on'), { exitCode: 0, stdout: 'Success: Powered ON\n', stderr: '' });
});

room('has BMCs that do not answer, and BMCs that lie', async () => {
  const test = await startTestRoom();
  const ask = (action: string) => test.run('node-1', ['fence_ipmilan'], `action=${action}\nip=bmc-2\nusername=ves\npassword=secret\npower_timeout=5\n`);
  test.room.setBmc('node-2', { lies: true });
  assert.is((await ask('off')).exitCode, 0);
  assert.is((await ask('status')).stdout, 'Status: OFF\n');
  assert.ok(test.room.nodeReport('node-2').isOn);
  test.room.setBmc('node-2', { lies: false, isReachable: false });
  const fromMs = test.world.clock.nowMs();
  const silent = await ask('off');
  assert.is(silent.exitCode, 1);
  assert.match(silent.stderr, 'Connection timed out');
  assert.ok(test.world.clock.nowMs() - fromMs >= 5_000);
});

room('lets no BMC be reached by a node whose mesh cable is out', async () => {
  const test = await startTestRoom();
  test.room.setCables('node-1', { mesh: false });
  const silent = await test.run('node-1', ['fence_ipmilan'], 'action=off\nip=bmc-2\nusername=ves\npassword=secret\npower_timeout=5\n');
  assert.is(silent.exitCode, 1);
  assert.ok(test.room.nodeReport('node-2').isOn);
});

room('refuses programs that a node does not have', async () => {
  const test = await startTestRoom();
  await test.run('node-1', ['rm', '-rf', '/']).then(() => assert.unreachable(), (thrown: { code?: string }) => assert.is(thrown.code, 'ProgramNotStarted'));
});

room('gives everything that disks keep to a room that starts after it', async () => {
  const test = await startTestRoom();
  await startGuest(test, 'node-1');
  await test.world.advance(5_000);
  test.room.setCables('node-2', { mesh: false });
  const last = test.room.report().instances[INSTANCE]?.lastAckedRecord ?? 0;
  for (const records of [test.records, [...test.room.entries()].map((record) => structuredClone(record))]) {
    const again = await startTestRoom({ records });
    assert.is(again.room.nodeReport('node-2').isMeshUp, false);
    assert.is(again.room.report().instances[INSTANCE]?.lastAckedRecord, last);
    for (const [path, text] of test.files) again.files.set(path, text);
    await again.must('node-1', ['xl', 'create', '-q', `/etc/xen/${INSTANCE}.cfg`]);
    await again.world.advance(2_000);
    assert.equal(again.room.report().violations, []);
    assert.ok((again.room.report().instances[INSTANCE]?.lastAckedRecord ?? 0) > last);
  }
});

room('leaves a node off that was off before the room restarted', async () => {
  const test = await startTestRoom();
  test.room.powerOff('node-2');
  const again = await startTestRoom({ records: test.records });
  assert.is(again.room.nodeReport('node-2').isOn, false);
  assert.is(again.room.nodeReport('node-1').isOn, true);
});

room.run();
