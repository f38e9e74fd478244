import {
  CancelPasswordResetDocument,
  DeleteUserDocument,
  DisableTwoFactorDocument,
  ReactivateUserDocument,
  ResendInvitationDocument,
  ResetPasswordDocument,
  RevokeSessionsDocument,
  type UserRowFragment,
} from '../api/operations';
import { newKey, type Refusal, refusalOf } from '../api/send';
import { durationText } from '../shared/duration';
import type { ActName } from './menu';

/** Something that is done to one person after a word of confirmation. */
export interface Act {
  name: string;
  /** The button that does it. */
  verb: string;
  takesAway?: boolean;
  /** Whoever it was done to is on another tab then. */
  moves?: boolean;
  question: (who: string) => string;
  /** What will happen, in plain words; the link of a reset works for so many seconds. */
  consequences: (user: UserRowFragment, resetLifetime: number) => string[];
  done: (who: string) => string;
  run: (user: UserRowFragment) => Promise<Refusal>;
}

/** Texts that say something only of some people. */
function sentences(...texts: (string | false | null | undefined)[]): string[] {
  return texts.filter((text) => typeof text === 'string');
}

export const acts: Record<ActName, Act> = {
  RESET_PASSWORD: {
    name: 'Reset password',
    verb: 'Send the link',
    question: (who) => `Reset the password of ${who}?`,
    consequences: (user, resetLifetime) =>
      sentences(
        `They get a mail with a link to set a new password. The link expires in ${durationText(resetLifetime)}.`,
        'Until they set a new one, the current password keeps working, and they stay signed in.',
        user.passwordReset && 'The link that was sent before stops working.',
      ),
    done: (who) => `A link to set a new password is on its way to ${who}.`,
    run: (user) => refusalOf(ResetPasswordDocument, { id: user.id, idempotencyKey: newKey() }),
  },
  CANCEL_PASSWORD_RESET: {
    name: 'Cancel reset',
    verb: 'Cancel the reset',
    question: (who) => `Cancel the password reset of ${who}?`,
    consequences: () => [
      'The link in the mail stops working.',
      'The current password keeps working, and they stay signed in.',
    ],
    done: (who) => `The password reset of ${who} was cancelled.`,
    run: (user) => refusalOf(CancelPasswordResetDocument, { id: user.id }),
  },
  RESEND_INVITATION: {
    name: 'Resend invitation',
    verb: 'Send again',
    question: (who) => `Send the invitation of ${who} again?`,
    consequences: () => ['They get a mail with a fresh link.', 'The link that they have stops working.'],
    done: (who) => `A fresh invitation is on its way to ${who}.`,
    run: (user) => refusalOf(ResendInvitationDocument, { id: user.id, idempotencyKey: newKey() }),
  },
  DISABLE_2FA: {
    name: 'Disable 2FA',
    verb: 'Disable 2FA',
    takesAway: true,
    question: (who) => `Disable two-factor authentication of ${who}?`,
    consequences: () => [
      'From then on the password alone is enough to sign in. Make sure that it is they who asked for it.',
      'They are signed out everywhere, and told by mail.',
    ],
    done: (who) => `Two-factor authentication of ${who} is off.`,
    run: (user) =>
      refusalOf(DisableTwoFactorDocument, { id: user.id, expectedVersion: user.version, idempotencyKey: newKey() }),
  },
  REVOKE_SESSIONS: {
    name: 'Sign out everywhere',
    verb: 'Sign out everywhere',
    question: (who) => `Sign ${who} out everywhere?`,
    consequences: () => ['They are signed out on every device at once.', 'They can sign in again with their password.'],
    done: (who) => `${who} is signed out everywhere.`,
    run: (user) => refusalOf(RevokeSessionsDocument, { userId: user.id }),
  },
  REACTIVATE: {
    name: 'Reactivate',
    verb: 'Reactivate',
    moves: true,
    question: (who) => `Reactivate ${who}?`,
    consequences: (user) =>
      sentences(
        `They have access again as ${user.role.name}, with the password they had. If they never set one, they get a fresh invitation.`,
        user.role.csmSeat && 'They take a CSM seat.',
        'No old session or link works again.',
      ),
    done: (who) => `${who} has access again.`,
    run: (user) =>
      refusalOf(ReactivateUserDocument, { id: user.id, expectedVersion: user.version, idempotencyKey: newKey() }),
  },
  DELETE: {
    name: 'Delete',
    verb: 'Delete',
    takesAway: true,
    moves: true,
    question: (who) => `Delete ${who}?`,
    consequences: (user) =>
      sentences(
        user.status === 'PENDING'
          ? 'The link in their invitation stops working at once.'
          : 'They are signed out everywhere at once, and cannot sign in any more.',
        user.csmSeat && 'Their CSM seat becomes free.',
        user.passwordReset && 'The link to set a new password stops working.',
        'Everything else is kept: you find them under Inactive, and can reactivate them.',
      ),
    done: (who) => `${who} was deleted.`,
    run: (user) => refusalOf(DeleteUserDocument, { id: user.id, expectedVersion: user.version }),
  },
};
