import { type ComponentType, lazy, Suspense } from 'react';
import { Redirect, Route, Switch, useLocation } from 'wouter';
import { Broken, ErrorBoundary, NoSuchPage } from './layout/Broken';
import { Layout } from './layout/Layout';

// Pages come with the first visit to them. The paths stand in internal/httpd too.
function page(load: () => Promise<{ default: ComponentType }>) {
  return lazy(load);
}

const entries = {
  '/sign-in': page(() => import('./entry/SignInPage')),
  '/forgotten-password': page(() => import('./entry/ForgottenPasswordPage')),
  '/accept-invitation': page(() => import('./entry/AcceptInvitationPage')),
  '/reset-password': page(() => import('./entry/ResetPasswordPage')),
};

const pages = {
  '/users': page(() => import('./users/UsersPage')),
  '/users/:id': page(() => import('./person/PersonPage')),
  '/roles': page(() => import('./roles/RolesPage')),
  '/audit-log': page(() => import('./audit/AuditPage')),
  '/organization': page(() => import('./organization/OrganizationPage')),
  '/account': page(() => import('./account/AccountPage')),
};

export function Routes() {
  const [path] = useLocation();
  return (
    <ErrorBoundary fallback={<Broken />}>
      <Suspense>
        <Switch>
          {Object.entries(entries).map(([path, Page]) => (
            <Route key={path} path={path} component={Page} />
          ))}
          <Route>
            <Layout>
              <ErrorBoundary key={path} fallback={<Broken />}>
                <Suspense>
                  <Switch>
                    <Route path="/">
                      <Redirect to="/users" replace />
                    </Route>
                    {Object.entries(pages).map(([path, Page]) => (
                      <Route key={path} path={path} component={Page} />
                    ))}
                    <Route component={NoSuchPage} />
                  </Switch>
                </Suspense>
              </ErrorBoundary>
            </Layout>
          </Route>
        </Switch>
      </Suspense>
    </ErrorBoundary>
  );
}
