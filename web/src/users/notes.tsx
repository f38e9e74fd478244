import type { ReactNode } from 'react';
import type { UserRowFragment } from '../api/operations';
import { Note } from '../shared/Note';
import { RelativeTime } from '../shared/time';

/** What is not there, or does not matter. */
export function Quiet({ children }: { children: ReactNode }) {
  return <span className="quiet">{children}</span>;
}

/** A long address breaks before its domain. */
export function Address({ email }: { email: string }) {
  const at = email.lastIndexOf('@');
  if (at < 0) return <bdi>{email}</bdi>;
  return (
    <bdi>
      {email.slice(0, at)}
      <wbr />
      {email.slice(at)}
    </bdi>
  );
}

/** An outstanding password reset. */
export function Reset({ reset }: { reset: NonNullable<UserRowFragment['passwordReset']> }) {
  if (reset.delivery.state === 'FAILED') return <Note tone="bad">Password reset: {failure(reset.delivery)}</Note>;
  if (new Date(reset.expiresAt) <= new Date()) {
    return (
      <Note tone="warn">
        Password reset: the link expired <RelativeTime at={reset.expiresAt} />
      </Note>
    );
  }
  return (
    <Note tone="warn">
      {reset.delivery.state === 'SENT' ? 'Password reset sent' : 'Password reset asked for'}{' '}
      <RelativeTime at={reset.requestedAt} />, link expires <RelativeTime at={reset.expiresAt} />
    </Note>
  );
}

type MailDelivery = NonNullable<UserRowFragment['invitation']>['delivery'];

/** What became of the mail of an invitation. */
export function Delivery({ delivery }: { delivery: MailDelivery }) {
  if (delivery.state === 'SENT') return <>Sent</>;
  if (delivery.state === 'QUEUED' && !delivery.reason) return <Quiet>On its way</Quiet>;
  return <Note tone={delivery.state === 'FAILED' ? 'bad' : 'warn'}>{failure(delivery)}</Note>;
}

function failure({ state, reason }: MailDelivery): string {
  const what = state === 'FAILED' ? 'The mail was not delivered' : 'Not sent yet, trying again';
  return reason ? `${what}: ${reason}` : `${what}.`;
}
