import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import type { AnyVariables } from 'urql';
import { askOnce } from '../api/client';
import {
  ChangeRoleOfOneOfManyDocument,
  DeleteOneOfManyDocument,
  ReactivateOneOfManyDocument,
  ResendToOneOfManyDocument,
  SelectedNowDocument,
  type SelectedFragment,
  type UserErrorCode,
  type UserStatus,
} from '../api/operations';
import type { Problem } from '../api/problem';
import { newKey, send, type Sent } from '../api/send';

/** As many as can be selected at a time. */
export const mostSelected = 1000;

export type SeveralKind = 'RESEND_INVITATION' | 'REACTIVATE' | 'CHANGE_ROLE' | 'DELETE';

/** What became of one of them: undefined when it was done, else why not. */
export type Fate = string | undefined;

/** What is done to each of them. */
export interface Change {
  kind: SeveralKind;
  /** The role that they get. */
  roleId: string | null;
}

/** Problems that come of what is asked of one of them; whatever else goes wrong, goes wrong for all. */
const ownProblems = new Set(['INTERNAL', 'BAD_USER_INPUT']);
/** Problems that may be over in a moment. */
const passing = new Set(['UNAVAILABLE', 'UNREACHABLE']);
const pauses = [500, 2000, 5000];

interface Answer {
  userErrors: { code: UserErrorCode; message: string }[];
}

/** One of them, what became of it, and what is known of them now. */
export interface Ended {
  user: SelectedFragment;
  fate: Fate;
}

/**
 * Changes one of many. A change whose answer was lost is sent again: it has no
 * second effect. Answers the problem when there is no use in going on.
 */
export async function changeOne(
  user: SelectedFragment,
  { kind, roleId }: Change,
  goesOn: () => boolean,
): Promise<Ended | { problem: Problem }> {
  const change = request(user, kind, roleId);
  let { data, problem } = await change();
  let again = false;
  for (const pause of pauses) {
    if (!problem || !passing.has(problem.code) || !goesOn()) break;
    await new Promise((resolve) => setTimeout(resolve, pause));
    again = true;
    ({ data, problem } = await change());
  }
  if (problem) {
    if (!ownProblems.has(problem.code)) return { problem };
    return { user, fate: problem.message + (problem.requestId ? ` Request id: ${problem.requestId}.` : '') };
  }
  const refused = data?.userErrors[0];
  if (refused?.code !== 'CONFLICT') return { user, fate: refused?.message };
  return { user, fate: refused.message, ...(await whatBecame(user, again ? roleId : null)) };
}

/** What has become of somebody who is not as they were seen; with a role: it may have been given by a request whose answer was lost. */
async function whatBecame(user: SelectedFragment, roleId: string | null): Promise<Partial<Ended>> {
  const { data } = await askOnce(SelectedNowDocument, { id: user.id });
  const now = data?.user;
  if (!now) return {};
  if (now.status !== user.status) return { user: now, fate: moved[now.status] };
  if (now.role.id === roleId) return { user: now, fate: undefined };
  return { user: now };
}

const moved: Record<UserStatus, string> = {
  ACTIVE: 'Has access meanwhile. Look for them under Active.',
  PENDING: 'Was invited again meanwhile. Look for them under Pending.',
  INACTIVE: 'Was deleted meanwhile. Look for them under Inactive.',
};

type Request = () => Promise<Sent<Answer>>;

/** What is sent for one of them, with the same key however often. */
function request({ id, version: expectedVersion }: SelectedFragment, kind: SeveralKind, roleId: string | null): Request {
  const idempotencyKey = newKey();
  switch (kind) {
    case 'DELETE':
      return () => payload(DeleteOneOfManyDocument, { id, expectedVersion }, (data) => data.deleteUser);
    case 'REACTIVATE':
      return () =>
        payload(ReactivateOneOfManyDocument, { id, expectedVersion, idempotencyKey }, (data) => data.reactivateUser);
    case 'RESEND_INVITATION':
      return () => payload(ResendToOneOfManyDocument, { id, idempotencyKey }, (data) => data.resendInvitation);
    case 'CHANGE_ROLE':
      return () =>
        payload(ChangeRoleOfOneOfManyDocument, { id, roleId: roleId ?? '', expectedVersion }, (data) => data.updateUser);
  }
}

async function payload<Data, Variables extends AnyVariables>(
  mutation: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  answer: (data: Data) => Answer,
): Promise<Sent<Answer>> {
  const { data, problem } = await send(mutation, variables);
  return problem ? { problem } : { data: answer(data) };
}
