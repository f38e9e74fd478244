import type { CombinedError } from 'urql';

/** Why a request as a whole failed, in words for a person. */
export interface Problem {
  code: string;
  message: string;
  /** For the operator; only with faults of the service. */
  requestId?: string;
}

const unreachable: Problem = {
  code: 'UNREACHABLE',
  message: 'The service cannot be reached. Check your connection, then try again.',
};

export function problemOf(error: CombinedError): Problem {
  const coded = error.graphQLErrors.find((e) => typeof e.extensions.code === 'string');
  if (!coded) return unreachable;
  const { code, requestId } = coded.extensions;
  return {
    code: String(code),
    // With RATE_LIMITED it says how long to wait.
    message: coded.message,
    requestId: typeof requestId === 'string' ? requestId : undefined,
  };
}

export function codeOf(error: CombinedError | undefined): string | undefined {
  return error && problemOf(error).code;
}
