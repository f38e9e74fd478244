import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import type { AnyVariables } from 'urql';
import { client } from './client';
import { type Problem, problemOf } from './problem';
import { proveIdentity } from './proof';

/** A mutation's answer, or why there is none. */
export type Sent<Data> = { data: Data; problem?: undefined } | { data?: undefined; problem: Problem };

/**
 * Sends a mutation. When the service asks for a fresh proof of who is there,
 * the person is asked in place, and the mutation is sent again.
 */
export async function send<Data, Variables extends AnyVariables>(
  mutation: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Sent<Data>> {
  const { data, error } = await client.get().mutation(mutation, variables).toPromise();
  if (!error && data) return { data };
  if (!error) throw new Error('An answer without data and without an error.');
  const problem = problemOf(error);
  if (problem.code === 'REAUTHENTICATION_REQUIRED' && (await proveIdentity())) return send(mutation, variables);
  return { problem };
}

/** Why something was not done, in a sentence; undefined when it was. */
export type Refusal = string | undefined;

type Payload = { userErrors: { message: string }[] };

/** Sends a mutation of which only a refusal is of interest. */
export async function refusalOf<Data extends Record<string, Payload>, Variables extends AnyVariables>(
  mutation: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Refusal> {
  const { data, problem } = await send(mutation, variables);
  if (problem) return problem.message + (problem.requestId ? ` Request id: ${problem.requestId}.` : '');
  return Object.values(data)[0]?.userErrors[0]?.message;
}

/** A text that is new for each intent, so that a repeated request has one effect. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
