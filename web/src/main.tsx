import './styles';
import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Provider } from 'urql';
import { client } from './api/client';
import { watchLinkTokens } from './entry/linkToken';
import { Routes } from './routes';
import { useStore } from './shared/store';
import { cssVariablesResolver, theme } from './theme';

function App() {
  return (
    <MantineProvider theme={theme} cssVariablesResolver={cssVariablesResolver} defaultColorScheme="auto">
      <Notifications className="told" position="bottom-right" limit={4} autoClose={8000} />
      <Provider value={useStore(client)}>
        <Routes />
      </Provider>
    </MantineProvider>
  );
}

watchLinkTokens();

const root = document.getElementById('root');
if (!root) throw new Error('The page has no #root.');
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
