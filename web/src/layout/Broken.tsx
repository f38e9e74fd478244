import { Anchor, Button, Container, Stack, Text } from '@mantine/core';
import { Component, type ReactNode } from 'react';
import { Link } from 'wouter';
import { PageTitle } from './PageTitle';

/** Shows the fallback in place of what cannot be shown. */
export class ErrorBoundary extends Component<{ fallback: ReactNode; children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    return this.state.failed ? this.props.fallback : this.props.children;
  }
}

/** A page that cannot be shown: most often the program was updated meanwhile. */
export function Broken() {
  return (
    <Container size="xs" py={80}>
      <Stack align="flex-start">
        <PageTitle>This page cannot be shown</PageTitle>
        <Text>Roster may have been updated since you opened it. Load the page again; nothing that was saved is lost.</Text>
        <Button onClick={() => location.reload()}>Load again</Button>
      </Stack>
    </Container>
  );
}

export function NoSuchPage() {
  return (
    <Container size="xs" py={80}>
      <Stack align="flex-start">
        <PageTitle>There is no such page</PageTitle>
        <Text>
          Check the address, or go to{' '}
          <Anchor component={Link} to="/users">
            Users
          </Anchor>
          .
        </Text>
      </Stack>
    </Container>
  );
}
