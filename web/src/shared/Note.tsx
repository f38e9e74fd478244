import { IconAlertTriangle, IconCheck, IconInfoCircle } from '@tabler/icons-react';
import type { ReactNode } from 'react';

const icons = { good: IconCheck, warn: IconInfoCircle, bad: IconAlertTriangle };

/** A short remark; what it means is said by its words, the colour only helps. */
export function Note({ tone, children }: { tone: keyof typeof icons; children: ReactNode }) {
  const Icon = icons[tone];
  return (
    <div className="note" data-tone={tone}>
      <Icon size={15} aria-hidden />
      <span>{children}</span>
    </div>
  );
}

/** A remark that says why something was not done, as soon as it appears. */
export function ErrorNote({ children }: { children: ReactNode }) {
  return (
    <div role="alert">
      <Note tone="bad">{children}</Note>
    </div>
  );
}
