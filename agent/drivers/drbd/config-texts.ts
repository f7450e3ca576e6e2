/**
 * Which text has a volume's configuration now? Built once for what it says, since every look at a volume asks.
 *
 * A volume's record changes with every step of its life, what its configuration says hardly ever. Building derives a
 * secret and reads the text back, which was a seventh of what a busy agent allocated.
 */
import type { VolumeId } from '../../../shared/ids.ts';
import { buildDrbdConfig } from './build-config.ts';
import type { DrbdConfigInput } from './build-config.ts';

/** Texts that are kept before all are built anew; what a node has at most is far below. */
const TEXTS_MAX = 10_000;

/** Remembers the last text of each volume. `settings` and `secretOf` never change. */
export class ConfigTexts {
  readonly #settings: Pick<DrbdConfigInput, 'volumeGroup' | 'helper' | 'pingTimeoutTenths'>;
  readonly #secretOf: (volume: DrbdConfigInput['volume']) => string;
  readonly #built = new Map<VolumeId, { readonly says: string; readonly text: string }>();

  constructor(settings: Pick<DrbdConfigInput, 'volumeGroup' | 'helper' | 'pingTimeoutTenths'>, secretOf: (volume: DrbdConfigInput['volume']) => string) {
    this.#settings = settings;
    this.#secretOf = secretOf;
  }

  of(volume: DrbdConfigInput['volume'], nodes: DrbdConfigInput['nodes']): string {
    const says = `${volume.minor} ${volume.port} ${volume.epoch} ${nodes.map((node) => `${node.id} ${node.storageAddress}`).join(' ')}`;
    const known = this.#built.get(volume.id);
    if (known?.says === says) return known.text;
    const text = buildDrbdConfig({ ...this.#settings, volume, nodes, secret: this.#secretOf(volume) });
    if (this.#built.size >= TEXTS_MAX) this.#built.clear();
    this.#built.set(volume.id, { says, text });
    return text;
  }
}
