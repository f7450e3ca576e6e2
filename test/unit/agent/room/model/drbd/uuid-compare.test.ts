/**
 * Whose data is newer? Every rule of drbd_uuid_compare, from both ends.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { JUST_CREATED, NEW_BITMAP_OFFSET, compareUuids, uuidText } from '../../../../../../agent/room/model/drbd/uuid-compare.ts';
import type { ReplicaFacts, Uuids } from '../../../../../../agent/room/model/drbd/uuid-compare.ts';

const A = 0xa0n;
const B = 0xb0n;
const C = 0xc0n;
const D = 0xd0n;
const E = 0xe0n;

const facts = (uuids: Uuids, extra: Partial<ReplicaFacts> = {}): ReplicaFacts => ({ uuids, wasCrashedPrimary: false, isPrimary: false, ...extra });
const crashed = { wasCrashedPrimary: true };
const primary = { isPrimary: true };

/** Name, ours, theirs, result, rule here, result and rule at the other end. */
const TABLE: readonly (readonly [string, ReplicaFacts, ReplicaFacts, number, number, number, number])[] = [
  ['both just created', facts([JUST_CREATED, 0n, 0n, 0n]), facts([JUST_CREATED, 0n, 0n, 0n]), 0, 10, 0, 10],
  ['we are just created', facts([JUST_CREATED, 0n, 0n, 0n]), facts([A, 0n, B, 0n]), -2, 20, 2, 30],
  ['equal, only a hiccup of the link', facts([A, 0n, B, C]), facts([A | 1n, 0n, B, C]), 0, 40, 0, 40],
  ['equal, we crashed as primary', facts([A, 0n, B, C], crashed), facts([A, 0n, B, C]), 1, 40, -1, 40],
  ['equal, both crashed as primaries: the tie-breaker', facts([A, 0n, B, C], crashed), facts([A, 0n, B, C], crashed), -1, 40, 1, 40],
  ['equal, they crashed, we are primary', facts([A, 0n, B, C], primary), facts([A, 0n, B, C], crashed), 1, 41, -1, 41],
  ['equal, one crashed, both primary', facts([A, 0n, B, C], { ...primary, ...crashed }), facts([A, 0n, B, C], primary), -100, 41, -100, 41],
  ['equal, we missed that the resync ended', facts([A, B, C, D]), facts([A, 0n, B, C]), 1, 34, -1, 35],
  ['equal, the peer could not write the sync UUID', facts([A, B, C, D]), facts([A, 0n, E, C]), 1, 36, -1, 37],
  ['they went on alone', facts([A, 0n, C, D]), facts([B, A, C, D]), -1, 50, 1, 70],
  ['we are in their history', facts([A, 0n, C, D]), facts([B, E, A, D]), -2, 60, 2, 80],
  ['the start of the last resync was lost', facts([A, 0n, C, D]), facts([B, A + NEW_BITMAP_OFFSET, A, C]), -1, 51, 1, 71],
  ['both went on alone from the same data', facts([A, C, D, E]), facts([B, C, D, E]), 100, 90, 100, 90],
  ['common history only', facts([A, 0n, C, 0x1n]), facts([B, 0x70n, C, 0x90n]), -100, 100, -100, 100],
  ['nothing in common', facts([A, 0x10n, 0x20n, 0x30n]), facts([B, 0x40n, 0x50n, 0x60n]), -1000, 100, -1000, 100],
];

const uuidCompare = suite('uuid-compare');

for (const [name, ours, theirs, result, rule, resultThere, ruleThere] of TABLE) {
  uuidCompare(`judges: ${name}`, () => {
    const here = compareUuids(ours, theirs, true);
    const there = compareUuids(theirs, ours, false);
    assert.equal([here.result, here.rule], [result, rule]);
    assert.equal([there.result, there.rule], [resultThere, ruleThere]);
  });
}

uuidCompare('corrects the UUIDs of whoever missed the end of a resync', () => {
  assert.equal(compareUuids(facts([A, B, C, D]), facts([A, 0n, B, C]), true).correctedSelf, [A, 0n, B, C]);
  assert.equal(compareUuids(facts([A, 0n, B, C]), facts([A, B, C, D]), true).correctedPeer, [A, 0n, B, C]);
});

uuidCompare('writes a UUID as drbd-utils does', () => {
  assert.is(uuidText(0x12abn), '00000000000012AB');
});

uuidCompare.run();
