/**
 * What of libp2p does an agent do without? It is told before libp2p is loaded, because whatever is imported is never given back.
 *
 * - Curves, ciphers and hashes in JavaScript and WebAssembly: OpenSSL does what a member needs (left-out.ts, noise-crypto.ts). 4 MiB
 *   of an agent's RSS after its imports, measured with Node 24.21.
 * - ICU's collation: libp2p sorts protocols and addresses with `localeCompare`, which loads 3 MiB of tables of all languages for
 *   the first comparison. Any order will do as long as it is the same each time; ours is that of the code units, and of no country.
 */
import { registerHooks } from 'node:module';

/** Packages whose every module is replaced. */
const LEFT_OUT = /^(?:@noble\/|@chainsafe\/as-)/;

/** Call it before anything imports libp2p; it is for the whole process, and for good. */
export function leaveOutLibraries(): void {
  const url = new URL('./left-out.ts', import.meta.url).href;
  registerHooks({
    resolve: (specifier, context, next) => (LEFT_OUT.test(specifier) ? { url, shortCircuit: true } : next(specifier, context)),
  });
  String.prototype.localeCompare = function localeCompare(this: string, other: string): number {
    const own = String(this);
    return own < other ? -1 : own > other ? 1 : 0;
  };
}
