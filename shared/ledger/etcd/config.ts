/**
 * Where does a cell keep its ledger? A field of the configuration of every agent and coordinator, the same for all of a cell.
 */
import * as v from 'valibot';

const PATH = v.pipe(v.string(), v.minLength(1), v.maxLength(4096));
const ENDPOINT = v.pipe(v.string(), v.maxLength(300), v.regex(/^https?:\/\/[0-9A-Za-z.:[\]-]+$/, 'not http(s)://HOST:PORT'));

/** `own`: in the members' own stores, replicated by Raft. `etcd`: in an etcd that the site operates. */
export const ledgerConfig = v.variant('kind', [
  v.strictObject({ kind: v.literal('own') }),
  v.strictObject({
    kind: v.literal('etcd'),
    /** Of all members of that etcd. */
    endpoints: v.pipe(v.array(ENDPOINT), v.minLength(1), v.maxLength(9)),
    /** PEM files, for https: who signed etcd's certificates, and what this member shows of itself. */
    caFile: v.optional(PATH),
    certificateFile: v.optional(PATH),
    keyFile: v.optional(PATH),
  }),
]);

export type LedgerConfig = v.InferOutput<typeof ledgerConfig>;
export type EtcdConfig = Extract<LedgerConfig, { kind: 'etcd' }>;
