import { Button, Menu } from '@mantine/core';
import { IconChevronDown, IconMenu2 } from '@tabler/icons-react';
import { type ReactNode, useLayoutEffect } from 'react';
import { Link, Redirect, useLocation, useSearch } from 'wouter';
import { changeViewer, viewer } from '../api/client';
import { connection, online } from '../api/connection';
import { LogoutDocument, type Permission, type ViewerFragment } from '../api/operations';
import { useLiveChanges } from '../api/page';
import { send } from '../api/send';
import { Announcer } from '../shared/announce';
import { useStore } from '../shared/store';
import { ProofDialog } from './ProofDialog';
import classes from './layout.module.css';

const places: { to: string; name: string; needs: Permission }[] = [
  { to: '/users', name: 'Users', needs: 'VIEW_USERS' },
  { to: '/roles', name: 'Roles', needs: 'VIEW_USERS' },
  { to: '/audit-log', name: 'Audit log', needs: 'VIEW_AUDIT_LOG' },
  { to: '/organization', name: 'Organization', needs: 'VIEW_USERS' },
];

/** What surrounds the pages of people who are signed in. */
export function Layout({ children }: { children: ReactNode }) {
  const who = useStore(viewer);
  const [path] = useLocation();
  const search = useSearch();
  useLiveChanges();
  useLayoutEffect(() => {
    window.scrollTo(0, 0);
  }, [path]);
  if (who === null) {
    return <Redirect to={`/sign-in?${new URLSearchParams({ next: search ? `${path}?${search}` : path })}`} replace />;
  }
  if (who?.twoFactorRequired && path !== '/account') return <Redirect to="/account" replace />;
  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header className={classes.bar}>
        <Link to="/users" className={classes.brand}>
          <img src="/favicon.svg" alt="" width={26} height={26} />
          Roster
        </Link>
        {who && <Navigation who={who} />}
      </header>
      <ConnectionNotice />
      <main id="main" tabIndex={-1} className={classes.main}>
        {children}
      </main>
      <ProofDialog />
      <Announcer />
    </>
  );
}

function Navigation({ who }: { who: ViewerFragment }) {
  const [path, navigate] = useLocation();
  const open = who.twoFactorRequired ? [] : places.filter((place) => who.permissions.includes(place.needs));
  const signOut = async () => {
    const { problem } = await send(LogoutDocument, {});
    if (problem && problem.code !== 'UNAUTHENTICATED') return;
    changeViewer(null);
    navigate('/sign-in');
  };
  const own = (
    <>
      <Menu.Item component={Link} to="/account">
        Your account
      </Menu.Item>
      <Menu.Item onClick={signOut}>Sign out</Menu.Item>
    </>
  );
  return (
    <nav aria-label="Main" className={classes.nav}>
      {open.map((place) => (
        <Link
          key={place.to}
          to={place.to}
          className={`${classes.link} ${classes.wide}`}
          aria-current={path === place.to || path.startsWith(`${place.to}/`) ? 'page' : undefined}
        >
          {place.name}
        </Link>
      ))}
      <Menu position="bottom-end" width={220}>
        <Menu.Target>
          <Button
            variant="subtle"
            color="gray"
            c="var(--mantine-color-text)"
            my="auto"
            ms="auto"
            px="xs"
            fw={500}
            className={classes.wide}
            rightSection={<IconChevronDown size={16} aria-hidden />}
          >
            <bdi className={`cut ${classes.who}`}>{who.user.name ?? who.user.email}</bdi>
          </Button>
        </Menu.Target>
        <Menu.Dropdown>{own}</Menu.Dropdown>
      </Menu>
      <Menu position="bottom-end" width={240}>
        <Menu.Target>
          <Button
            variant="subtle"
            color="gray"
            c="var(--mantine-color-text)"
            my="auto"
            px="xs"
            className={classes.narrow}
            leftSection={<IconMenu2 size={20} aria-hidden />}
          >
            Menu
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {open.map((place) => (
            <Menu.Item key={place.to} component={Link} to={place.to}>
              {place.name}
            </Menu.Item>
          ))}
          {open.length > 0 && <Menu.Divider />}
          <Menu.Label>
            <bdi className="cut">{who.user.name ?? who.user.email}</bdi>
          </Menu.Label>
          {own}
        </Menu.Dropdown>
      </Menu>
    </nav>
  );
}

function ConnectionNotice() {
  const live = useStore(connection);
  if (!useStore(online)) {
    return (
      <div role="status" className={classes.notice}>
        You are offline. What you see may be out of date; it is fetched again when the network is back.
      </div>
    );
  }
  if (live !== 'interrupted') return null;
  return (
    <div role="status" className={classes.notice}>
      Changes of others do not arrive at the moment. Trying to connect again…
    </div>
  );
}
