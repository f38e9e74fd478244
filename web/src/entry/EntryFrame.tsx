import { Stack } from '@mantine/core';
import type { ReactNode } from 'react';
import { PageTitle } from '../layout/PageTitle';
import { Announcer } from '../shared/announce';
import classes from './entry.module.css';

/** What surrounds the pages of people who are not signed in. */
export function EntryFrame({ title, leaveFocus, children }: { title: string; leaveFocus?: boolean; children: ReactNode }) {
  return (
    <main className={classes.page}>
      <div className={classes.brand}>
        <img src="/favicon.svg" alt="" width={28} height={28} />
        Roster
      </div>
      <Stack className={`panel ${classes.card}`}>
        <PageTitle leaveFocus={leaveFocus}>{title}</PageTitle>
        {children}
      </Stack>
      <Announcer />
    </main>
  );
}
