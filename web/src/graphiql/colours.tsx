import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import type { editor } from 'monaco-editor';
import { useEffect } from 'react';

// The editor's colours where its own are too faint to be read by everybody
// (contrast is at least 4.5 here, on both shades of the page), or not the page's.
const shades = {
  light: {
    paper: '#ffffff',
    ink: '#1f5fa8',
    tint: '#e6edf5',
    quiet: '#3b4b6811',
    text: '#3b4c6a',
    number: '#1f6b84',
    brackets: ['#0431fa', '#267326', '#7b3814'],
    tokens: { comment: '#3d7a2a', type: '#00706f', number: '#07704a', 'attribute.name': '#b51d1d', 'argument.identifier.gql': '#5f5cc4' },
  },
  dark: {
    paper: '#212a3b',
    ink: '#8fb5e0',
    tint: '#31405a',
    quiet: '#b7c2d711',
    text: '#b7c3d7',
    number: '#9aa5b8',
    brackets: ['#ffd700', '#e08bdc', '#5bb8ff'],
    tokens: { comment: '#8fbc7a', keyword: '#74b3e8', 'argument.identifier.gql': '#a5a1ff' },
  },
};

function theme(scheme: keyof typeof shades): editor.IStandaloneThemeData {
  const { paper, ink, tint, quiet, text, number, brackets, tokens } = shades[scheme];
  const transparent = '#ffffff00';
  return {
    base: scheme === 'dark' ? 'vs-dark' : 'vs',
    inherit: true,
    rules: Object.entries(tokens).map(([token, colour]) => ({ token, foreground: colour.slice(1) })),
    colors: {
      ...Object.fromEntries(brackets.map((colour, level) => [`editorBracketHighlight.foreground${level + 1}`, colour])),
      'editor.background': transparent,
      'scrollbar.shadow': transparent,
      'editorLineNumber.foreground': number,
      'editorLineNumber.activeForeground': text,
      'editorLineNumber.dimmedForeground': number,
      'editorWidget.background': paper,
      'editorWidget.resizeBorder': ink,
      'editorHoverWidget.background': paper,
      'editorSuggestWidget.background': paper,
      'editorSuggestWidget.selectedBackground': tint,
      'editorSuggestWidget.selectedForeground': ink,
      'editorLink.activeForeground': ink,
      'textLink.foreground': ink,
      'textLink.activeForeground': ink,
      'input.background': quiet,
      'inputOption.hoverBackground': tint,
      'toolbar.hoverBackground': tint,
      'list.hoverBackground': tint,
      'list.focusBackground': tint,
      'list.focusForeground': text,
      'list.activeSelectionBackground': tint,
      'list.activeSelectionForeground': text,
      'list.highlightForeground': ink,
      'list.focusHighlightForeground': ink,
      'menu.background': paper,
      'menu.selectionBackground': tint,
      'menu.selectionForeground': ink,
      'quickInput.background': paper,
      'quickInputList.focusBackground': tint,
      'quickInputList.focusForeground': text,
      'pickerGroup.foreground': ink,
      focusBorder: ink,
    },
  };
}

/** What the editors' colours are called in each scheme. */
export const editorTheme = { light: 'roster-light', dark: 'roster-dark' };

/** Begun with the page; the editors may be there before it is done. */
const known = import('monaco-graphql/esm/monaco-editor.js').then((monaco) => {
  for (const scheme of ['light', 'dark'] as const) monaco.editor.defineTheme(editorTheme[scheme], theme(scheme));
});

/** The page follows the system's colours by itself; this has the editors follow too. */
export function FollowColours() {
  const chosen = useGraphiQL((state) => state.theme);
  const { setTheme } = useGraphiQLActions();
  useEffect(() => {
    const follow = () => setTheme(chosen);
    void known.then(follow);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', follow);
    return () => dark.removeEventListener('change', follow);
  }, [chosen, setTheme]);
  return null;
}
