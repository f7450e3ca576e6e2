/**
 * Who is this process in the mesh? An Ed25519 key on its boot disk, made at the first start; its peer id is the key's hash.
 */
import { generateKeyPairFromSeed, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys';
import type { PrivateKey } from '@libp2p/interface';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { ClusterError } from '../errors.ts';
import type { Chance, Files } from '../world.ts';

/** A process's identity. */
export interface Identity {
  readonly privateKey: PrivateKey;
  /** As in `Member.peerId`. */
  readonly peerId: string;
}

/** The identity that 32 secret bytes make. */
export async function identityFrom(seed: Uint8Array): Promise<Identity> {
  const privateKey = await generateKeyPairFromSeed('Ed25519', seed);
  return { privateKey, peerId: peerIdFromPrivateKey(privateKey).toString() };
}

/** Reads the identity (file mode 0600), or makes it at the first start. Throws ClusterError `IdentityUnreadable` rather than replacing one. */
export async function loadIdentity(files: Files, chance: Chance, path = 'identity.key'): Promise<Identity> {
  const text = await files.read(path);
  if (text === null) {
    const identity = await identityFrom(chance.bytes(32));
    await files.writeDurably(path, `${Buffer.from(privateKeyToProtobuf(identity.privateKey)).toString('base64')}\n`, 0o600);
    return identity;
  }
  try {
    const privateKey = privateKeyFromProtobuf(Buffer.from(text.trim(), 'base64'));
    return { privateKey, peerId: peerIdFromPrivateKey(privateKey).toString() };
  } catch (cause) {
    throw new ClusterError('IdentityUnreadable', `${files.absolute(path)} holds no identity: restore it, or remove it and enrol the node again`, { retryable: false, cause });
  }
}
