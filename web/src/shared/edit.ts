import { type FormEvent, useState } from 'react';
import type { Problem } from '../api/problem';
import type { Sent } from '../api/send';
import { changed, merge, type Merged } from './merge';

interface Answer<Subject> {
  /** It as it is now. */
  subject: Subject | null | undefined;
  userErrors: { code: string; message: string; field: string[] | null }[];
}

interface EditOptions<Subject, Values> {
  /** It as it was when the form was opened. */
  opened: Subject;
  valuesOf: (subject: Subject) => Values;
  /** Sends what was changed. */
  send: (base: Subject, changed: (keyof Values)[], values: Values) => Promise<Sent<Answer<Subject>>>;
  /** It is saved; nothing was sent when it is undefined. */
  onDone: (saved: Subject | undefined) => void;
}

/** A form that sends only what was changed, and puts it together with what others have changed meanwhile. */
export function useEdit<Subject, Values extends object>({ opened, valuesOf, send, onDone }: EditOptions<Subject, Values>) {
  const [base, setBase] = useState(opened);
  const [values, setValues] = useState(() => valuesOf(opened));
  const [conflict, setConflict] = useState<{ mine: Values; merged: Merged<Values> }>();
  const [errors, setErrors] = useState<{ message: string; field?: string }[]>([]);
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);

  const save = async (event: FormEvent) => {
    event.preventDefault();
    const fields = changed(valuesOf(base), values);
    setErrors([]);
    setProblem(undefined);
    if (fields.length === 0) return onDone(undefined);
    setBusy(true);
    const { data, problem } = await send(base, fields, values);
    setBusy(false);
    if (problem) return setProblem(problem);
    const { subject, userErrors } = data;
    if (userErrors.length === 0) return onDone(subject ?? undefined);
    if (subject && userErrors.some((error) => error.code === 'CONFLICT')) {
      const merged = merge(valuesOf(base), values, valuesOf(subject));
      setConflict({ mine: values, merged });
      setValues(merged.values);
      setBase(subject);
      return;
    }
    setErrors(userErrors.map(({ message, field }) => ({ message, field: field?.at(-1) })));
  };

  /** Begins again with what is there now. */
  const restart = (subject: Subject) => {
    setBase(subject);
    setValues(valuesOf(subject));
    setConflict(undefined);
    setErrors([]);
    setProblem(undefined);
  };

  return {
    base,
    values,
    set: (change: Partial<Values>) => setValues((now) => ({ ...now, ...change })),
    conflict: conflict && { ...conflict, theirs: valuesOf(base) },
    problem,
    busy,
    save,
    restart,
    errorAt: (field: keyof Values) => errors.find((error) => error.field === field)?.message,
    /** What is wrong with none of these fields. */
    errorsElsewhere: (fields: (keyof Values)[]) =>
      errors.filter((error) => !fields.includes(error.field as keyof Values)).map((error) => error.message),
  };
}
