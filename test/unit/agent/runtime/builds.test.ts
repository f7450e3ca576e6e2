import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BUILD_MS_MAX, Builds, BUILDS_MAX } from '../../../../agent/runtime/builds.ts';
import type { VolumeId } from '../../../../shared/ids.ts';
import { VirtualWorld } from '../../../support/virtual-world.ts';

const volume = (number: number): VolumeId => `vol-${number.toString(16).padStart(17, '0')}` as VolumeId;

function fullHouse() {
  const world = new VirtualWorld(1);
  const turns: VolumeId[] = [];
  const builds = new Builds(world.clock, (id) => void turns.push(id));
  for (let number = 0; number < BUILDS_MAX; number += 1) assert.ok(builds.mayBuild(volume(number)));
  return { world, turns, builds };
}

const suiteOfBuilds = suite('the builds of a node');

suiteOfBuilds('are so many at once, and go on once begun', () => {
  const { builds } = fullHouse();
  assert.not(builds.mayBuild(volume(100)));
  assert.ok(builds.mayBuild(volume(0)));
});

suiteOfBuilds('give each place that becomes free to whoever waited longest', () => {
  const { builds, turns } = fullHouse();
  for (const number of [100, 101, 102]) assert.not(builds.mayBuild(volume(number)));
  builds.finish(volume(3));
  assert.equal(turns, [volume(100)]);
  assert.ok(builds.mayBuild(volume(100)));
  assert.not(builds.mayBuild(volume(101)));
  builds.finish(volume(4));
  assert.equal(turns, [volume(100), volume(101)]);
});

suiteOfBuilds('do not wait for one that is not wanted any more', () => {
  const { builds, turns } = fullHouse();
  for (const number of [100, 101]) assert.not(builds.mayBuild(volume(number)));
  builds.finish(volume(100));
  assert.equal(turns, [], 'it had no place to give');
  builds.finish(volume(0));
  assert.equal(turns, [volume(101)]);
});

suiteOfBuilds('do not wait for one that takes too long', async () => {
  const { world, builds } = fullHouse();
  await world.advance(BUILD_MS_MAX - 1);
  assert.not(builds.mayBuild(volume(100)));
  await world.advance(1);
  assert.ok(builds.mayBuild(volume(100)));
  for (let number = 101; number < 100 + BUILDS_MAX; number += 1) assert.ok(builds.mayBuild(volume(number)));
  assert.not(builds.mayBuild(volume(0)), 'it has lost its place, and waits for another one');
});

suiteOfBuilds.run();
