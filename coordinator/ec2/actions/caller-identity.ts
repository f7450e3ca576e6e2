/** Who am I? STS GetCallerIdentity, which ansible and others call on the same endpoint. */
import { defineAction } from '../action.ts';

export const getCallerIdentity = defineAction('GetCallerIdentity', { effect: 'reads' }, (_input, { account, keyId }) =>
  Promise.resolve({ UserId: keyId, Account: account.accountId, Arn: `arn:aws:iam::${account.accountId}:user/${account.name}` }));
