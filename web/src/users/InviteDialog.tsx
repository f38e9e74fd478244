import { Button, CloseButton, Group, Select, Stack, Textarea } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { type FormEvent, memo, useEffect, useMemo, useRef, useState } from 'react';
import { useQuery } from 'urql';
import { InvitationsPreviewDocument, InviteUsersDocument, type UsersQuery } from '../api/operations';
import { type Problem, problemOf } from '../api/problem';
import { newKey, send } from '../api/send';
import { announce } from '../shared/announce';
import { type Dialog, DialogWindow } from '../shared/dialog';
import { ErrorNote, Note } from '../shared/Note';
import { ProblemNote } from '../shared/ProblemNote';
import { forecast, leftToMend, mailCount, outcomes, troubles, type Verdict, without } from './invitations';
import classes from './users.module.css';

interface InviteDialogProps {
  dialog: Dialog<true>;
  roles: UsersQuery['roles'];
}

export const InviteDialog = memo(function InviteDialog({ dialog, roles }: InviteDialogProps) {
  return (
    <DialogWindow dialog={dialog} title={() => 'New users'} size="lg">
      {() => <InviteForm roles={roles} close={dialog.close} />}
    </DialogWindow>
  );
});

function InviteForm({ roles, close }: { roles: UsersQuery['roles']; close: () => void }) {
  const [roleId, setRoleId] = useState<string | null>(null);
  const [text, setText] = useState('');
  const [answers, setAnswers] = useState<Verdict[]>();
  const [refusal, setRefusal] = useState<string>();
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  // A request that is sent again for the same people has no second effect.
  const key = useRef(newKey());

  const [settled] = useDebouncedValue(text, 300);
  const asked = settled.trim() !== '' && roleId !== null;
  const [{ data, error, fetching }] = useQuery({
    query: InvitationsPreviewDocument,
    variables: useMemo(() => ({ emails: [settled], roleId: roleId ?? '' }), [settled, roleId]),
    pause: !asked,
    requestPolicy: 'network-only',
  });
  const preview = asked ? data?.previewInvitations : undefined;
  const verdicts = preview?.results ?? [];
  const current = settled === text && !fetching;
  const tooMuch = preview?.userErrors[0]?.message;
  const summary =
    preview && verdicts.length > 0
      ? forecast(verdicts, { needed: preview.seatsNeeded, available: preview.seatsAvailable })
      : '';
  useEffect(() => {
    if (summary && current) announce(summary);
  }, [summary, current]);

  const invite = async (event: FormEvent) => {
    event.preventDefault();
    if (!roleId || text.trim() === '') return;
    setBusy(true);
    setRefusal(undefined);
    setProblem(undefined);
    const { data, problem } = await send(InviteUsersDocument, {
      input: { emails: [text], roleId, idempotencyKey: key.current },
    });
    setBusy(false);
    if (problem) return setProblem(problem);
    const { results, userErrors } = data.inviteUsers;
    if (userErrors.length > 0) return setRefusal(userErrors[0]?.message);
    key.current = newKey();
    setAnswers(results);
    setText(leftToMend(results));
    const mails = mailCount(results);
    announce(`${mails} of ${results.length} invited.`);
  };

  if (answers && text === '') {
    return (
      <Stack>
        <Answers answers={answers} />
        <Group justify="flex-end" className={classes.foot}>
          <Button variant="default" onClick={() => setAnswers(undefined)}>
            Invite more
          </Button>
          <Button onClick={close} autoFocus>
            Done
          </Button>
        </Group>
      </Stack>
    );
  }
  return (
    <form onSubmit={invite} noValidate>
      <Stack>
        {answers && <Answers within answers={answers.filter(({ outcome }) => !outcomes[outcome].mend)} />}
        <Select
          label="Role"
          placeholder="Choose what they will be"
          data={roles.map((role) => ({ value: role.id, label: role.csmSeat ? `${role.name} (takes a seat)` : role.name }))}
          value={roleId}
          onChange={setRoleId}
          allowDeselect={false}
          required
          data-autofocus={!answers}
        />
        <Textarea
          label="E-mail addresses"
          description="One or many, as you type or paste them: commas, lines, Ann Lee <ann@example.com>"
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          autosize
          minRows={3}
          maxRows={10}
          required
          spellCheck={false}
          autoComplete="off"
          error={tooMuch !== undefined}
        />
        {verdicts.length > 0 && (
          <Stack gap="xs" data-outdated={!current || undefined} className={classes.preview}>
            <ul className={classes.chips} aria-label="What will become of each address">
              {verdicts.map((verdict, index) => (
                <Chip key={index} verdict={verdict} remove={() => setText(without(verdicts, index))} />
              ))}
            </ul>
            {troubles(verdicts).map(({ outcome, message, addresses }) => (
              <Note key={message} tone={outcomes[outcome].tone}>
                <bdi>{addresses.slice(0, named).join(', ')}</bdi>
                {addresses.length > named && ` and ${addresses.length - named} more`}: {message}
              </Note>
            ))}
          </Stack>
        )}
        {error && <ProblemNote problem={problemOf(error)} />}
        {problem && <ProblemNote problem={problem} />}
        <Group justify="flex-end" className={classes.foot}>
          <div className={classes.summary}>
            {tooMuch || refusal ? (
              <ErrorNote>{tooMuch ?? refusal}</ErrorNote>
            ) : (
              summary || (text.trim() !== '' && !roleId && 'Choose a role to see what will become of each address.')
            )}
          </div>
          <Button variant="default" onClick={close}>
            {answers ? 'Done' : 'Cancel'}
          </Button>
          <Button type="submit" loading={busy} disabled={!roleId || text.trim() === ''}>
            {inviteLabel(current ? mailCount(verdicts) : 0)}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

// Of those whom a reason concerns; each has its own chip besides.
const named = 3;

function inviteLabel(mails: number): string {
  if (mails === 0) return 'Invite';
  return mails === 1 ? 'Invite 1 person' : `Invite ${mails} people`;
}

function Chip({ verdict, remove }: { verdict: Verdict; remove: () => void }) {
  const { tone, verdict: word } = outcomes[verdict.outcome];
  const address = verdict.email ?? verdict.input;
  return (
    <li className={classes.chip} data-tone={tone} title={verdict.message}>
      <bdi className="cut">{address}</bdi>
      <span className={classes.verdict}>{word}</span>
      <CloseButton size="xs" aria-label={`Leave ${address} out`} onClick={remove} />
    </li>
  );
}

/** What became of each address; within the form they leave room for what is left to mend. */
function Answers({ answers, within = false }: { answers: Verdict[]; within?: boolean }) {
  return (
    <Stack
      gap="xs"
      component="section"
      aria-label="What became of each address"
      className={within ? classes.answers : undefined}
      tabIndex={within && answers.length > 0 ? 0 : undefined}
    >
      {answers.map((verdict, index) => (
        <Note key={index} tone={outcomes[verdict.outcome].tone}>
          <bdi>{verdict.email ?? verdict.input}</bdi>: {verdict.message}
        </Note>
      ))}
    </Stack>
  );
}
