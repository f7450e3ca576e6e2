/** Do renewals and grants survive the wire, and is everything else nothing? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseBootId, parseCellId, parseNodeId } from '../../../../shared/ids.ts';
import { TIMING_PROFILES } from '../../../../shared/model/timing.ts';
import { seededChance } from '../../../../shared/random.ts';
import { constantsHash, decodeLease, encodeGrant, encodeRenewal, LEASE_BYTES_MAX, nonceOf, sequenceOf } from '../../../../shared/wire/lease.ts';
import type { Grant, Renewal } from '../../../../shared/wire/lease.ts';

const renewal: Renewal = {
  kind: 'renewal', cell: parseCellId('default'), clusterUuid: '11111111-2222-4333-8444-555555555555', node: parseNodeId('node-1'),
  bootId: parseBootId('a1111111-2222-4333-8444-5555555555ff'), nonce: nonceOf(123_456_789_012, 0xfedcba98), constants: 0xdeadbeef,
};
const grant: Grant = { kind: 'grant', nonce: renewal.nonce, status: 'granted', constants: 1 };

const lease = suite('lease datagrams');

lease('come back as they were', () => {
  assert.equal(decodeLease(encodeRenewal(renewal)), renewal);
  for (const status of ['granted', 'fenced', 'notAdmitted', 'wrongProfile', 'wrongCluster'] as const) {
    assert.equal(decodeLease(encodeGrant({ ...grant, status })), { ...grant, status });
  }
});

lease('are small, also with the longest names', () => {
  const name = `n${'x'.repeat(30)}`;
  assert.ok(encodeRenewal(renewal).length <= 70, `${encodeRenewal(renewal).length} bytes`);
  assert.is(encodeGrant(grant).length, 19);
  const longest = encodeRenewal({ ...renewal, node: parseNodeId(name), cell: parseCellId(name) });
  assert.ok(longest.length <= LEASE_BYTES_MAX);
  assert.is.not(decodeLease(longest), null);
});

lease('that are cut, longer, of another version or kind, or name nothing valid are null', () => {
  for (const bytes of [encodeRenewal(renewal), encodeGrant(grant)]) {
    for (let length = 0; length < bytes.length; length += 1) assert.is(decodeLease(bytes.subarray(0, length)), null, `${length} bytes`);
    assert.is(decodeLease(Uint8Array.from([...bytes, 0])), null);
    for (const [at, value] of [[0, 0x4d], [1, 0x21], [1, 0x22], [1, 0x33], [1, 0x41], [1, 0x01]] as const) {
      const changed = Uint8Array.from(bytes);
      changed[at] = value;
      assert.is(decodeLease(changed), null, `byte ${at}`);
    }
  }
  assert.is(decodeLease(encodeRenewal({ ...renewal, node: 'Node 1' as Renewal['node'] })), null);
  const unknownStatus = encodeGrant(grant);
  unknownStatus[2] = 9;
  assert.is(decodeLease(unknownStatus), null);
});

lease('say what they say, also right after one of the same boot that said something else', () => {
  const bytes = encodeRenewal(renewal);
  for (let at = 0; at < bytes.length; at += 1) {
    assert.equal(decodeLease(bytes), renewal);
    const changed = Uint8Array.from(bytes);
    changed[at] = (bytes[at] ?? 0) ^ 1;
    const fresh = Uint8Array.from(changed);
    const first = decodeLease(changed);
    // What is remembered of the boot is another one by now.
    decodeLease(encodeRenewal({ ...renewal, node: parseNodeId('other') }));
    assert.equal(first, decodeLease(fresh), `byte ${at}`);
    assert.not.equal(first, renewal, `byte ${at}`);
  }
  const next = { ...renewal, nonce: nonceOf(123_456_789_013, 5) };
  assert.equal(decodeLease(encodeRenewal(next)), next);
});

lease('made of noise never throw', () => {
  const chance = seededChance(1);
  for (let round = 0; round < 2_000; round += 1) {
    const bytes = chance.bytes(Math.floor(chance.next() * (LEASE_BYTES_MAX + 20)));
    bytes.set([0x4c, 0x31 + Math.floor(chance.next() * 2)].slice(0, bytes.length));
    decodeLease(bytes);
  }
});

lease('carry nonces that grow with their sequence', () => {
  const nonces = [1, 9, 10, 2 ** 31, 2 ** 32, 2 ** 52].map((sequence, at) => nonceOf(sequence, 0xffffffff - at));
  assert.equal([...nonces].toSorted(), nonces);
  assert.is(sequenceOf(nonceOf(2 ** 52 + 3, 5)), 2 ** 52 + 3);
});

lease('name the figures that both ends calculate with', () => {
  const { standard, fast, soft } = TIMING_PROFILES;
  const hashes = [standard, fast, soft, { ...standard, petWindowMs: standard.petWindowMs + 1 }, { ...standard, fenceWaitMs: standard.fenceWaitMs - 1 }].map(constantsHash);
  assert.is(new Set(hashes).size, hashes.length);
  assert.is(constantsHash({ ...standard }), constantsHash(standard));
});

lease.run();
