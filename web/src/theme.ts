import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';

const ink: MantineColorsTuple = [
  '#eef4fb', '#dbe7f5', '#b7cfeb', '#8fb5e0', '#6f9fd8', '#4f86c6', '#3472b8', '#1f5fa8', '#184d8a', '#103865',
];

// Greys of the dark scheme, of the same tint as what they lie on.
const night: MantineColorsTuple = [
  '#dfe3e8', '#b9c0c9', '#a3abb5', '#7d8691', '#3b424b', '#2b3037', '#212529', '#17191c', '#131518', '#0e1012',
];

// What opens over a page is a part of its content.
const inMain = { target: '#main' };

// A list of choices scrolls by itself: a frame around it would have to be
// reached by keyboard too.
const choices = {
  withScrollArea: false,
  comboboxProps: { portalProps: inMain },
  styles: { options: { maxHeight: '13.75rem', overflowY: 'auto' } },
} as const;

export const theme = createTheme({
  colors: { ink, dark: night },
  primaryColor: 'ink',
  primaryShade: 7,
  defaultRadius: 'md',
  cursorType: 'pointer',
  respectReducedMotion: true,
  headings: { fontWeight: '600' },
  components: {
    Anchor: { defaultProps: { underline: 'always' } },
    Modal: {
      styles: { title: { fontWeight: 600, fontSize: '1.0625rem' } },
      defaultProps: {
        transitionProps: { duration: 120 },
        closeButtonProps: { 'aria-label': 'Close' },
        // The page has one header already.
        attributes: { header: { role: 'presentation' } },
      },
    },
    Select: { defaultProps: choices },
    MultiSelect: { defaultProps: choices },
    Popover: { defaultProps: { portalProps: inMain } },
    Menu: {
      defaultProps: {
        transitionProps: { duration: 80 },
        shadow: 'md',
        portalProps: inMain,
        // The focus begins at the first item: nothing else belongs into a menu.
        withInitialFocusPlaceholder: false,
      },
    },
    Tooltip: { defaultProps: { withArrow: true, openDelay: 200 } },
  },
});

/** Mantine's quiet colours are too pale to be read by everybody: contrast is at least 4.5 here. */
export const cssVariablesResolver: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': '#5b6470',
    '--mantine-color-placeholder': '#6b7480',
    '--mantine-color-error': '#c02626',
    '--mantine-color-ink-light-color': '#1f5fa8',
    '--roster-line': '#e3e7ec',
    '--roster-quiet': '#f6f8fa',
    '--roster-good': '#1b7540',
    '--roster-warn': '#8f5500',
    '--roster-bad': '#c02626',
    '--roster-mark': '#fff6db',
    '--roster-chosen': '#eef4fb',
  },
  dark: {
    '--mantine-color-dimmed': '#a3abb5',
    '--mantine-color-placeholder': '#8f98a3',
    '--mantine-color-error': '#ff8f8f',
    '--roster-line': '#2e3238',
    '--roster-quiet': '#1e2125',
    '--roster-good': '#6fcf97',
    '--roster-warn': '#f0b95a',
    '--roster-bad': '#ff8f8f',
    '--roster-mark': '#3a3220',
    '--roster-chosen': '#1b2838',
  },
});
